"""The jitter buffer: order, holes, delay; also under a recorded bad network."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.media.jitter_buffer import (
    FRAME,
    MAX_PACKETS,
    MAX_TARGET,
    MAX_WAIT,
    MIN_TARGET,
    JitterBuffer,
)
from tests.fakes.jitter_trace import STALL, STALL_PACKETS, generate, read_trace

pytestmark = pytest.mark.pure

RATE = 8000
TICKS = 160
BEGIN = 1000.0


class Listening:
    """A buffer that is given packets at their times, and asked for a frame each 20 ms.

    `spoken` is what the turns gave: the numbers of the packets, -1 for a concealed frame.
    """

    def __init__(self, phase: float = 0.01, timestamp: int = 0) -> None:
        self.buffer = JitterBuffer(RATE)
        self.turn_at = BEGIN + phase
        self.timestamp = timestamp
        self.spoken: list[int] = []
        self.delays: list[float] = []
        self.idle = 0
        self.is_quiet = False

    def run(self, arrivals: Iterable[tuple[float, int]], until: float) -> "Listening":
        """`arrivals` are (seconds since the beginning, number); packet n was sent at n times 20 ms."""
        waiting = sorted(arrivals)
        while self.turn_at < BEGIN + until:
            while waiting and BEGIN + waiting[0][0] <= self.turn_at:
                at, number = waiting.pop(0)
                self.put(number, BEGIN + at)
            self.turn()
        return self

    def put(self, number: int, now: float) -> None:
        timestamp = (self.timestamp + TICKS * number) & 0xFFFFFFFF
        self.buffer.put(1, number, timestamp, TICKS, number.to_bytes(4, "big"), now)

    def turn(self) -> None:
        self.delays.append(self.buffer.delay(self.turn_at))
        taken = self.buffer.take(self.turn_at, is_quiet=self.is_quiet)
        if taken is None:
            self.idle += 1
        elif not taken:
            self.spoken.append(-1)
        self.spoken += [int.from_bytes(payload, "big") for payload in taken or ()]
        self.turn_at += FRAME

    @property
    def packets(self) -> list[int]:
        return [number for number in self.spoken if number >= 0]

    @property
    def holes(self) -> int:
        return self.spoken.count(-1)


def evenly(numbers: Iterable[int], delay: float = 0.0) -> list[tuple[float, int]]:
    return [(number * FRAME + delay, number) for number in numbers]


phases = st.floats(0.0, 0.0199)


@given(phases, st.sampled_from([0, 2**32 - 50 * TICKS, 2**31 - 50 * TICKS]))
@settings(max_examples=50, deadline=None)
def test_without_trouble_every_packet_is_played_in_its_turn(phase: float, timestamp: int) -> None:
    """Also while the timestamp begins again at 0."""
    heard = Listening(phase, timestamp).run(evenly(range(200)), 3.9)
    assert heard.spoken == list(range(len(heard.spoken)))
    assert heard.idle <= 2
    assert max(heard.delays[5:]) < 2 * FRAME + 1e-6


@given(phases, st.sets(st.integers(10, 185), max_size=40))
@settings(max_examples=40, deadline=None)
def test_a_lost_packet_never_costs_more_than_one_frame(phase: float, lost: set[int]) -> None:
    numbers = [number for number in range(200) if number not in lost]
    heard = Listening(phase).run(evenly(numbers), 3.9)
    assert heard.packets == numbers[: len(heard.packets)]
    assert heard.packets[-1] >= 190
    assert heard.holes <= len(lost)
    assert max(heard.delays[180:]) < 2 * FRAME + MAX_WAIT * bool(lost)
    assert heard.buffer.dropped == heard.buffer.late == 0


@pytest.mark.parametrize("phase", [0.0, 0.005, 0.015])
def test_one_lost_packet_is_one_hole_in_its_place(phase: float) -> None:
    numbers = [number for number in range(100) if number != 50]
    heard = Listening(phase).run(evenly(numbers), 1.9)
    assert heard.spoken[48:53] == [48, 49, -1, 51, 52]
    assert heard.holes == 1
    assert max(heard.delays[5:]) < 2 * FRAME + 1e-6


@given(phases, st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_jitter_reorders_nothing_and_the_delay_stays_within_bounds(phase: float, seed: int) -> None:
    rolls = random.Random(seed)
    arrivals = [(number * FRAME + rolls.uniform(0.0, 0.06), number) for number in range(300)]
    heard = Listening(phase).run(arrivals, 6.5)
    assert heard.packets == sorted(set(heard.packets))
    assert len(heard.packets) + heard.buffer.late == 300
    assert MIN_TARGET <= heard.buffer.target <= MAX_TARGET
    assert max(heard.delays[5:290]) < 0.06 + 3 * FRAME


def test_the_target_covers_the_jitter_and_returns_when_it_is_over() -> None:
    jittery = [(number * FRAME + (0.08 if number % 5 == 0 else 0.0), number) for number in range(300)]
    heard = Listening().run(jittery, 6.0)
    assert heard.buffer.target == pytest.approx(0.085, abs=0.001)
    assert heard.delays[-1] >= 0.08
    assert heard.buffer.stretched >= 2
    assert heard.buffer.late < 25
    heard.run(evenly(range(305, 900)), 17.9)
    assert heard.buffer.target == MIN_TARGET
    assert heard.delays[-1] < 2 * FRAME + 1e-6


@pytest.mark.parametrize("stall", [0.06, 0.15, 0.4])
def test_after_a_stall_the_delay_returns_to_its_target(stall: float) -> None:
    """What was held up comes at once; the call must not lag behind from then on."""
    held = [(max(number * FRAME, 4.0 + stall if number >= 200 else 0.0), number) for number in range(700)]
    heard = Listening().run(held, 13.9)
    assert heard.buffer.target == MIN_TARGET
    assert heard.delays[-1] < 2 * FRAME + 1e-6
    assert heard.packets == sorted(set(heard.packets))
    assert heard.holes <= MAX_WAIT / FRAME
    assert heard.buffer.late == 0


def test_a_quiet_moment_is_used_to_come_back_sooner() -> None:
    held = [(max(number * FRAME, 4.06 if number >= 200 else 0.0), number) for number in range(500)]
    loud, quiet = Listening(), Listening()
    quiet.is_quiet = True
    for heard in (loud, quiet):
        heard.run(held, 9.9)

    def settled(heard: Listening) -> int:
        return next(n for n, delay in enumerate(heard.delays) if n > 210 and delay < 2 * FRAME + 1e-6)

    assert settled(quiet) <= settled(loud)


def test_two_payloads_in_the_time_of_one_are_neighbours() -> None:
    held = [(max(number * FRAME, 4.15 if number >= 200 else 0.0), number) for number in range(500)]
    heard = Listening()
    pairs = []
    waiting = sorted(held)
    while heard.turn_at < BEGIN + 9.0:
        while waiting and BEGIN + waiting[0][0] <= heard.turn_at:
            at, number = waiting.pop(0)
            heard.put(number, BEGIN + at)
        taken = heard.buffer.take(heard.turn_at)
        heard.turn_at += FRAME
        if taken is not None and len(taken) == 2:
            pairs.append(tuple(int.from_bytes(payload, "big") for payload in taken))
    assert pairs
    assert all(after == before + 1 for before, after in pairs)


def test_the_recorded_network_costs_its_losses_and_no_more() -> None:
    """A lost packet one frame, a stall what it lasted; and after the last one the delay is as before."""
    trace = read_trace()
    arrivals = [
        (number * FRAME + delay / 1000, number) for number, delay in enumerate(trace) if delay is not None
    ]
    lost = trace.count(None)
    heard = Listening().run(arrivals, len(trace) * FRAME)
    buffer = heard.buffer
    assert heard.packets == sorted(set(heard.packets))
    assert len(heard.packets) + buffer.late + len(buffer) >= len(arrivals) - 1
    stalled = len(STALL_PACKETS) * (STALL / FRAME + 1)
    assert buffer.late <= 0.01 * len(arrivals)
    assert heard.holes <= lost + stalled
    for stall in STALL_PACKETS:
        assert max(heard.delays[stall : stall + 10]) > STALL
        assert max(heard.delays[stall + 250 : stall + 300]) < MIN_TARGET + 3 * FRAME


def test_the_trace_is_what_its_generator_makes() -> None:
    assert read_trace() == list(generate())


def test_duplicates_and_late_packets_are_counted_and_not_played() -> None:
    twice = [entry for number in range(100) for entry in [(number * FRAME, number)] * 2]
    heard = Listening().run([*twice, (1.5, 20)], 1.9)
    assert heard.packets == list(range(len(heard.packets)))
    assert heard.buffer.duplicates + heard.buffer.late >= len(heard.packets) - 1
    assert heard.buffer.late >= 1


def test_reordered_packets_are_put_in_order() -> None:
    swapped = [(number * FRAME + (0.021 if number % 10 == 3 else 0), number) for number in range(300)]
    heard = Listening().run(swapped, 5.9)
    assert heard.packets == sorted(heard.packets)
    assert heard.holes <= 3


def test_a_pause_of_the_sender_is_no_loss() -> None:
    """Discontinuous transmission: the timestamp goes on, the sequence number does not."""
    buffer = JitterBuffer(RATE)
    numbers = [*range(50), *range(70, 120)]
    now, turn_at, played = BEGIN, BEGIN + 0.01, 0
    for sequence, number in enumerate(numbers):
        now = BEGIN + number * FRAME
        while turn_at < now:
            played += len(buffer.take(turn_at) or ())
            turn_at += FRAME
        buffer.put(1, sequence, number * TICKS, TICKS, b"x", now)
    assert played >= 97
    assert buffer.late == buffer.dropped == 0
    assert buffer.concealed <= MAX_WAIT / FRAME
    assert buffer.delay(turn_at) < 2 * FRAME + 1e-6


def test_a_short_pause_that_is_seen_in_time_is_no_loss_either() -> None:
    """With room for jitter the packet behind the pause is there before the pause is over."""
    buffer, arrivals = JitterBuffer(RATE), []
    for sequence in range(400):
        number = sequence + 3 * (sequence >= 300)
        late = 0.08 if sequence % 5 == 0 and sequence < 290 else 0.0
        arrivals.append((BEGIN + number * FRAME + late, sequence, number))
    arrivals.sort()
    concealed, turn_at = 0, BEGIN + 0.01
    for at, sequence, number in arrivals:
        while turn_at < at:
            buffer.take(turn_at)
            turn_at += FRAME
        concealed = buffer.concealed if sequence == 299 else concealed
        buffer.put(1, sequence, number * TICKS, TICKS, b"x", at)
    assert concealed > 0
    assert buffer.concealed == concealed


def test_nothing_for_long_is_idle_and_then_begins_anew() -> None:
    heard = Listening().run(evenly([*range(100), *range(300, 400)]), 7.9)
    assert heard.packets == [*range(100), *range(300, 394)][: len(heard.packets)]
    assert heard.holes <= MAX_WAIT / FRAME
    assert heard.idle >= 180


def test_a_restart_of_the_stream_is_played_on() -> None:
    """Another SSRC, or a timestamp that has jumped: at once, and without the delay of the old one."""
    heard = Listening().run(evenly(range(100)), 2.0)
    buffer = heard.buffer
    for number in range(100):
        now = BEGIN + 2.0 + number * FRAME
        buffer.put(2, 7 + number, 999_000_000 + TICKS * number, TICKS, b"new", now)
        buffer.take(now + 0.01)
    assert buffer.delay(now + 0.01) < 2 * FRAME + 1e-6
    for number in range(100):
        now = BEGIN + 4.0 + number * FRAME
        buffer.put(2, 107 + number, 5_000 + TICKS * number, TICKS, b"newer", now)
        taken = buffer.take(now + 0.01)
    assert taken == (b"newer",)
    assert buffer.restarts == 1
    assert buffer.delay(now + 0.03) < 2 * FRAME + 1e-6


def test_the_clocks_of_both_sides_may_differ() -> None:
    """200 ppm, ten minutes: 120 ms that must not pile up."""
    drifting = [(number * FRAME * 0.9998, number) for number in range(30_000)]
    heard = Listening().run(drifting, 598.0)
    assert max(heard.delays[1000:]) < 4 * FRAME
    assert heard.holes == 0
    slow = [(number * FRAME * 1.0002, number) for number in range(30_000)]
    heard = Listening().run(slow, 598.0)
    assert max(heard.delays[1000:]) < 4 * FRAME
    assert heard.holes <= 10


def test_a_flood_that_nobody_takes_is_bounded() -> None:
    buffer = JitterBuffer(RATE)
    for number in range(5000):
        buffer.put(1, number, TICKS * number, TICKS, b"x", BEGIN + number * FRAME)
    assert len(buffer) <= MAX_PACKETS
    assert buffer.take(BEGIN + 5000 * FRAME) is not None
    assert buffer.delay(BEGIN + 5000 * FRAME) < MAX_TARGET + 2 * FRAME


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 2**20),
            st.integers(0, 2**32 - 1),
            st.integers(1, 5760),
            st.floats(0, 0.5),
        ),
        max_size=150,
    )
)
@settings(max_examples=100, deadline=None)
def test_whatever_a_peer_sends_the_buffer_goes_on(packets: list[tuple[int, int, int, int, float]]) -> None:
    buffer, now = JitterBuffer(RATE), BEGIN
    for source, extended, timestamp, ticks, wait in packets:
        now += wait
        buffer.put(source, extended, timestamp, ticks, b"x", now)
        buffer.take(now)
        assert len(buffer) <= MAX_PACKETS
        assert MIN_TARGET <= buffer.target <= MAX_TARGET
    for number in range(200):
        now += FRAME
        buffer.put(9, number, number * TICKS, TICKS, b"good", now)
        taken = buffer.take(now)
    assert taken is not None
    assert b"good" in taken
