"""Warnings of a call's quality: when each is raised and cleared, and what it tells."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.insights.monitor import WARNING_SECONDS, Change, Cleared, Monitor, Raised, observe
from actors.insights.thresholds import THRESHOLDS, Comparator, Threshold, window_of

pytestmark = pytest.mark.pure

GOOD = {
    "bytesSent": 8000,
    "bytesReceived": 8000,
    "jitter": 1.0,
    "mos": 4.4,
    "packetsLostFraction": 0.0,
    "rtt": 20.0,
}
SPEECH = {"audioInputLevel": (0.0, 9000.0) * 10, "audioOutputLevel": (0.0, 9000.0) * 10}
HUM = (5000.0,) * 20
BAD = {
    "high-jitter": {"jitter": 31.0},
    "high-rtt": {"rtt": 401.0},
    "low-mos": {"mos": 2.9},
    "high-packet-loss": {"packetsLostFraction": 1.5},
    "low-bytes-sent": {"bytesSent": 0},
    "low-bytes-received": {"bytesReceived": 0},
}
each_bad = pytest.mark.parametrize(("warning", "bad"), BAD.items(), ids=list(BAD))


class Watch:
    """A monitor that is given a sample each second."""

    def __init__(self, *thresholds: Threshold) -> None:
        self.monitor = Monitor(thresholds) if thresholds else Monitor()
        self.now = 100.0
        self.told: list[tuple[float, Change]] = []

    def see(self, count: int = 1, levels: object = SPEECH, *, is_enabled: bool = True, **bad: object) -> None:
        for _ in range(count):
            self.now += 1.0
            self.monitor, changes = observe(
                self.monitor,
                {**GOOD, **bad},
                levels,
                self.now,
                is_enabled=is_enabled,  # type: ignore[arg-type]
            )
            self.told += [(self.now, change) for change in changes]

    def take(self) -> list[Change]:
        told, self.told = self.told, []
        return [change for _, change in told]

    def names(self) -> list[str]:
        return [("" if isinstance(change, Raised) else "-") + change.warning for change in self.take()]


def test_the_table_is_the_documented_one() -> None:
    rows = [
        (row.stat, row.comparator.value, row.limit, row.sample_count or window_of(THRESHOLDS), row.warning)
        for row in THRESHOLDS
    ]
    deviation = "minStandardDeviation"
    assert rows == [
        ("audioInputLevel", deviation, 327.67, 10, "constant-audio-input-level"),
        ("audioOutputLevel", deviation, 327.67, 10, "constant-audio-output-level"),
        ("bytesReceived", "min", 1, 3, "low-bytes-received"),
        ("bytesSent", "min", 1, 3, "low-bytes-sent"),
        ("jitter", "max", 30, 10, "high-jitter"),
        ("mos", "min", 3, 10, "low-mos"),
        ("packetsLostFraction", "max", 1, 10, "high-packet-loss"),
        ("packetsLostFraction", "maxAverage", 3, 7, "high-packets-lost-fraction"),
        ("rtt", "max", 400, 10, "high-rtt"),
    ]


def test_a_good_call_does_not_warn() -> None:
    watch = Watch()
    watch.see(30)
    assert watch.take() == []


@each_bad
def test_the_third_bad_value_raises_and_not_the_second(warning: str, bad: dict[str, float]) -> None:
    watch = Watch()
    watch.see(10)
    watch.see(2, **bad)
    assert watch.take() == []
    watch.see(1, **bad)
    assert watch.names() == [warning]


@pytest.mark.parametrize(
    "edge", [{"jitter": 30.0}, {"rtt": 400.0}, {"mos": 3.0}, {"packetsLostFraction": 1.0}, {"bytesSent": 1}]
)
def test_the_limit_itself_is_good(edge: dict[str, float]) -> None:
    watch = Watch()
    watch.see(20, **edge)
    assert watch.take() == []


def test_bounds_are_judged_before_the_window_is_full() -> None:
    watch = Watch()
    watch.see(3, jitter=31.0)
    assert watch.names() == ["high-jitter"]


def test_bad_values_need_not_follow_each_other() -> None:
    watch = Watch()
    for jitter in (31.0, 1.0, 31.0, 1.0, 1.0, 31.0):
        watch.see(1, jitter=jitter)
    assert watch.names() == ["high-jitter"]


def test_bad_values_count_while_they_are_in_the_window() -> None:
    watch = Watch()
    watch.see(2, jitter=31.0)
    watch.see(8)
    watch.see(1, jitter=31.0)
    assert watch.take() == [], "two within ten samples"


@each_bad
def test_a_raised_warning_is_not_raised_again_before_it_was_cleared(
    warning: str, bad: dict[str, float]
) -> None:
    watch = Watch()
    watch.see(10)
    watch.see(10, **bad)
    assert watch.names().count(warning) == 1
    watch.see(20)
    assert f"-{warning}" in watch.names()
    watch.see(3, **bad)
    assert warning in watch.names()


def test_a_bound_is_cleared_when_no_bad_value_is_left() -> None:
    watch = Watch()
    watch.see(3, jitter=31.0)
    watch.see(9)
    assert watch.names() == ["high-jitter"]
    watch.see(1)
    assert watch.take() == [Cleared("high-jitter")]


def test_bytes_are_cleared_by_one_good_sample_but_not_before_five_seconds() -> None:
    watch = Watch()
    watch.see(3, bytesReceived=0)
    watch.see(4)
    assert watch.names() == ["low-bytes-received"]
    watch.see(1)
    assert watch.told == [(108.0, Cleared("low-bytes-received"))], "raised at 103"


def test_a_warning_of_bytes_is_cleared_at_once_after_five_seconds() -> None:
    watch = Watch()
    watch.see(20, bytesSent=0)
    watch.see(1)
    assert watch.names() == ["low-bytes-sent", "-low-bytes-sent"]


def test_a_mean_loss_over_three_percent_warns_and_is_cleared_at_one() -> None:
    watch = Watch()
    watch.see(6, packetsLostFraction=3.1)
    assert watch.names() == ["high-packet-loss"], "no mean before there are seven samples"
    watch.see(1, packetsLostFraction=3.1)
    assert watch.names() == ["high-packets-lost-fraction"]
    watch.see(4, packetsLostFraction=1.1)
    assert watch.take() == [], "the mean is 1.96"
    watch.see(6, packetsLostFraction=1.0)
    assert watch.names() == []
    watch.see(1, packetsLostFraction=1.0)
    assert watch.names() == ["-high-packets-lost-fraction"], "the mean is 1"


def test_one_stat_can_raise_both_of_its_warnings() -> None:
    watch = Watch()
    watch.see(7)
    watch.see(3, packetsLostFraction=50.0)
    assert watch.names() == ["high-packets-lost-fraction", "high-packet-loss"], (
        "the first at its first bad value"
    )


def test_a_window_with_an_unknown_value_is_not_judged() -> None:
    """The first sample has no MOS: a low one is told when that has left the window."""
    watch = Watch()
    watch.see(1, mos=None)
    watch.see(9, mos=1.0)
    assert watch.take() == []
    watch.see(1, mos=1.0)
    assert watch.names() == ["low-mos"]


def test_an_unknown_value_does_not_clear() -> None:
    watch = Watch()
    watch.see(3, rtt=500.0)
    watch.see(9, rtt=None)
    watch.see(9)
    assert watch.names() == ["high-rtt"]
    watch.see(1)
    assert watch.names() == ["-high-rtt"]


# --- levels -------------------------------------------------------------------------------------------


def levels(given: tuple[float, ...]) -> dict[str, tuple[float, ...]]:
    return {**SPEECH, "audioInputLevel": given}


def test_levels_that_do_not_change_for_ten_samples_warn() -> None:
    watch = Watch()
    watch.see(9, levels(HUM))
    assert watch.take() == []
    watch.see(1, levels(HUM))
    [raised] = watch.take()
    assert isinstance(raised, Raised)
    assert raised.warning == "constant-audio-input-level"
    assert raised.detail == {
        "name": "audioInputLevel",
        "threshold": {"name": "minStandardDeviation", "value": 327.67},
        "value": 0.0,
    }
    assert raised.samples == ()
    watch.see(5)
    assert watch.take() == [Cleared("constant-audio-input-level")]


@pytest.mark.parametrize(("swing", "is_constant"), [(327.0, True), (328.0, False)])
def test_the_deviation_is_that_of_the_population(swing: float, is_constant: bool) -> None:
    watch = Watch()
    watch.see(10, levels((5000.0 - swing, 5000.0 + swing) * 10))
    assert bool(watch.take()) == is_constant


def test_samples_whose_levels_nobody_measured_are_not_judged() -> None:
    """A listener that comes late must not be told of a silence that was not measured."""
    watch = Watch()
    watch.see(20, levels(()))
    watch.see(9, levels(HUM))
    assert watch.take() == []
    watch.see(1, levels(HUM))
    assert watch.names() == ["constant-audio-input-level"]


# --- what is told -------------------------------------------------------------------------------------


def test_a_warning_tells_the_stat_its_threshold_and_the_window() -> None:
    watch = Watch()
    watch.see(9)
    watch.see(3, jitter=50.0)
    [raised] = watch.take()
    assert isinstance(raised, Raised)
    assert raised.detail == {
        "name": "jitter",
        "threshold": {"name": "max", "value": 30},
        "values": [1.0] * 7 + [50.0] * 3,
    }
    assert [sample["jitter"] for sample in raised.samples] == raised.detail["values"]


# --- enabling -----------------------------------------------------------------------------------------


def test_a_disabled_monitor_samples_but_does_not_warn_and_forgets_what_is_raised() -> None:
    watch = Watch()
    watch.see(3, jitter=31.0, is_enabled=False)
    assert watch.take() == []
    watch.see(1, jitter=31.0)
    assert watch.names() == ["high-jitter"], "it was watched meanwhile"
    watch.see(1, jitter=31.0, is_enabled=False)
    watch.see(1, jitter=31.0)
    assert watch.names() == ["high-jitter"], "raised again: it was forgotten, not cleared"


# --- other comparators --------------------------------------------------------------------------------


@pytest.mark.parametrize(("raise_count", "sample_count"), [(1, 5), (2, 5), (5, 5), (4, None)])
def test_counts_can_be_set(raise_count: int, sample_count: int | None) -> None:
    watch = Watch(Threshold("rtt", Comparator.MAX, 100, sample_count, raise_count=raise_count))
    watch.see(raise_count - 1, rtt=101.0)
    assert watch.take() == []
    watch.see(1, rtt=101.0)
    assert watch.names() == ["high-rtt"]


def test_a_mean_can_have_a_lower_limit() -> None:
    watch = Watch(Threshold("mos", Comparator.MIN_AVERAGE, 3, 4, clear_value=4))
    watch.see(4, mos=3.0)
    assert watch.take() == []
    watch.see(1, mos=2.9)
    assert watch.names() == ["low-mos"]
    watch.see(5, mos=3.9)
    assert watch.take() == []
    watch.see(4, mos=4.0)
    assert watch.names() == ["-low-mos"]


@pytest.mark.parametrize("comparator", [Comparator.MAX_AVERAGE, Comparator.MIN_AVERAGE])
def test_a_mean_without_a_clear_value_is_cleared_at_its_limit(comparator: Comparator) -> None:
    sign = 1 if comparator is Comparator.MAX_AVERAGE else -1
    watch = Watch(Threshold("x", comparator, 10 * sign, 2))
    watch.see(2, x=11 * sign)
    watch.see(6, x=10 * sign)
    assert [type(change) for change in watch.take()] == [Raised, Cleared]


def test_a_value_that_repeats_too_often_warns() -> None:
    watch = Watch(Threshold("x", Comparator.MAX_DURATION, 3))
    watch.see(3, x=7)
    assert watch.take() == []
    watch.see(1, x=7)
    [raised] = watch.take()
    assert isinstance(raised, Raised)
    assert (raised.warning, raised.detail["value"]) == ("constant-x", 3)
    watch.see(6, x=7)
    watch.see(1, x=8)
    assert watch.names() == ["-constant-x"]


def test_a_repeated_value_is_not_counted_while_one_is_unknown() -> None:
    watch = Watch(Threshold("x", Comparator.MAX_DURATION, 2, 3))
    watch.see(3, x=None)
    watch.see(3, x=7)
    assert watch.take() == []
    watch.see(1, x=7)
    assert watch.names() == ["constant-x"]
    watch.see(9, x=None)
    assert watch.take() == []


def test_two_comparators_of_one_stat_are_told_apart() -> None:
    watch = Watch(
        Threshold("x", Comparator.MAX, 5, subject="peak"), Threshold("x", Comparator.MAX_AVERAGE, 5, 3)
    )
    watch.see(3, x=6)
    assert watch.names() == ["high-peak", "high-x"]


# --- whatever comes -----------------------------------------------------------------------------------

VALUES = st.fixed_dictionaries(
    {
        "jitter": st.sampled_from([0.0, 30.0, 31.0]),
        "rtt": st.sampled_from([None, 10.0, 401.0]),
        "mos": st.sampled_from([None, 2.0, 4.0]),
        "packetsLostFraction": st.sampled_from([0.0, 1.0, 2.0, 50.0]),
        "bytesSent": st.sampled_from([0, 8000]),
        "bytesReceived": st.sampled_from([0, 8000]),
    }
)
LEVELS = st.sampled_from([(), HUM, SPEECH["audioInputLevel"]])


@given(st.lists(st.tuples(VALUES, LEVELS, st.booleans()), max_size=60))
def test_warnings_alternate_last_five_seconds_and_are_told_apart(
    steps: list[tuple[dict[str, object], tuple[float, ...], bool]],
) -> None:
    monitor, raised_at = Monitor(), dict[str, float]()
    for second, (values, measured, is_enabled) in enumerate(steps):
        now = float(second)
        both = {"audioInputLevel": measured, "audioOutputLevel": measured}
        monitor, changes = observe(monitor, values, both, now, is_enabled=is_enabled)
        if not is_enabled:
            raised_at.clear()
            assert changes == ()
        for change in changes:
            match change:
                case Raised(warning):
                    assert warning not in raised_at
                    raised_at[warning] = now
                case Cleared(warning):
                    assert now - raised_at.pop(warning) >= WARNING_SECONDS
        assert len(monitor.samples) <= window_of(THRESHOLDS)
        assert len(monitor.levels) <= window_of(THRESHOLDS)
        assert len(monitor.raised) == len(raised_at)


@given(st.lists(st.floats(0, 60), min_size=1, max_size=40), st.floats(0, 30))
def test_a_worse_jitter_never_warns_later(jitters: list[float], worse: float) -> None:
    def first_warning(values: Iterable[float]) -> float:
        watch = Watch()
        for value in values:
            watch.see(1, jitter=value)
        return next((at for at, _ in watch.told), float("inf"))

    assert first_warning(jitter + worse for jitter in jitters) <= first_warning(jitters)


def test_names_do_not_repeat() -> None:
    names = sorted(row.warning for row in THRESHOLDS)
    assert all(one != other for one, other in pairwise(names))
    assert replace(THRESHOLDS[0], subject="x").warning == "constant-x"
