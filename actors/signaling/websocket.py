"""A client's WebSocket at the gateway: the session decides, this reads, writes and closes."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from actors.signaling.gateway_effects import (
    Authenticated,
    CloseSocket,
    GatewayEffect,
    RegistrationChanged,
    Route,
    SendFrame,
    SendHeartbeat,
)
from actors.signaling.gateway_session import Authenticate, Clock, Locality, expire, open_session, receive
from actors.signaling.limits import MAX_OUTBOX_FRAMES, Limits
from actors.signaling.link import Router
from actors.signaling.messages import Message
from actors.signaling.schema import HEARTBEAT, encode
from actors.signaling.timing import SessionTiming
from actors.signaling.token import AccessToken
from supervisor import Mailbox

GOING_AWAY = 1001
INTERNAL_ERROR = 1011

Outgoing: TypeAlias = SendFrame | SendHeartbeat | CloseSocket


@dataclass(frozen=True, slots=True)
class Reception:
    """What all sockets of a gateway share. `wall` is the wall clock, seconds since the epoch.

    `origins` are those of the pages that may come, empty for any; who sends none is no page.
    `numbers` name the sockets; they go on when the listener restarts.
    """

    router: Router
    authenticate: Authenticate
    wall: Callable[[], float]
    timing: SessionTiming = field(default_factory=SessionTiming)
    locality: Locality = field(default_factory=Locality)
    limits: Limits = field(default_factory=Limits)
    origins: frozenset[str] = frozenset()
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)


class SocketLink:
    """The `Link` of an authenticated socket; `token` and `reconnect_timeout` are set by its `listen`."""

    def __init__(self, link_id: str) -> None:
        self.id = link_id
        self.token = AccessToken(identity="", account="", key="", expires_at=0.0)
        self.reconnect_timeout = 0.0
        self.outbox: Mailbox[Outgoing] = Mailbox(MAX_OUTBOX_FRAMES + 1, link_id)  # one more for the close
        self.scope = trio.CancelScope()
        self._is_open = True

    def __repr__(self) -> str:
        state = "open" if self._is_open else "closed"
        return f"<SocketLink {self.id} {state} {len(self.outbox)}/{MAX_OUTBOX_FRAMES}>"

    @property
    def identity(self) -> str:
        return self.token.identity

    @property
    def is_open(self) -> bool:
        return self._is_open

    def post(self, message: Message) -> None:
        self.send(SendFrame(message))

    def close(self, code: int, reason: str) -> None:
        if self._is_open:
            self._is_open = False
            self.outbox.post(CloseSocket(code, reason))

    def send(self, frame: SendFrame | SendHeartbeat) -> None:
        """Queue a frame; a full outbox means that the peer does not read: the socket is dropped."""
        if not self._is_open:
            return
        if len(self.outbox) < MAX_OUTBOX_FRAMES:
            self.outbox.post(frame)
        else:
            self.drop()

    def drop(self) -> None:
        """Nothing more goes in or out."""
        self._is_open = False
        self.scope.cancel(reason="the socket is gone or does not keep up")


async def serve_websocket(websocket: WebSocketConnection, link_id: str, reception: Reception) -> None:
    """Serve an accepted WebSocket until it is closed.

    A cancellation closes it with 1001 and a crash with 1011. What the router raises is raised here.
    """
    socket = ServerSocket(websocket, link_id, reception)
    try:
        await socket.run()
    finally:
        is_cancelled = trio.current_effective_deadline() == -math.inf
        with trio.move_on_after(reception.limits.close, shield=True):
            await websocket.aclose(GOING_AWAY if is_cancelled else INTERNAL_ERROR)


class ServerSocket:
    """Two tasks: one reads and steps the session, one writes."""

    def __init__(self, websocket: WebSocketConnection, link_id: str, reception: Reception) -> None:
        self._websocket = websocket
        self._reception = reception
        self._link = SocketLink(link_id)
        self._is_announced = False
        self._session = open_session(
            trio.current_time(), timing=reception.timing, locality=reception.locality
        )

    async def run(self) -> None:
        try:
            with self._link.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write, name=f"{self._link.id}/writer")
                    await self._read()
                    if self._link.is_open:  # else the writer is closing the socket, and ends by itself
                        nursery.cancel_scope.cancel(reason="the client has gone")
        finally:
            self._link.drop()
            if self._is_announced:
                self._reception.router.closed(self._link)

    async def _read(self) -> None:
        try:
            while True:
                text = await self._receive()
                if self._link.is_open:
                    self._step(text)
        except ConnectionClosed:
            return

    async def _receive(self) -> str | bytes | None:
        """A frame, or None when the session's deadline has come."""
        with trio.move_on_at(self._session.deadline if self._link.is_open else math.inf):
            return await self._websocket.get_message()
        return None

    def _step(self, text: str | bytes | None) -> None:
        now = trio.current_time()
        if text is None:
            self._session, effects = expire(self._session, now)
        else:
            self._session, effects = receive(
                self._session,
                text,
                Clock(now, self._reception.wall()),
                authenticate=self._reception.authenticate,
                has_room=self._reception.router.has_room,
                has_calls=self._is_announced and self._reception.router.has_calls(self._link),
            )
        self._perform(effects)

    def _perform(self, effects: Iterable[GatewayEffect]) -> None:
        router = self._reception.router
        for effect in effects:
            match effect:
                case SendFrame() | SendHeartbeat():
                    self._link.send(effect)
                case Authenticated():
                    self._authenticated(effect)
                case RegistrationChanged(is_registered=True):
                    router.registered(self._link)
                case RegistrationChanged():
                    router.unregistered(self._link)
                case Route(envelope):
                    router.route(self._link, envelope)
                case CloseSocket(code, reason):
                    self._link.close(code, reason)
                case _:
                    assert_never(effect)

    def _authenticated(self, effect: Authenticated) -> None:
        self._link.token = effect.token
        self._link.reconnect_timeout = effect.listen.reconnect_timeout
        if not self._is_announced:
            self._is_announced = True
            self._reception.router.opened(self._link, effect.token)

    async def _write(self) -> None:
        """Send what is posted, up to the close. The reader sees the end of the socket as well."""
        is_closing = False
        while not is_closing:
            frame = await self._link.outbox.receive()
            is_closing = isinstance(frame, CloseSocket)
            try:
                await self._send(frame)
            except ConnectionClosed:
                return

    async def _send(self, frame: Outgoing) -> None:
        match frame:
            case SendFrame(message):
                await self._websocket.send_message(encode(message))
            case SendHeartbeat():
                await self._websocket.send_message(HEARTBEAT)
            case CloseSocket(code, reason):
                with trio.move_on_after(self._reception.limits.close):
                    await self._websocket.aclose(code, reason)
            case _:
                assert_never(frame)
