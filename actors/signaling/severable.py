"""A seam for faults on the client's transport."""

import trio


class SeverableStream(trio.abc.Stream):
    """Passes bytes until it is told to stall or to be cut."""

    def __init__(self, inner: trio.abc.Stream) -> None:
        self._inner = inner
        self._is_stalled = False

    def stall(self) -> None:
        """From now on nothing is read and nothing is written; whoever tries waits for ever."""
        self._is_stalled = True

    async def cut(self) -> None:
        """Close the transport without a word to the peer."""
        await trio.aclose_forcefully(self._inner)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._wait_while_stalled()
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._wait_while_stalled()
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        await self._wait_while_stalled()
        content = await self._inner.receive_some(max_bytes)
        await self._wait_while_stalled()
        return content

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _wait_while_stalled(self) -> None:
        if self._is_stalled:
            await trio.sleep_forever()
