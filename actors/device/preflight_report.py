"""What a preflight test has found, as the documented report. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from actors.events import Endpoint, MediaSecured

SIGNIFICANT_DIGITS: Final = 5
QUALITIES: Final = ((4.1, "great"), (3.7, "good"), (3.1, "fair"))
EXCELLENT_ABOVE: Final = 4.2
RELAY: Final = "relay"
CANDIDATE_TYPES: Final = ((126, "host"), (110, "prflx"), (10, "srflx"), (0, RELAY))
"""By the least type preference; browsers give relayed ones 0 to 2, by the way to the TURN server."""


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


class IceCandidate(TypedDict):
    """A candidate of ours or of the peer; `candidateType` is what its priority says (RFC 8445, 5.1.2.2)."""

    type: str
    candidateType: str
    isRemote: bool
    address: str
    ip: str
    port: int
    protocol: str
    priority: int


class SelectedPair(TypedDict):
    localCandidate: IceCandidate
    remoteCandidate: IceCandidate


class PreflightReport(TypedDict, total=False):
    """`stats` and `callQuality` are missing when no sample has a MOS.

    `networkTiming` has `signaling`, `ice`, `dtls` and `peerConnection`, as far as they came about. Where no
    path was found, there is no selected pair, and nothing is known of TURN.
    """

    callSid: str | None
    edge: str | None
    selectedEdge: str | Sequence[str] | None
    samples: list[Mapping[str, Any]]
    warnings: list[PreflightWarning]
    totals: Mapping[str, Any] | None
    testTiming: TimeMeasurement
    networkTiming: dict[str, TimeMeasurement]
    iceCandidateStats: list[IceCandidate]
    selectedIceCandidatePairStats: SelectedPair
    isTurnRequired: bool
    stats: dict[str, Statistic]
    callQuality: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What was seen; times are of one clock, in seconds."""

    started: float
    ended: float
    registered: float | None = None
    secured_at: float = 0.0
    secured: MediaSecured | None = None
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
    if found.secured is not None:
        report |= _path(found.secured)
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
    if found.secured is not None:
        end = found.secured_at
        path_at = end - found.secured.dtls
        begun = path_at - found.secured.ice
        timing["ice"] = _measure(begun, path_at, epoch)
        timing["dtls"] = _measure(path_at, end, epoch)
        timing["peerConnection"] = _measure(begun, end, epoch)
    return timing


def _path(secured: MediaSecured) -> PreflightReport:
    """What is known of the candidates. The selected remote one may be none of those that were offered."""
    local = _candidate(secured.local, is_remote=False)
    remote = _candidate(secured.remote, is_remote=True)
    offered = [_candidate(endpoint, is_remote=True) for endpoint in secured.candidates]
    return PreflightReport(
        iceCandidateStats=[local, *offered, *([] if remote in offered else [remote])],
        selectedIceCandidatePairStats=SelectedPair(localCandidate=local, remoteCandidate=remote),
        isTurnRequired=RELAY in (local["candidateType"], remote["candidateType"]),
    )


def _candidate(endpoint: Endpoint, *, is_remote: bool) -> IceCandidate:
    return IceCandidate(
        type="remote-candidate" if is_remote else "local-candidate",
        candidateType=next(word for least, word in CANDIDATE_TYPES if endpoint.priority >> 24 >= least),
        isRemote=is_remote,
        address=endpoint.host,
        ip=endpoint.host,
        port=endpoint.port,
        protocol="udp",
        priority=endpoint.priority,
    )


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
