"""JSON lines over a process' pipes."""

from collections.abc import AsyncGenerator

import trio

from actors.demo.link import MAX_LINE_BYTES


class BrokenPipeLine(Exception):
    """The other process sent a line that is too long, or ended in the middle of one."""


async def lines(stream: trio.abc.ReceiveStream) -> AsyncGenerator[bytes, None]:
    """Each line until the end of the stream.

    Raises:
        BrokenPipeLine: longer than `MAX_LINE_BYTES`, or cut off.
    """
    rest = b""
    async for chunk in stream:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > MAX_LINE_BYTES:
            raise BrokenPipeLine(f"a line is longer than {MAX_LINE_BYTES} bytes")
    if rest:
        raise BrokenPipeLine("the last line is cut off")
