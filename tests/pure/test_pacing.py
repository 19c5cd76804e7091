"""The frame clock keeps 20 ms for each leg; lingering begins with the load and ends with it."""

import pytest

from actors.media.liveness import LOST_AFTER, UP_WITHIN, Liveness
from actors.media.pacing import GROUPS, MAX_CATCH_UP_FRAMES, TICK, FrameClock, Linger

pytestmark = pytest.mark.pure


def test_every_tick_is_served_once() -> None:
    clock = FrameClock(10.0)
    ticks = [tick for n in range(1, 200) for tick in clock.take(10.0 + n * 0.0037).ticks]
    assert ticks == list(range(1, 1 + len(ticks)))
    assert len(ticks) == pytest.approx(199 * 0.0037 / TICK, abs=1)


def test_short_pause_is_caught_up() -> None:
    due = FrameClock(0.0).take(MAX_CATCH_UP_FRAMES * GROUPS * TICK)
    assert (len(due.ticks), due.missed_frames, due.stalled) == (MAX_CATCH_UP_FRAMES * GROUPS, 0, 0.0)


def test_long_pause_is_not_a_burst() -> None:
    clock = FrameClock(0.0)
    due = clock.take(1.0)
    assert len(due.ticks) <= MAX_CATCH_UP_FRAMES * GROUPS
    assert len(due.ticks) + due.missed_frames * GROUPS == 200
    assert due.stalled == 1.0
    assert clock.deadline == pytest.approx(1.0 + TICK)


def test_linger_follows_the_load() -> None:
    linger, now = Linger(), 0.0
    assert linger.pause(1, now) == 0.0
    for _ in range(300):
        now += 0.001
        pause = linger.pause(10, now)
    assert pause == 0.002
    for _ in range(300):
        now += 0.01
        pause = linger.pause(1, now)
    assert pause == 0.0


def test_deep_drain_is_not_delayed_further() -> None:
    linger, now = Linger(), 0.0
    for _ in range(300):
        now += 0.001
        linger.pause(10, now)
    assert linger.pause(200, now) == 0.0


def flowing() -> Liveness:
    live = Liveness()
    live.negotiate(0.0)
    assert live.take_media(1.0)
    return live


def test_path_is_up_once_and_lost_once() -> None:
    live = flowing()
    assert not live.take_media(1.5)
    assert live.expire(1.5 + LOST_AFTER - 0.01) is None
    assert live.expire(1.5 + LOST_AFTER) == LOST_AFTER
    assert live.expire(99.0) is None
    assert live.take_media(100.0)


def test_leg_without_media_is_lost_after_its_time() -> None:
    live = Liveness()
    live.negotiate(5.0)
    assert live.expire(5.0 + UP_WITHIN - 0.01) is None
    assert live.expire(5.0 + UP_WITHIN) == UP_WITHIN


def test_own_stall_is_forgiven_but_not_more() -> None:
    live = flowing()
    live.forgive(10.0, 3.5)
    assert live.expire(3.5) is None
    assert live.expire(3.5 + LOST_AFTER) == LOST_AFTER


def test_nothing_is_lost_before_negotiation() -> None:
    assert Liveness().expire(1e6) is None
