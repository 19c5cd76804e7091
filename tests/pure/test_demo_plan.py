"""The demonstration's plan and its verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.demo.plan import FaultKind, Plan, Wishes, draw
from actors.demo.report import CallResult, conclude, percentile

pytestmark = pytest.mark.pure

GOOD = {"is_answered": True, "is_open": True, "heard_before": True, "heard_after": True}


def verdict(plan: Plan, *results: CallResult) -> tuple[int, ...]:
    return conclude(plan, 7, results, (), (), 0, (0.0, 0.0), 0.0).lost


@given(st.integers(1, 200), st.integers(0, 2**32))
def test_every_call_is_hit_once_in_the_middle_of_the_talking(calls: int, seed: int) -> None:
    plan = draw(Wishes(calls, 20.0, seed))
    assert sorted(fault.call for fault in plan.faults) == list(range(calls))
    assert all(4.0 <= fault.at <= 13.0 for fault in plan.faults)


@given(st.integers(5, 200))
def test_every_kind_of_fault_strikes_about_equally_often(calls: int) -> None:
    faults = draw(Wishes(calls)).faults
    counts = [sum(fault.kind is kind for fault in faults) for kind in FaultKind]
    assert max(counts) - min(counts) <= 1


def test_the_same_seed_gives_the_same_plan() -> None:
    assert draw(Wishes(seed=3)) == draw(Wishes(seed=3))
    assert draw(Wishes(seed=3)) != draw(Wishes(seed=4))


@given(st.integers(1, 1000))
def test_the_two_tones_of_a_call_can_be_told_apart(calls: int) -> None:
    assert all(abs(call.caller_hz - call.callee_hz) >= 50.0 for call in draw(Wishes(calls)).calls)


def test_neighbours_do_not_have_the_same_pair_of_tones() -> None:
    """A call that heard its neighbour's audio instead of its own must not pass."""
    calls = draw(Wishes(200)).calls
    assert len({(call.caller_hz, call.callee_hz) for call in calls}) == 200


@pytest.mark.parametrize("missing", ["is_open", "heard_before", "heard_after"])
def test_a_call_is_lost_unless_it_is_open_and_was_heard_again(missing: str) -> None:
    plan = draw(Wishes(2))
    assert verdict(plan, CallResult(0, **GOOD), CallResult(1, **(GOOD | {missing: False}))) == (1,)


def test_a_call_without_a_result_is_lost() -> None:
    assert verdict(draw(Wishes(2)), CallResult(1, **GOOD)) == (0,)


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile([3.0], 0.99) == 3.0
    assert percentile([], 0.5) is None
