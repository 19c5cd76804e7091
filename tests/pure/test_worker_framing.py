"""Messages between processes arrive whole, however the bytes come."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ids import LegId
from actors.media.engine_messages import CloseLeg, LegDigit
from actors.media.workers.framing import MAX_FRAME_BYTES, FrameReader, PipeClosed
from actors.media.workers.messages import Beat, FromWorker, ToWorker

pytestmark = pytest.mark.pure

MESSAGES = [Beat(1, 2, {"srtp": 3}), LegDigit(LegId("L1"), "5", 160), Beat(0, 0, {})]


def frames(*messages: object) -> bytes:
    encoded = map(msgspec.msgpack.encode, messages)
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in encoded)


@given(st.lists(st.integers(0, 200), max_size=8))
def test_messages_come_whole_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    data = frames(*MESSAGES)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    reader: FrameReader[FromWorker] = FrameReader(FromWorker)
    got = [m for start, end in itertools.pairwise(edges) for m in reader.feed(data[start:end])]
    assert got == MESSAGES


def test_a_frame_that_is_too_large_is_refused_before_it_is_gathered() -> None:
    reader: FrameReader[FromWorker] = FrameReader(FromWorker)
    with pytest.raises(PipeClosed, match="frame of"):
        list(reader.feed((MAX_FRAME_BYTES + 1).to_bytes(4, "big")))


@pytest.mark.parametrize("frame", [b"\xc1", b"", msgspec.msgpack.encode({"type": "Nobody"})])
def test_what_is_no_message_ends_the_pipe(frame: bytes) -> None:
    reader: FrameReader[FromWorker] = FrameReader(FromWorker)
    with pytest.raises(PipeClosed, match="not a message"):
        list(reader.feed(len(frame).to_bytes(4, "big") + frame))


def test_commands_and_events_are_told_apart() -> None:
    to_worker: FrameReader[ToWorker] = FrameReader(ToWorker)
    assert list(to_worker.feed(frames(CloseLeg(LegId("L1"))))) == [CloseLeg(LegId("L1"))]
    with pytest.raises(PipeClosed):
        list(to_worker.feed(frames(Beat(0, 0, {}))))
