"""JSON lines over a process' pipes."""

import trio

from actors.demo.link import MAX_LINE_BYTES

CHUNK_BYTES = 64 * 1024


class BrokenPipeLine(Exception):
    """The other process sent a line that is too long, or ended in the middle of one."""


class LineReader:
    """Takes a stream of bytes apart into lines."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._unread = bytearray()

    async def receive(self) -> bytes | None:
        """The next line without its end; None when the stream has ended.

        Raises:
            BrokenPipeLine: longer than `MAX_LINE_BYTES`, or cut off.
        """
        while (end := self._unread.find(b"\n")) < 0:
            if len(self._unread) > MAX_LINE_BYTES:
                raise BrokenPipeLine(f"a line is longer than {MAX_LINE_BYTES} bytes")
            chunk = await self._stream.receive_some(CHUNK_BYTES)
            if not chunk:
                if self._unread:
                    raise BrokenPipeLine("the last line is cut off")
                return None
            self._unread += chunk
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line
