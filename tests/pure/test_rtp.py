"""RTP numbers: what a receiver counts (RFC 3550 appendix A) and what a sender keeps unbroken."""

import itertools
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.media.datagram import InvalidDatagram
from actors.media.reception import Reception
from actors.media.rtp import HEADER_LENGTH, OutboundStream, payload_range_untrusted, write_header

pytestmark = pytest.mark.pure

FRAME = 160


def receive(reception: Reception, *sequences: int, ssrc: int = 1) -> list[int]:
    return [reception.receive(ssrc, sequence & 0xFFFF, 100) for sequence in sequences]


def test_loss_is_counted_over_the_wrap() -> None:
    reception = Reception(8000)
    extended = receive(reception, 65534, 65535, 1, 2)
    assert extended == [65534, 65535, 65537, 65538]
    assert (reception.lost, reception.packets, reception.octets) == (1, 4, 400)


def test_late_packet_is_no_loss() -> None:
    reception = Reception(8000)
    assert receive(reception, 65535, 1, 0) == [65535, 65537, 65536]
    assert reception.lost == 0


def test_fraction_is_of_the_interval() -> None:
    reception = Reception(8000)
    receive(reception, *range(0, 100, 2))
    assert reception.take_fraction_lost() == (49 << 8) // 99
    receive(reception, *range(99, 200))
    assert reception.take_fraction_lost() == 0
    assert reception.lost == 49


def test_another_ssrc_keeps_the_totals() -> None:
    reception = Reception(8000)
    receive(reception, 10, 12)
    receive(reception, 50000, 50003, ssrc=2)
    assert reception.lost == 3
    assert reception.lost_of_stream == 2


def test_large_jump_is_believed_when_the_next_packet_confirms_it() -> None:
    """A peer whose numbers start anew has lost nothing; one stray number changes nothing."""
    reception = Reception(8000)
    receive(reception, 10, 11, 40000, 12)
    assert reception.maximum == 12
    receive(reception, 40000, 40001, 40002)
    assert reception.maximum & 0xFFFF == 40002
    assert reception.lost == 0


def test_even_arrival_has_no_jitter() -> None:
    reception = Reception(8000)
    for n in range(100):
        reception.measure_jitter(n * FRAME, n * 0.02)
    assert reception.jitter_ms < 0.1


def test_jitter_follows_the_rfc() -> None:
    """Alternating 0 and 10 ms of delay differ by 10 ms each time: the mean tends to that."""
    reception = Reception(8000)
    for n in range(400):
        reception.measure_jitter((n * FRAME) & 0xFFFFFFFF, n * 0.02 + (n % 2) * 0.01)
    assert reception.jitter_ms == pytest.approx(10.0, abs=0.2)


def test_jitter_survives_the_wrap_of_timestamps() -> None:
    reception = Reception(8000)
    for n in range(100):
        reception.measure_jitter((0xFFFFFF00 + n * FRAME) & 0xFFFFFFFF, n * 0.02)
    assert reception.jitter_ms < 0.1


@settings(max_examples=50)
@given(st.lists(st.booleans(), min_size=2, max_size=400), st.integers(0, 65535))
def test_lost_is_what_did_not_arrive(arrives: list[bool], start: int) -> None:
    arrives[0] = arrives[-1] = True
    reception = Reception(8000)
    receive(reception, *(start + n for n, is_there in enumerate(arrives) if is_there))
    assert reception.lost == arrives.count(False)


def stream() -> OutboundStream:
    return OutboundStream(ssrc=9, index=65533, timestamp=0xFFFFFF00, clock_rate=8000)


def test_generated_frames_follow_each_other() -> None:
    out, seen = stream(), []
    for n in range(4):
        out.generate(FRAME, n * 0.02)
        seen.append((out.index & 0xFFFF, out.timestamp, out.is_resumed))
    assert [s for s, _, _ in seen] == [65534, 65535, 0, 1]
    assert [(b[1] - a[1]) & 0xFFFFFFFF for a, b in itertools.pairwise(seen)] == [FRAME] * 3
    assert [resumed for _, _, resumed in seen] == [True, False, False, False]


def test_forwarded_packets_keep_gaps_and_order() -> None:
    out = stream()
    numbers = [out.forward("a", extended, extended * FRAME, FRAME, 0.0) for extended in (100, 101, 104, 103)]
    assert [n[0] for n in numbers if n] == [65534, 65535, 65538, 65537]
    assert [(n[1] - 0xFFFFFF00) & 0xFFFFFFFF for n in numbers if n] == [160, 320, 800, 640]


def test_change_of_source_continues_the_numbers_and_lets_time_pass() -> None:
    out = stream()
    out.generate(FRAME, 1.0)
    first = out.forward("a", 7, 123456, FRAME, 1.02)
    second = out.forward("b", 60000, 5, FRAME, 1.52)
    assert first is not None
    assert second is not None
    assert (first[0], second[0]) == (65535, 65536)
    assert (second[1] - first[1]) & 0xFFFFFFFF == 4000
    out.generate(FRAME, 1.54)
    assert out.index == 65537
    assert out.is_resumed


def test_a_pause_of_ours_is_no_gap_in_what_is_forwarded() -> None:
    """What came meanwhile is forwarded after it: a jump of the clock would delay the listener for good."""
    out = stream()
    _, first = out.forward("leg", 10, 5000, FRAME, 1.0) or (0, 0)
    out.skip(10 * FRAME, 1.3)
    _, second = out.forward("leg", 11, 5160, FRAME, 1.3) or (0, 0)
    assert (second - first) & 0xFFFFFFFF == FRAME


def test_generated_frames_after_a_pause_count_it_once() -> None:
    out = stream()
    _, first = out.forward("leg", 10, 5000, FRAME, 1.0) or (0, 0)
    out.skip(10 * FRAME, 1.3)
    out.generate(FRAME, 1.3)
    assert (out.timestamp - first) & 0xFFFFFFFF == 2400


def test_digits_within_what_is_forwarded_have_times_and_numbers_of_their_own() -> None:
    """Events of one timestamp are one digit to the receiver, and SRTP must never use a number twice."""
    out = stream()
    out.forward("leg", 10, 5000, FRAME, 1.0)
    used, began = [out.index], []
    for digit in range(2):
        for step in range(12):
            now = 1.02 + 0.02 * (12 * digit + step)
            out.interrupt(FRAME, now)
            if step == 0:
                began.append(out.timestamp)
            if step < 8:
                out.repeat_timestamp(now)
                used.append(out.index)
    index, timestamp = out.forward("leg", 35, 5000 + 25 * FRAME, FRAME, 1.5) or (0, 0)
    assert (began[1] - began[0]) & 0xFFFFFFFF == 12 * FRAME
    assert (timestamp - began[1]) & 0xFFFFFFFF == 12 * FRAME
    assert [*used, index] == list(range(used[0], used[0] + 18))


def test_packet_from_before_the_change_is_too_late() -> None:
    out = stream()
    out.forward("a", 7, 0, FRAME, 1.0)
    out.generate(FRAME, 1.1)
    assert out.forward("a", 20, 2080, FRAME, 1.2) is not None
    assert out.forward("a", 19, 1920, FRAME, 1.2) is None


def test_sender_report_clock_runs_on_without_packets() -> None:
    out = stream()
    out.generate(FRAME, 1.0)
    assert (out.timestamp_at(1.5) - out.timestamp) & 0xFFFFFFFF == 4000


def packet(first: int, rest: bytes) -> bytes:
    data = bytearray(HEADER_LENGTH)
    write_header(data, 0, 111, 1, 2, 3)
    data[0] = first
    return bytes(data) + rest


@pytest.mark.parametrize(
    ("first", "rest", "wanted"),
    [
        (0x80, b"audio", b"audio"),
        (0x81, b"csrcaudio", b"audio"),
        (0x90, b"\xbe\xde\x00\x01\x10\x00\x00\x00audio", b"audio"),
        (0xA0, b"audio\x00\x00\x03", b"audio"),
        (0xB1, b"csrc\xbe\xde\x00\x00audio\x01", b"audio"),
    ],
)
def test_payload_is_found_behind_extension_and_before_padding(first: int, rest: bytes, wanted: bytes) -> None:
    data = packet(first, rest)
    start, end = payload_range_untrusted(data, len(data))
    assert data[start:end] == wanted


@given(st.binary(max_size=60))
def test_only_the_protocol_error_is_raised(data: bytes) -> None:
    try:
        start, end = payload_range_untrusted(data, len(data))
    except InvalidDatagram:
        return
    assert HEADER_LENGTH <= start <= end <= len(data)


# --- against the algorithms as the RFC prints them ------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 4000), st.floats(0.0, 0.5)), min_size=2, max_size=60),
    st.sampled_from([8000, 48000]),
)
def test_jitter_is_that_of_the_rfc(packets: list[tuple[int, float]], clock_rate: int) -> None:
    """RFC 3550 section 6.4.1, in floating point."""
    reception, wanted = Reception(clock_rate), 0.0
    timestamp, now, former = 0, 0.0, None
    for ticks, pause in packets:
        timestamp, now = timestamp + ticks, now + pause
        reception.measure_jitter(timestamp & 0xFFFFFFFF, now)
        transit = int(now * clock_rate) - timestamp
        if former is not None:
            wanted += (abs(transit - former) - wanted) / 16
        former = transit
    assert reception.jitter == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("delays_ms", "jitter"),
    [
        ([0, 0, 0], 0.0),
        ([0, 16], 8.0),
        ([0, 16, 0], 15.5),
        ([0, 16, 16], 7.5),
        ([16, 0], 8.0),
    ],
)
def test_jitter_of_a_few_packets(delays_ms: list[int], jitter: float) -> None:
    """Worked out by hand, in ticks of 8 kHz: 16 ms are 128 ticks, of which a sixteenth counts."""
    reception = Reception(8000)
    for number, delay in enumerate(delays_ms):
        reception.measure_jitter(number * FRAME, number * 0.02 + delay / 1000)
    assert reception.jitter == pytest.approx(jitter)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=40), min_size=1, max_size=5))
def test_fraction_lost_is_that_of_the_rfc(intervals: list[list[bool]]) -> None:
    """RFC 3550 section A.3, of packets in order; the first always arrives, or nobody would know."""
    reception = Reception(8000)
    reception.receive(1, 65530, 160)
    sequence, received = 65530, 1
    expected_prior = received_prior = 0
    highest = sequence
    for arrivals in intervals:
        for arrives in arrivals:
            sequence += 1
            if arrives:
                reception.receive(1, sequence & 0xFFFF, 160)
                highest, received = sequence, received + 1
        expected = highest - 65530 + 1
        expected_interval, received_interval = expected - expected_prior, received - received_prior
        expected_prior, received_prior = expected, received
        lost_interval = expected_interval - received_interval
        no_loss = expected_interval == 0 or lost_interval <= 0
        wanted = 0 if no_loss else (lost_interval << 8) // expected_interval
        assert reception.take_fraction_lost() == wanted
        assert (reception.lost_of_stream, reception.maximum) == (expected - received, highest)


# --- one stream through everything ----------------------------------------------------------------


@dataclass
class Sender:
    """A source of forwarded packets in order, with numbers of its own."""

    extended: int
    timestamp: int

    def next(self) -> tuple[int, int]:
        self.extended, self.timestamp = self.extended + 1, (self.timestamp + FRAME) & 0xFFFFFFFF
        return self.extended, self.timestamp


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["generate", "first", "second", "restarted", "event", "skip", "nothing"]),
        st.integers(1, 5),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, 0xFFFFFFFF))
def test_numbers_never_break_whatever_is_sent(steps: list[tuple[str, int]], start: int) -> None:
    """Bridges, holds, digits and pauses in any order: no gap, nothing twice, and time goes forwards."""
    stream = OutboundStream(1, 65500, start, 8000)
    senders = {"first": Sender(100, 5), "second": Sender(70_000, 0xFFFFFF00)}
    sent: list[tuple[int, int, bool]] = []
    now, former = 100.0, None
    for kind, count in steps:
        if kind == "restarted":
            senders["first"] = Sender(senders["first"].extended + 40_000, 77)
        for _ in range(count):
            now += 0.02
            match kind:
                case "generate":
                    stream.generate(FRAME, now)
                    sent.append((stream.index, stream.timestamp, stream.is_resumed))
                case "first" | "second" | "restarted":
                    name = "second" if kind == "second" else "first"
                    numbers = stream.forward(name, *senders[name].next(), FRAME, now)
                    assert numbers is not None
                    sent.append((*numbers, stream.is_resumed))
                case "event":
                    stream.interrupt(FRAME, now)
                case "skip":
                    stream.skip(FRAME, now)
            if kind == "nothing":
                continue
            has_changed = former is not None and former != kind and kind in {"generate", "second"}
            assert stream.is_resumed or not has_changed, "a change of source is marked"
            former = None if kind in {"event", "skip"} else kind
    indices = [index for index, _, _ in sent]
    assert indices == list(range(65501, 65501 + len(sent)))
    times = [timestamp for _, timestamp, _ in sent]
    assert all(0 < (later - earlier) & 0xFFFFFFFF < 1 << 31 for earlier, later in pairwise(times))
