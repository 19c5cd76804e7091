"""A peer's byte stream, made safe to write to."""

import trio

from actors.signaling.limits import MAX_LINGER_BYTES

RECEIVE_BYTES = 16 * 1024


class BoundedStream(trio.abc.Stream):
    """Every send has a deadline, and bytes already read can be put back once.

    A peer that does not read within the deadline (seconds) counts as broken, whoever was sending.
    """

    def __init__(self, inner: trio.abc.Stream, send_timeout: float) -> None:
        self._inner = inner
        self._send_timeout = send_timeout
        self._unread = b""

    def put_back(self, content: bytes) -> None:
        self._unread = content

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        with trio.move_on_after(self._send_timeout) as patience:
            await self._inner.send_all(data)
        if patience.cancelled_caught:
            await trio.aclose_forcefully(self._inner)
            raise trio.BrokenResourceError("the peer does not read")

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._unread:
            await trio.lowlevel.checkpoint()
            content, self._unread = self._unread, b""
            return content
        return await self._inner.receive_some(max_bytes)

    async def linger(self, seconds: float) -> None:
        """Read and drop what a refused peer still sends: closing at once would reset away our last words."""
        with trio.move_on_after(seconds):
            dropped = 0
            while True:
                content = await self._inner.receive_some(RECEIVE_BYTES)
                dropped += len(content)
                if not content or dropped > MAX_LINGER_BYTES:
                    return

    async def aclose(self) -> None:
        await self._inner.aclose()
