"""The gateway's one port: TLS, then a WebSocket on `/signal` or any other request to the web application."""

import errno
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

import h11
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from actors.signaling.asgi import BAD_REQUEST, App, Peer, refuse, serve_request
from actors.signaling.head import Head, new_connection, read_head_untrusted
from actors.signaling.limits import Limits
from actors.signaling.schema import MAX_FRAME_CHARS
from actors.signaling.shelter import open_shelter
from actors.signaling.stream import RECEIVE_BYTES, BoundedStream
from actors.signaling.websocket import Reception, serve_websocket
from supervisor import (
    NO_FAULTS,
    ChildSpec,
    Faults,
    Notice,
    Policy,
    Ready,
    Restart,
    Supervisor,
    open_supervisor,
)

TOO_LONG = 1009
FORBIDDEN = 403
MESSAGE_QUEUE_SIZE = 16
ACCEPT_PAUSE = 0.1
RESOURCES_SPENT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})

Bind: TypeAlias = Callable[[], Awaitable[Sequence[trio.SocketListener]]]


async def serve_signaling(
    ready: Ready,
    *,
    bind: Bind,
    ssl_context: ssl.SSLContext,
    reception: Reception,
    http: App,
    notify: Callable[[Notice], None],
    name: str = "listener",
    faults: Faults = NO_FAULTS,
) -> None:
    """Serve until cancelled; then every WebSocket is closed with 1001, all at once.

    `bind` opens the listening sockets, such as `partial(trio.open_tcp_listeners, 8443)`; they are closed at
    the end. Each connection is a temporary child of a supervisor, which tells `notify` of crashes.
    """
    listeners = await bind()
    unserved: set[trio.SocketStream] = set()
    try:
        async with (
            open_supervisor(notify, name=name, faults=faults) as connections,
            trio.open_nursery() as nursery,
        ):
            porch = Porch(connections, ssl_context, reception, http, unserved)
            for listener in listeners:
                nursery.start_soon(porch.accept_from, listener)
            ready()
    finally:
        for open_still in (*listeners, *unserved):
            with trio.move_on_after(reception.limits.close, shield=True):
                await trio.aclose_forcefully(open_still)


class Porch:
    """Accepts connections and makes each a child of its own: none of them can stop the others.

    `unserved` are those whose child has not begun yet; one that is stopped before it begins never does.
    """

    def __init__(
        self,
        connections: Supervisor,
        ssl_context: ssl.SSLContext,
        reception: Reception,
        http: App,
        unserved: set[trio.SocketStream],
    ) -> None:
        self._connections = connections
        self._unserved = unserved
        self._ssl_context = ssl_context
        self._reception = reception
        self._http = http

    async def accept_from(self, listener: trio.SocketListener) -> None:
        while True:
            try:
                stream = await listener.accept()
            except OSError as error:
                if error.errno not in RESOURCES_SPENT:
                    raise
                await trio.sleep(ACCEPT_PAUSE)
            else:
                await self._admit(stream)

    async def _admit(self, transport: trio.SocketStream) -> None:
        if len(self._connections.children) >= self._reception.limits.max_connections:
            await trio.aclose_forcefully(transport)
            return
        self._unserved.add(transport)
        name = f"socket {next(self._reception.numbers)}"
        run = partial(self._serve, transport=transport, link_id=name)
        self._connections.start_soon(ChildSpec(name, run, Policy(restart=Restart.TEMPORARY)))

    async def _serve(self, ready: Ready, *, transport: trio.SocketStream, link_id: str) -> None:
        self._unserved.discard(transport)
        peer = _peer_of(transport)
        secure = trio.SSLStream(transport, self._ssl_context, server_side=True, https_compatible=True)
        await serve_stream(
            ready, secure, link_id=link_id, reception=self._reception, http=self._http, peer=peer
        )


async def serve_stream(
    ready: Ready,
    stream: trio.abc.Stream,
    *,
    link_id: str,
    reception: Reception,
    http: App,
    peer: Peer | None = None,
) -> None:
    """Serve one connection; a peer that breaks or leaves it ends it without an error.

    The head's deadline covers the TLS handshake, which the first read performs.
    """
    limits = reception.limits
    bounded = BoundedStream(stream, limits.send)
    connection = new_connection()
    deadline = trio.current_time() + limits.head
    head: Head | None = None
    try:
        with trio.move_on_at(deadline):
            head = await _read_head(bounded, connection, limits)
        if head is None:
            return
        ready()
        refusal = _refusal(head, reception.origins) if head.is_signaling else None
        if refusal is not None:
            await refuse(bounded, connection, refusal)
            await bounded.linger(limits.linger)
        elif head.is_signaling:
            bounded.put_back(head.content)
            await _serve_signal(bounded, link_id, reception, deadline)
        else:
            await serve_request(bounded, connection, head.request, http, limits=limits, peer=peer)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return
    finally:
        with trio.move_on_after(limits.close, shield=True):  # a cancellation must not replace a crash
            await trio.aclose_forcefully(bounded)


def _refusal(head: Head, origins: frozenset[str]) -> int | None:
    if not head.is_readable:
        return BAD_REQUEST
    return None if head.may_come_from(origins) else FORBIDDEN


async def _serve_signal(stream: BoundedStream, link_id: str, reception: Reception, deadline: float) -> None:
    async with open_shelter() as nursery:
        websocket = None
        with trio.move_on_at(deadline):
            websocket = await _accept(nursery, stream)
        if websocket is None:
            return
        await serve_websocket(websocket, link_id, reception)
        if websocket.closed is not None and websocket.closed.code == TOO_LONG:
            await stream.linger(reception.limits.linger)


async def _accept(nursery: trio.Nursery, stream: BoundedStream) -> WebSocketConnection | None:
    request = await wrap_server_stream(
        nursery,
        stream,
        message_queue_size=MESSAGE_QUEUE_SIZE,
        max_message_size=MAX_FRAME_CHARS,
        receive_buffer_size=RECEIVE_BYTES,
    )
    try:
        return await request.accept()
    except ConnectionClosed:
        return None


async def _read_head(stream: BoundedStream, connection: h11.Connection, limits: Limits) -> Head | None:
    try:
        return await read_head_untrusted(stream, connection)
    except h11.RemoteProtocolError as error:
        await refuse(stream, connection, error.error_status_hint)
        await stream.linger(limits.linger)
        return None


def _peer_of(transport: trio.SocketStream) -> Peer | None:
    """None if it has gone already."""
    try:
        host, port, *_ = transport.socket.getpeername()
    except OSError:
        return None
    return host, port
