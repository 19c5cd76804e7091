"""The restart policy alone: budgets, their window, the growth of delays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor import Backoff, Decision, GiveUp, History, Policy, Restart, RestartAfter

pytestmark = pytest.mark.pure

FRESH = History()

rolls = st.floats(0, 1, exclude_max=True)
delays = st.floats(0, 100)
backoffs = st.builds(
    Backoff, initial=delays, minimum=delays, maximum=delays, factor=st.floats(1, 10), jitter=st.floats(0, 1)
)


def decide(
    policy: Policy,
    history: History = FRESH,
    *,
    crashed: bool = True,
    uptime: float | None = 1.0,
    now: float = 0.0,
    roll: float = 0.5,
) -> Decision:
    return policy.decide(history, crashed=crashed, uptime=uptime, now=now, roll=roll)


def delays_of_streak(backoff: Backoff, count: int) -> list[float]:
    policy = Policy(intensity=None, backoff=backoff)
    history, seen = History(), []
    for _ in range(count):
        decision = decide(policy, history, uptime=None)
        assert isinstance(decision, RestartAfter)
        seen.append(decision.delay)
        history = decision.history
    return seen


@pytest.mark.parametrize(
    ("restart", "crashed", "comes_back"),
    [
        (Restart.PERMANENT, True, True),
        (Restart.PERMANENT, False, True),
        (Restart.TRANSIENT, True, True),
        (Restart.TRANSIENT, False, False),
        (Restart.TEMPORARY, True, False),
        (Restart.TEMPORARY, False, False),
    ],
)
def test_the_kind_of_child_says_which_ends_are_restarted(restart: Restart, crashed: bool, comes_back: bool):
    decision = decide(Policy(restart), crashed=crashed)
    assert decision == (RestartAfter(0.0, History((0.0,), 1)) if comes_back else GiveUp.FINISHED)


def test_a_child_that_is_not_restarted_never_counts_as_exhausted():
    spent = History((0.0, 0.0), 2)
    assert decide(Policy(Restart.TEMPORARY, intensity=0), spent) is GiveUp.FINISHED
    assert decide(Policy(Restart.TRANSIENT, intensity=0), spent, crashed=False) is GiveUp.FINISHED


def test_one_more_crash_than_intensity_within_the_period_exhausts():
    policy = Policy(intensity=2, period=5.0)
    history = History((0.0, 1.0), 1)
    assert decide(policy, history, now=4.0) is GiveUp.EXHAUSTED


def test_a_restart_exactly_one_period_ago_no_longer_counts():
    policy = Policy(intensity=1, period=5.0)
    history = History((10.0,), 1)
    assert decide(policy, history, now=14.999) is GiveUp.EXHAUSTED
    assert decide(policy, history, now=15.0) == RestartAfter(0.0, History((15.0,), 1))


def test_intensity_zero_exhausts_at_the_first_crash():
    assert decide(Policy(intensity=0)) is GiveUp.EXHAUSTED


def test_without_a_limit_nothing_is_remembered_but_the_streak():
    assert decide(Policy(intensity=None), History((), 7), uptime=None) == RestartAfter(6.4, History((), 8))


def test_delays_of_a_streak_are_the_initial_one_then_grow_to_the_maximum():
    backoff = Backoff(initial=0.5, minimum=1.0, maximum=5.0, factor=2.0)
    assert delays_of_streak(backoff, 6) == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_the_maximum_caps_the_initial_delay_too():
    assert Backoff(initial=9.0, maximum=2.0).delay(0, 0.5) == 2.0


def test_an_endless_streak_stays_at_the_maximum():
    assert Backoff(maximum=20.0).delay(10**6, 0.5) == 20.0
    assert Backoff(minimum=0.0).delay(10**6, 0.5) == 0.0


def test_a_streak_ends_when_an_incarnation_was_ready_even_for_no_time():
    policy = Policy(intensity=None, backoff=Backoff(initial=0.25))
    assert decide(policy, History((), 9), uptime=0.0) == RestartAfter(0.25, History((), 1))


def test_jitter_spreads_to_both_sides_of_the_delay():
    backoff = Backoff(minimum=4.0, jitter=0.5)
    assert [backoff.delay(1, roll) for roll in (0.0, 0.25, 0.5, 0.75)] == [2.0, 3.0, 4.0, 5.0]


@given(backoff=backoffs, restart=st.integers(0, 2000), roll=rolls)
def test_a_delay_is_never_negative_nor_above_the_maximum(backoff: Backoff, restart: int, roll: float):
    assert 0 <= backoff.delay(restart, roll) <= backoff.maximum


@given(
    intensity=st.integers(0, 5),
    period=st.integers(1, 10),
    gaps=st.lists(st.integers(0, 6), max_size=40),
    roll=rolls,
)
def test_no_window_of_one_period_holds_more_restarts_than_intensity(
    intensity: int, period: int, gaps: list[int], roll: float
):
    policy = Policy(intensity=intensity, period=period)
    history, now, restarts = History(), 0, []
    for gap in gaps:
        now += gap
        in_window = sum(now - at < period for at in restarts)
        decision = decide(policy, history, now=now, roll=roll)
        if decision is GiveUp.EXHAUSTED:
            assert in_window == intensity
            return
        assert isinstance(decision, RestartAfter)
        assert in_window < intensity
        assert len(decision.history.crashes) <= intensity, "the memory of a child is bounded"
        restarts.append(now)
        history = decision.history


@pytest.mark.parametrize(
    "wrong",
    [
        {"initial": -1.0},
        {"minimum": float("nan")},
        {"maximum": float("inf")},
        {"factor": 0.5},
        {"jitter": 1.1},
    ],
)
def test_an_impossible_backoff_is_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError, match="must be"):
        Backoff(**wrong)


@pytest.mark.parametrize("wrong", [{"intensity": -1}, {"period": 0.0}, {"period": float("nan")}])
def test_an_impossible_budget_is_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError, match="must"):
        Policy(**wrong)  # type: ignore[arg-type]
