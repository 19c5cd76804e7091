"""A NAT between a controlling leg and the server: a UDP relay whose outer port can change."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import trio

from actors.media.datagram import Address
from actors.media.engine_messages import Candidate

LAST_STUN = 3
MAX_DATAGRAM = 2048


class Nat:
    """`candidate` is the server, as seen from inside. `copies` of each packet go out, each way.

    What came from the server and `is_kept` is in `kept`.
    """

    def __init__(self, inner: trio.socket.SocketType, server: Address, nursery: trio.Nursery) -> None:
        self._inner = inner
        self._server = server
        self._nursery = nursery
        self._client: Address | None = None
        self._is_rebinding = False
        self._outer: trio.socket.SocketType | None = None
        self.copies = 1
        self.is_kept: Callable[[bytes], bool] = lambda _: False
        self.kept: list[bytes] = []
        self._news = trio.Event()
        self.candidate = Candidate(*inner.getsockname())

    @property
    def port(self) -> int:
        assert self._outer is not None
        number: int = self._outer.getsockname()[1]
        return number

    async def rebind(self) -> None:
        """From now on packets leave from another port; what comes to the old one is lost."""
        if self._outer is not None:
            self._outer.close()
        self._outer = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        await self._outer.bind(("127.0.0.1", 0))
        self._nursery.start_soon(self._inwards, self._outer)

    def rebind_with_the_next_check(self) -> None:
        """The first packet that leaves from the other port is a STUN check."""
        self._is_rebinding = True

    async def keep_more(self, packets: int) -> None:
        """Wait until so many more are kept."""
        wanted = len(self.kept) + packets
        with trio.fail_after(10):
            await trio.lowlevel.checkpoint()
            while len(self.kept) < wanted:
                self._news = trio.Event()
                await self._news.wait()

    def close(self) -> None:
        if self._outer is not None:
            self._outer.close()

    async def outwards(self) -> None:
        while True:
            data, self._client = await self._inner.recvfrom(MAX_DATAGRAM)
            if self._is_rebinding and data[0] <= LAST_STUN:
                self._is_rebinding = False
                await self.rebind()
            assert self._outer is not None
            for _ in range(self.copies):
                await self._outer.sendto(data, self._server)

    async def _inwards(self, outer: trio.socket.SocketType) -> None:
        with suppress(OSError, trio.ClosedResourceError):  # after rebinding
            while True:
                data, _ = await outer.recvfrom(MAX_DATAGRAM)
                if self.is_kept(data):
                    self.kept.append(data)
                    self._news.set()
                assert self._client is not None
                for _ in range(self.copies):
                    await self._inner.sendto(data, self._client)


@asynccontextmanager
async def open_nat(server: Candidate) -> AsyncIterator[Nat]:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as inner:
        await inner.bind(("127.0.0.1", 0))
        async with trio.open_nursery() as nursery:
            nat = Nat(inner, (server.host, server.port), nursery)
            await nat.rebind()
            nursery.start_soon(nat.outwards)
            try:
                yield nat
            finally:
                nat.close()
            nursery.cancel_scope.cancel()
