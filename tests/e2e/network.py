"""The network between a page and the gateway, in the hands of a test: a TCP proxy and UDP relays."""

import errno
import socket
import struct

import trio

HOST = "127.0.0.1"
CHUNK = 65536
RTP_OR_RTCP = range(128, 192)
"""First bytes (RFC 7983)."""
ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close an RST: for the page the socket ends without a close frame."""
Address = tuple[str, int]


class Wire:
    """Carries the page's WebSocket. TLS passes through it unread."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.connections = 0
        self._target = target
        self._is_cut = False
        self._flowing = trio.Event()
        self._flowing.set()
        self._admitting = trio.Event()
        self._admitting.set()
        self._open: set[trio.CancelScope] = set()

    def cut(self) -> None:
        """Break every connection, and let none be made."""
        self._is_cut = True
        self.drop()

    def drop(self) -> None:
        """Break every connection; the next ones work."""
        for scope in self._open:
            scope.cancel()

    def stall(self) -> None:
        """Carry nothing more, and break nothing."""
        self._flowing = trio.Event()

    def hold(self) -> None:
        """Let new connections wait, as in front of a server that is restarted."""
        self._admitting = trio.Event()

    def heal(self) -> None:
        self._is_cut = False
        self._flowing.set()
        self._admitting.set()

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        listeners = await trio.open_tcp_listeners(0, host=HOST)
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._carry, listeners)

    async def _carry(self, near: trio.SocketStream) -> None:
        near.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        async with near:
            if self._is_cut:
                return
            self.connections += 1
            await self._admitting.wait()
            try:
                far = await trio.open_tcp_stream(HOST, self._target)
            except OSError:  # the server is gone
                return
            far.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            async with far, trio.open_nursery() as nursery:
                self._open.add(nursery.cancel_scope)
                try:
                    nursery.start_soon(self._pump, near, far, nursery.cancel_scope)
                    await self._pump(far, near, nursery.cancel_scope)
                finally:
                    self._open.discard(nursery.cancel_scope)

    async def _pump(
        self, source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope
    ) -> None:
        try:
            async for chunk in source:
                await self._flowing.wait()
                await sink.send_all(chunk)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()


class Path:
    """One way for media: what the page sends to `port` comes to the gateway, and the answers come back.

    `lose_every`: each n-th RTP or RTCP packet, of both directions together, is lost; 0 for none.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.packets = 0
        self.is_dead = False
        self.lose_every = 0
        self._media = 0
        self._target = (HOST, target)
        self._near = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._far: dict[Address, trio.socket.SocketType] = {}

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with self._near:
            await self._near.bind((HOST, 0))
            self.port = self._near.getsockname()[1]
            task_status.started()
            async with trio.open_nursery() as nursery:
                while True:
                    packet, source = await self._near.recvfrom(CHUNK)
                    if self._loses(packet):
                        continue
                    self.packets += 1
                    if source not in self._far:
                        self._far[source] = await _bound()
                        nursery.start_soon(self._return, self._far[source], source)
                    await self._pass(self._far[source], packet, self._target)

    async def _return(self, far: trio.socket.SocketType, source: Address) -> None:
        with far:
            while True:
                packet, _ = await far.recvfrom(CHUNK)
                if not self._loses(packet):
                    await self._pass(self._near, packet, source)

    def _loses(self, packet: bytes) -> bool:
        if not self.lose_every or packet[0] not in RTP_OR_RTCP:
            return self.is_dead
        self._media += 1
        return self.is_dead or self._media % self.lose_every == 0

    @staticmethod
    async def _pass(through: trio.socket.SocketType, packet: bytes, to: Address) -> None:
        try:
            await through.sendto(packet, to)
        except OSError as failed:  # the receiver is gone
            if failed.errno not in (errno.ECONNREFUSED, errno.EPERM):
                raise


async def _bound() -> trio.socket.SocketType:
    made = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    await made.bind((HOST, 0))
    return made
