"""Loss and lateness of the benchmark: a wrong count here would be a wrong claim about an engine."""

import numpy as np
import pytest

from benchmarks.arrivals import FRAME_TICKS, NEVER, Arrivals, lateness_ms

pytestmark = pytest.mark.pure

FRAME_NS = 20_000_000
MS = 1_000_000


def fill(arrivals: Arrivals, leg: int, frames: list[int], delays: dict[int, int] | None = None) -> None:
    """These frames come back, with numbers near the end of their ranges, each a constant delay late."""
    for frame in frames:
        arrivals.take(
            leg,
            (65_530 + frame) & 0xFFFF,
            (0xFFFF_FF00 + frame * FRAME_TICKS) & 0xFFFF_FFFF,
            7 * MS + frame * FRAME_NS + (delays or {}).get(frame, 0),
        )


def test_all_back_in_time_is_no_loss_and_no_lateness() -> None:
    arrivals = Arrivals(2, 50)
    for leg in range(2):
        fill(arrivals, leg, list(range(50)))
    arrived = arrivals.conclude()
    assert (arrived.expected, arrived.lost) == (100, 0)
    assert arrived.percentile(100) == 0.0


def test_a_gap_and_a_silent_end_are_lost() -> None:
    """An engine that stops sending must not look as if it had lost nothing."""
    arrivals = Arrivals(1, 50)
    fill(arrivals, 0, [0, 1, 3, 4])
    assert arrivals.conclude().lost == 46


def test_a_leg_that_hears_nothing_has_lost_everything() -> None:
    arrivals = Arrivals(2, 50)
    fill(arrivals, 1, list(range(50)))
    assert arrivals.conclude().lost == 50


def test_loss_shows_on_the_clock_where_numbers_hide_it() -> None:
    """An engine that decodes numbers its packets anew, so that what it did not receive leaves no gap."""
    arrivals = Arrivals(1, 10)
    for number, frame in enumerate([0, 1, 2, 5, 6, 7, 8, 9, 10, 11]):
        arrivals.take(0, 100 + number, frame * FRAME_TICKS, frame * FRAME_NS)
    assert arrivals.conclude(is_renumbered=True).lost == 2
    passed_through = arrivals.conclude()
    assert (passed_through.lost, passed_through.clock_gaps) == (0, 2)


def test_loss_shows_in_numbers_where_the_clock_hides_it() -> None:
    """An engine that stamps anew what it sends leaves no gap in time."""
    arrivals = Arrivals(1, 10)
    for frame, number in enumerate([0, 1, 2, 5, 6, 7, 8, 9, 10, 11]):
        arrivals.take(0, 100 + number, frame * FRAME_TICKS, frame * FRAME_NS)
    assert arrivals.conclude().lost == 2


def test_an_encoder_may_be_a_little_off_the_clock() -> None:
    arrivals = Arrivals(1, 3)
    for frame, ticks in enumerate([0, FRAME_TICKS - 5, 2 * FRAME_TICKS - 5]):
        arrivals.take(0, frame, ticks, frame * FRAME_NS)
    assert arrivals.conclude().lost == 0


def test_packets_outside_the_window_do_not_count() -> None:
    arrivals = Arrivals(1, 3)
    fill(arrivals, 0, [1, 0, 2, 3, 4, 5])
    arrived = arrivals.conclude()
    assert arrived.lost == 0
    assert arrived.lateness.size == 3


def test_a_packet_twice_is_one_packet() -> None:
    arrivals = Arrivals(1, 4)
    fill(arrivals, 0, [0, 1, 1, 3])
    assert arrivals.conclude().lost == 1


def test_lateness_is_above_the_earliest_of_the_leg() -> None:
    arrivals = Arrivals(1, 4)
    fill(arrivals, 0, [0, 1, 2, 3], {0: 5 * MS, 2: 2 * MS})
    assert sorted(arrivals.conclude().lateness) == [0.0, 0.0, 2.0, 5.0]


def test_lateness_of_a_leg_is_not_measured_by_another() -> None:
    stamps = np.array([[0, FRAME_NS], [300 * MS, 301 * MS + FRAME_NS], [NEVER, NEVER]])
    assert lateness_ms(stamps).tolist() == [0.0, 0.0, 0.0, 1.0]


def test_a_clock_that_runs_faster_is_no_lateness() -> None:
    drift = 500e-6
    stamps = np.array([[round(frame * FRAME_NS * (1 + drift)) for frame in range(500)]])
    assert lateness_ms(stamps).max() > 4.0
    assert lateness_ms(stamps, drift).max() < 0.001


def test_percentiles_of_nothing_are_zero() -> None:
    assert Arrivals(1, 5).conclude().percentile(99) == 0.0
