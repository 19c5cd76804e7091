"""What a preflight test has found, as the documented report. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict

SIGNIFICANT_DIGITS: Final = 5
QUALITIES: Final = ((4.1, "great"), (3.7, "good"), (3.1, "fair"))
EXCELLENT_ABOVE: Final = 4.2


class TimeMeasurement(TypedDict):
    """Milliseconds; `start` and `end` since the epoch."""

    start: float
    end: float
    duration: float


class Statistic(TypedDict):
    average: float
    max: float
    min: float


class PreflightWarning(TypedDict):
    name: str
    description: str
    rtcWarning: Mapping[str, Any] | None


class PreflightReport(TypedDict, total=False):
    """`stats` and `callQuality` are missing when no sample has a MOS.

    Timings are of what has happened; ours are `signaling` and `peerConnection`, as ICE and DTLS are not
    told apart.
    """

    callSid: str | None
    edge: str | None
    selectedEdge: str | Sequence[str] | None
    samples: list[Mapping[str, Any]]
    warnings: list[PreflightWarning]
    totals: Mapping[str, Any] | None
    testTiming: TimeMeasurement
    networkTiming: dict[str, TimeMeasurement]
    iceCandidateStats: list[Mapping[str, Any]]
    stats: dict[str, Statistic]
    callQuality: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What was seen; times are of one clock, in seconds."""

    started: float
    ended: float
    registered: float | None = None
    accepted: float | None = None
    flowing: float | None = None
    call_sid: str | None = None
    edge: str | None = None
    selected_edge: str | Sequence[str] | None = None
    samples: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[PreflightWarning, ...] = ()


def write_report(found: Findings, epoch: float) -> PreflightReport:
    """The report; `epoch` is the time of day, in seconds, at zero of the findings' clock."""
    report = PreflightReport(
        callSid=found.call_sid,
        edge=found.edge,
        selectedEdge=found.selected_edge,
        samples=list(found.samples),
        warnings=list(found.warnings),
        totals=found.samples[-1]["totals"] if found.samples else None,
        testTiming=_measure(found.started, found.ended, epoch),
        networkTiming=_network(found, epoch),
        iceCandidateStats=[],
    )
    stats = _statistics(found.samples)
    if stats:
        report["stats"] = stats
        report["callQuality"] = call_quality(stats["mos"]["average"])
    return report


def call_quality(mos: float) -> str:
    """A word for a mean opinion score."""
    if mos > EXCELLENT_ABOVE:
        return "excellent"
    return next((word for least, word in QUALITIES if mos >= least), "degraded")


def _network(found: Findings, epoch: float) -> dict[str, TimeMeasurement]:
    timing: dict[str, TimeMeasurement] = {}
    if found.registered is not None:
        timing["signaling"] = _measure(found.started, found.registered, epoch)
    if found.flowing is not None and found.accepted is not None:
        begun = min(found.accepted, found.flowing)  # early media flows before the call is accepted
        timing["peerConnection"] = _measure(begun, found.flowing, epoch)
    return timing


def _measure(start: float, end: float, epoch: float) -> TimeMeasurement:
    return TimeMeasurement(
        start=(epoch + start) * 1000, end=(epoch + end) * 1000, duration=(end - start) * 1000
    )


def _statistics(samples: Sequence[Mapping[str, Any]]) -> dict[str, Statistic]:
    """Of the samples from the first with a MOS on; empty if there is none."""
    first = next((index for index, sample in enumerate(samples) if (sample["mos"] or 0) > 0), len(samples))
    columns = {
        name: [sample[name] for sample in samples[first:] if sample[name] is not None]
        for name in ("jitter", "mos", "rtt")
    }
    return {name: _summarize(values) for name, values in columns.items() if values}


def _summarize(values: Sequence[float]) -> Statistic:
    average = float(f"{sum(values) / len(values):.{SIGNIFICANT_DIGITS}g}")
    return Statistic(average=average, max=max(values), min=min(values))
