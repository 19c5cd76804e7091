"""The device's socket to its gateway: one incarnation of the signaling stream."""

import math
import ssl
from collections.abc import Callable
from typing import TypeAlias, assert_never

import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_client_stream

from actors.signaling.client_events import Cut, Leave, Stall, StreamEvent, StreamRequest
from actors.signaling.client_session import (
    Abandon,
    ClientSession,
    Deliver,
    Finish,
    SendFrame,
    SendHeartbeat,
    Step,
    ask,
    expire,
    leave,
    lost,
    opened,
    receive,
)
from actors.signaling.dial import Address, Dial, connect, parse_url, tls_dial
from actors.signaling.errors import SignalingLost
from actors.signaling.messages import Connected
from actors.signaling.schema import HEARTBEAT, MAX_FRAME_CHARS, encode
from actors.signaling.severable import SeverableStream
from actors.signaling.shelter import open_shelter
from actors.signaling.stream import RECEIVE_BYTES, BoundedStream
from supervisor import Mailbox, Ready

MESSAGE_QUEUE_SIZE = 64
MAX_OUTBOX_FRAMES = 1024
NORMAL = 1000
GOING_AWAY = 1001

Outgoing: TypeAlias = SendFrame | SendHeartbeat | Finish
Post: TypeAlias = Callable[[StreamEvent], None]


class SessionCell:
    """Holds the session, which outlives the incarnations of its stream."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session


async def run_stream(
    ready: Ready,
    *,
    url: str,
    ssl_context: ssl.SSLContext,
    cell: SessionCell,
    mailbox: Mailbox[StreamRequest],
    post: Post,
) -> None:
    """Connect to `wss://host:port/signal` and serve one socket; ready when the gateway accepts the token.

    Raises SignalingLost when no socket comes up or it is lost; the supervisor retries.
    Returns when the gateway sent `close`, or on `Leave`. `post` hears every event in order, and never raises.
    """
    address = parse_url(url)
    dial = tls_dial(address, ssl_context)
    await run_stream_over(ready, dial=dial, address=address, cell=cell, mailbox=mailbox, post=post)


async def run_stream_over(
    ready: Ready,
    *,
    dial: Dial,
    address: Address,
    cell: SessionCell,
    mailbox: Mailbox[StreamRequest],
    post: Post,
) -> None:
    """`run_stream` on whatever `dial` opens.

    What lies in the mailbox when the socket opens counts as posted while there was none.
    """
    stream = ClientStream(ready, cell, mailbox, post)
    stream.catch_up()
    if not stream.is_leaving:
        await stream.run(dial, address)


class ClientStream:
    """Three tasks on one socket: one reads, one takes requests, one writes. The session decides."""

    def __init__(self, ready: Ready, cell: SessionCell, mailbox: Mailbox[StreamRequest], post: Post) -> None:
        self.is_leaving = False
        self._ready = ready
        self._cell = cell
        self._mailbox = mailbox
        self._post = post
        self._timing = cell.session.timing
        self._outbox: Mailbox[Outgoing] = Mailbox(
            MAX_OUTBOX_FRAMES + 1, "stream outbox"
        )  # one more for the end
        self._loss: SignalingLost | None = None
        self._line: SeverableStream | None = None
        self._scope = trio.CancelScope()

    def catch_up(self) -> None:
        """Take the requests that came while there was no socket."""
        while len(self._mailbox) and not self.is_leaving:
            self._obey(self._mailbox.receive_nowait())

    async def run(self, dial: Dial, address: Address) -> None:
        deadline = trio.current_time() + self._timing.connect
        transport = await connect(dial, deadline)
        self._line = SeverableStream(transport)
        try:
            await self._converse(BoundedStream(self._line, self._timing.send), address, deadline)
        except* HandshakeError:
            self._loss = SignalingLost("the gateway refused the WebSocket")
        finally:
            self._lose("the stream was stopped")
            with trio.move_on_after(self._timing.close, shield=True):
                await trio.aclose_forcefully(transport)
        if self._loss is not None:
            raise self._loss

    async def _converse(self, stream: BoundedStream, address: Address, deadline: float) -> None:
        async with open_shelter() as nursery:
            websocket: WebSocketConnection | None = None
            with trio.move_on_at(deadline):
                websocket = await wrap_client_stream(
                    nursery,
                    stream,  # type: ignore[arg-type]  # the signature names two classes, any stream will do
                    address.authority,
                    address.path,
                    message_queue_size=MESSAGE_QUEUE_SIZE,
                    max_message_size=MAX_FRAME_CHARS,
                    receive_buffer_size=RECEIVE_BYTES,
                )
            if websocket is None:
                self._loss = SignalingLost("the gateway does not answer")
                return
            try:
                await self._serve(websocket)
            finally:
                with trio.move_on_after(self._timing.close, shield=True):
                    await websocket.aclose(GOING_AWAY)

    async def _serve(self, websocket: WebSocketConnection) -> None:
        self.catch_up()
        if self.is_leaving:
            return
        self._take(opened(self._cell.session, trio.current_time()))
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, websocket, name="stream/writer")
                nursery.start_soon(self._take_requests, name="stream/requests")
                nursery.start_soon(self._read, websocket, name="stream/reader")

    async def _read(self, websocket: WebSocketConnection) -> None:
        try:
            while self._loss is None:
                text = await self._receive(websocket)
                now = trio.current_time()
                session = self._cell.session
                self._take(expire(session, now) if text is None else receive(session, text, now))
        except ConnectionClosed as closed:
            self._lose("the socket was closed", closed.reason.code if closed.reason else None)

    async def _receive(self, websocket: WebSocketConnection) -> str | bytes | None:
        """A frame, or None when the session's deadline has come."""
        deadline = self._cell.session.deadline
        with trio.move_on_at(math.inf if deadline is None else deadline):
            return await websocket.get_message()
        return None

    async def _take_requests(self) -> None:
        while not self.is_leaving:
            request = await self._mailbox.receive()
            if isinstance(request, Cut) and self._line is not None:
                await self._line.cut()
            else:
                self._obey(request)

    def _obey(self, request: StreamRequest) -> None:
        match request:
            case Leave():
                self._take(leave(self._cell.session))
            case Stall():
                if self._line is not None:
                    self._line.stall()
            case Cut():
                return  # there is no socket
            case _:
                self._take(ask(self._cell.session, request, trio.current_time()))

    def _take(self, step: Step) -> None:
        self._cell.session, effects = step
        for effect in effects:
            match effect:
                case SendFrame() | SendHeartbeat():
                    self._send(effect)
                case Deliver(event):
                    if isinstance(event, Connected):
                        self._ready()
                    self._post(event)
                case Abandon(reason):
                    self._lose(reason, GOING_AWAY)  # it is us who close it
                case Finish():
                    self.is_leaving = True
                    self._outbox.post(effect)
                case _:
                    assert_never(effect)

    def _send(self, frame: SendFrame | SendHeartbeat) -> None:
        if len(self._outbox) < MAX_OUTBOX_FRAMES:
            self._outbox.post(frame)
        else:
            self._lose("the gateway does not read")

    def _lose(self, reason: str, code: int | None = None) -> None:
        """The first reason counts; one who is leaving loses nothing."""
        if self.is_leaving or self._loss is not None:
            return
        self._loss = SignalingLost(reason, code)
        self._scope.cancel(reason="the socket is lost")
        self._take(lost(self._cell.session, reason, code))

    async def _write(self, websocket: WebSocketConnection) -> None:
        """Send what is posted; after the last frame close the socket and end its tasks."""
        is_last = False
        while not is_last:
            frame = await self._outbox.receive()
            is_last = isinstance(frame, Finish)
            try:
                await self._send_to(websocket, frame)
            except ConnectionClosed:
                is_last = self.is_leaving
        self._scope.cancel(reason="the socket is closed")

    async def _send_to(self, websocket: WebSocketConnection, frame: Outgoing) -> None:
        match frame:
            case SendFrame(message):
                await websocket.send_message(encode(message))
            case SendHeartbeat():
                await websocket.send_message(HEARTBEAT)
            case Finish():
                with trio.move_on_after(self._timing.close):
                    await websocket.aclose(NORMAL)
            case _:
                assert_never(frame)
