"""Frames of samples from packets of any length, whatever happens to them on the way."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.media.codec import Samples, open_encoder, sample_rate, samples_per_frame
from actors.media.engine_messages import Codec
from actors.media.playout import Playout

pytestmark = pytest.mark.pure

PCMU = Codec("pcmu", 8000, 0, 0)
OPUS = Codec("opus", 48000, 111, 111, 2)
G722 = Codec("g722", 8000, 9, 9)
FRAME = 0.02
BEGIN = 50.0


def tone(codec: Codec, seconds: float) -> Samples:
    rate = sample_rate(codec)
    return (8000 * np.sin(2 * np.pi * 500 * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def play(codec: Codec, packets: Iterable[tuple[float, int, bytes]], until: float) -> npt.NDArray[np.float64]:
    """`packets` are (seconds, timestamp, payload) in the order in which they were sent."""
    playout, turn_at = Playout(codec), BEGIN + 0.005
    waiting = sorted((at, number, ticks, payload) for number, (at, ticks, payload) in enumerate(packets))
    heard: list[Samples] = []
    while turn_at < BEGIN + until:
        while waiting and BEGIN + waiting[0][0] <= turn_at:
            at, number, ticks, payload = waiting.pop(0)
            playout.put(1, number, ticks, payload, BEGIN + at)
        frame = playout.next_frame(turn_at)
        if frame is not None:
            assert frame.size == samples_per_frame(codec)
            heard.append(frame)
        turn_at += FRAME
    return np.concatenate(heard).astype(float)


@pytest.mark.parametrize("codec", [PCMU, G722], ids=lambda codec: codec.name)
@pytest.mark.parametrize("milliseconds", [10, 20, 30, 60])
def test_packets_may_be_of_another_length_than_our_frames(codec: Codec, milliseconds: int) -> None:
    sound, encoder = tone(codec, 3.0), open_encoder(codec)
    size = sample_rate(codec) * milliseconds // 1000
    step = milliseconds / 1000
    packets = [
        (number * step, round(number * step * codec.clock_rate), encoder.encode(sound[at : at + size]))
        for number, at in enumerate(range(0, sound.size - size + 1, size))
    ]
    heard = play(codec, packets, 2.8)
    rate = sample_rate(codec)
    body = heard[rate : -rate // 2]
    clicks = body[2:] - 2 * np.cos(2 * np.pi * 500 / rate) * body[1:-1] + body[:-2]
    assert np.abs(clicks).max() < 1500
    assert np.sqrt(np.mean(np.square(body))) == pytest.approx(8000 / 2**0.5, rel=0.05)


def test_what_is_left_out_is_blended_and_not_cut() -> None:
    """A burst after a stall; a frame that was cut away would be heard as a click."""
    rate, encoder = 8000, open_encoder(PCMU)
    sound = (6000 * np.sin(2 * np.pi * 437 * np.arange(10 * rate) / rate)).astype(np.int16)
    packets = [
        (max(number * FRAME, 2.15 if number >= 100 else 0.0), number * 160,
         encoder.encode(sound[number * 160 : number * 160 + 160]))
        for number in range(450)
    ]  # fmt: skip
    heard = play(PCMU, packets, 8.0)[int(2.6 * rate) :]
    clicks = np.abs(heard[2:] - 2 * np.cos(2 * np.pi * 437 / rate) * heard[1:-1] + heard[:-2])
    assert clicks.max() < 1000


def test_nothing_is_nothing_and_not_silence() -> None:
    playout = Playout(PCMU)
    assert playout.next_frame(BEGIN) is None


@pytest.mark.parametrize("codec", [PCMU, OPUS, G722], ids=lambda codec: codec.name)
@given(st.lists(st.tuples(st.binary(max_size=200), st.integers(0, 400)), max_size=60))
@settings(max_examples=25, deadline=None)
def test_whatever_a_peer_sends_there_is_a_frame_or_none(codec: Codec, given: list[tuple[bytes, int]]) -> None:
    playout, now = Playout(codec), BEGIN
    for number, (payload, steps) in enumerate(given):
        playout.put(1, number, steps * codec.clock_rate // 100, payload, now)
        frame = playout.next_frame(now)
        assert frame is None or frame.size == samples_per_frame(codec)
        now += FRAME
