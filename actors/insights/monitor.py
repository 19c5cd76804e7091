"""Watches a call's samples and tells when a warning is raised and when it is cleared."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias, assert_never

from actors.insights.thresholds import THRESHOLDS, Comparator, Threshold, window_of

WARNING_SECONDS: Final = 5.0
"""For so long a warning stays at least."""

Sample: TypeAlias = Mapping[str, Any]
Levels: TypeAlias = Mapping[str, tuple[float, ...]]
"""The single audio levels of one sample, by the name of its field; empty where nobody measured them."""


@dataclass(frozen=True, slots=True)
class Raised:
    """`detail` has the stat's name, the threshold, and its `values` or its `value`; `samples` if values."""

    warning: str
    detail: Mapping[str, Any]
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleared:
    warning: str


Change: TypeAlias = Raised | Cleared


@dataclass(frozen=True, slots=True)
class Monitor:
    """The last samples with their levels, and since when each warning is raised."""

    thresholds: tuple[Threshold, ...] = THRESHOLDS
    samples: tuple[Sample, ...] = ()
    levels: tuple[Levels, ...] = ()
    streaks: Mapping[str, int] = field(default_factory=dict)
    raised: Mapping[tuple[str, Comparator], float] = field(default_factory=dict)


def observe(
    monitor: Monitor, sample: Sample, levels: Levels, now: float, *, is_enabled: bool = True
) -> tuple[Monitor, tuple[Change, ...]]:
    """Take a sample; the warnings that change with it, in the order of the thresholds.

    Args:
        monitor: what was observed before.
        sample: the newest sample.
        levels: the audio levels since the sample before it.
        now: monotonic time in seconds.
        is_enabled: whether warnings are raised; otherwise those that are raised are forgotten.
    """
    size = window_of(monitor.thresholds)
    monitor = replace(
        monitor,
        samples=(*monitor.samples, sample)[-size:],
        levels=(*monitor.levels, levels)[-size:],
        raised=monitor.raised if is_enabled else {},
    )
    changes: tuple[Change, ...] = ()
    if is_enabled:
        for row in monitor.thresholds:
            monitor, change = _apply(monitor, row, now)
            changes += change
    return monitor, changes


def _apply(monitor: Monitor, row: Threshold, now: float) -> tuple[Monitor, tuple[Change, ...]]:
    if row.comparator is Comparator.MAX_DURATION:
        monitor = _count_streak(monitor, row)
    is_beyond = _judge(monitor, row)
    if is_beyond is None:
        return monitor, ()
    key = (row.stat, row.comparator)
    since = monitor.raised.get(key)
    if is_beyond and since is None:
        return replace(monitor, raised={**monitor.raised, key: now}), (_raise(monitor, row),)
    if not is_beyond and since is not None and now - since >= WARNING_SECONDS:
        raised = {other: at for other, at in monitor.raised.items() if other != key}
        return replace(monitor, raised=raised), (Cleared(row.warning),)
    return monitor, ()


def _judge(monitor: Monitor, row: Threshold) -> bool | None:
    """Whether to raise (True) or to clear (False); None: neither, or something that counts is not known."""
    if row.comparator is Comparator.MIN_STANDARD_DEVIATION:
        deviation = _deviation(monitor, row)
        return None if deviation is None else deviation < row.limit
    values = _values(monitor, row)
    if None in values:
        return None
    match row.comparator:
        case Comparator.MAX:
            return _judge_count(row, len([value for value in values if value > row.limit]))
        case Comparator.MIN:
            return _judge_count(row, len([value for value in values if value < row.limit]))
        case Comparator.MAX_AVERAGE | Comparator.MIN_AVERAGE:
            is_full = len(values) >= _count(monitor, row)
            return _judge_average(row, sum(values) / len(values)) if is_full else None
        case Comparator.MAX_DURATION:
            return _judge_streak(row, monitor.streaks.get(row.stat))
        case _:
            assert_never(row.comparator)


def _judge_count(row: Threshold, count: int) -> bool | None:
    if count >= row.raise_count:
        return True
    return False if count <= row.clear_count else None


def _judge_average(row: Threshold, average: float) -> bool | None:
    clear_at = row.limit if row.clear_value is None else row.clear_value
    sign = 1 if row.comparator is Comparator.MAX_AVERAGE else -1
    if sign * average > sign * row.limit:
        return True
    return False if sign * average <= sign * clear_at else None


def _judge_streak(row: Threshold, streak: int | None) -> bool | None:
    if streak is None:
        return None
    return True if streak >= row.limit else False if streak == 0 else None


def _count_streak(monitor: Monitor, row: Threshold) -> Monitor:
    """How many times in a row the value was the same as the one before."""
    if len(monitor.samples) < 2 or None in _values(monitor, row):
        return monitor
    before, newest = (sample.get(row.stat) for sample in monitor.samples[-2:])
    streak = monitor.streaks.get(row.stat, 0) + 1 if before == newest else 0
    return replace(monitor, streaks={**monitor.streaks, row.stat: streak})


def _deviation(monitor: Monitor, row: Threshold) -> float | None:
    """Of the single levels of a full window, in which none of the samples lacks them."""
    count = _count(monitor, row)
    sets = [levels.get(row.stat, ()) for levels in monitor.levels[-count:]]
    if len(sets) < count or not all(sets):
        return None
    levels = [level for one in sets for level in one]
    mean = sum(levels) / len(levels)
    return math.sqrt(sum([(level - mean) ** 2 for level in levels]) / len(levels))


def _count(monitor: Monitor, row: Threshold) -> int:
    return row.sample_count or window_of(monitor.thresholds)


def _window(monitor: Monitor, row: Threshold) -> tuple[Sample, ...]:
    return monitor.samples[-row.sample_count :] if row.sample_count else monitor.samples


def _values(monitor: Monitor, row: Threshold) -> list[Any]:
    return [sample.get(row.stat) for sample in _window(monitor, row)]


def _raise(monitor: Monitor, row: Threshold) -> Raised:
    detail = {"name": row.stat, "threshold": {"name": row.comparator.value, "value": row.limit}}
    match row.comparator:
        case Comparator.MAX_DURATION:
            return Raised(row.warning, {**detail, "value": monitor.streaks[row.stat]})
        case Comparator.MIN_STANDARD_DEVIATION:
            return Raised(row.warning, {**detail, "value": _deviation(monitor, row)})
        case _:
            return Raised(row.warning, {**detail, "values": _values(monitor, row)}, _window(monitor, row))
