"""Lines over a pipe arrive whole, whatever the chunks."""

import pytest
import trio
from trio.testing import memory_stream_one_way_pair

from actors.demo.link import MAX_LINE_BYTES
from actors.demo.pipes import BrokenPipeLine, LineReader

pytestmark = pytest.mark.actor


async def test_lines_arrive_whole(autojump_clock: trio.testing.MockClock) -> None:
    sender, receiver = memory_stream_one_way_pair()
    reader = LineReader(receiver)
    for chunk in (b"on", b"e\ntw", b"o\n\nthree\n"):
        await sender.send_all(chunk)
    await sender.aclose()
    assert [await reader.receive() for _ in range(5)] == [b"one", b"two", b"", b"three", None]


async def test_a_line_cut_off_is_an_error(autojump_clock: trio.testing.MockClock) -> None:
    sender, receiver = memory_stream_one_way_pair()
    await sender.send_all(b"half")
    await sender.aclose()
    with pytest.raises(BrokenPipeLine):
        await LineReader(receiver).receive()


async def test_a_line_without_end_is_an_error(autojump_clock: trio.testing.MockClock) -> None:
    sender, receiver = memory_stream_one_way_pair()
    await sender.send_all(b"x" * (MAX_LINE_BYTES + 1))
    with pytest.raises(BrokenPipeLine):
        await LineReader(receiver).receive()
