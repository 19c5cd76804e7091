"""From cumulative counters to the documented `sample` object of a call."""

from dataclasses import dataclass
from typing import Final, TypedDict

from actors.insights.mos import mean_opinion_score

_SUBTYPES: Final = {"pcmu": "PCMU", "pcma": "PCMA", "g722": "G722"}
"""Registered spellings of RTP subtypes that are not lower case (RFC 3551)."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Cumulative counters of one media session at the time `at` (seconds).

    `packets_lost` is RFC 3550's, which duplicates can lower; `rtt_ms` is None while it is not known. The
    levels are 0..32767, of what this side sends (`input_levels`) and receives (`output_levels`) since the
    last counters; empty where nobody measures them.
    """

    at: float
    bytes_sent: int
    packets_sent: int
    bytes_received: int
    packets_received: int
    packets_lost: int
    jitter_ms: float
    rtt_ms: float | None
    codec: str
    input_levels: tuple[float, ...] = ()
    output_levels: tuple[float, ...] = ()

    def has_restarted_since(self, earlier: "Totals") -> bool:
        """Whether the counters began anew, as those of another media session do."""
        return (
            self.packets_sent < earlier.packets_sent
            or self.packets_received < earlier.packets_received
            or self.bytes_sent < earlier.bytes_sent
            or self.bytes_received < earlier.bytes_received
        )


class SampleTotals(TypedDict):
    bytesReceived: int
    bytesSent: int
    packetsLost: int
    packetsLostFraction: float
    packetsReceived: int
    packetsSent: int


class Sample(TypedDict):
    """`jitter`, `rtt`, `timestamp` are in milliseconds, fractions in percent; counts are of the interval."""

    audioInputLevel: int
    audioOutputLevel: int
    bytesReceived: int
    bytesSent: int
    codecName: str
    jitter: float
    mos: float | None
    packetsLost: int
    packetsLostFraction: float
    packetsReceived: int
    packetsSent: int
    rtt: float | None
    timestamp: float
    totals: SampleTotals


@dataclass(frozen=True, slots=True)
class Previous:
    """What a sample takes from the one before: its counters, and the last round-trip time known."""

    totals: Totals
    rtt_ms: float | None


def take_sample(previous: Previous | None, totals: Totals) -> tuple[Previous, Sample]:
    """The next sample, and what the one after it needs.

    The first sample counts from zero and has no MOS. A round-trip time that is not known keeps its last
    value.
    """
    rtt_ms = totals.rtt_ms
    if rtt_ms is None and previous is not None:
        rtt_ms = previous.rtt_ms
    base = None if previous is None or totals.has_restarted_since(previous.totals) else previous.totals
    received = totals.packets_received - (base.packets_received if base else 0)
    lost = totals.packets_lost - (base.packets_lost if base else 0)
    loss_percent = _percent(lost, received, when_idle=0.0)
    sample = Sample(
        audioInputLevel=_mean(totals.input_levels),
        audioOutputLevel=_mean(totals.output_levels),
        bytesReceived=totals.bytes_received - (base.bytes_received if base else 0),
        bytesSent=totals.bytes_sent - (base.bytes_sent if base else 0),
        codecName=_SUBTYPES.get(totals.codec, totals.codec),
        jitter=totals.jitter_ms,
        mos=None if previous is None else mean_opinion_score(rtt_ms, totals.jitter_ms, loss_percent),
        packetsLost=lost,
        packetsLostFraction=loss_percent,
        packetsReceived=received,
        packetsSent=totals.packets_sent - (base.packets_sent if base else 0),
        rtt=rtt_ms,
        timestamp=totals.at * 1000,
        totals=_cumulative(totals),
    )
    return Previous(totals, rtt_ms), sample


def _cumulative(totals: Totals) -> SampleTotals:
    return SampleTotals(
        bytesReceived=totals.bytes_received,
        bytesSent=totals.bytes_sent,
        packetsLost=totals.packets_lost,
        packetsLostFraction=_percent(totals.packets_lost, totals.packets_received, when_idle=100.0),
        packetsReceived=totals.packets_received,
        packetsSent=totals.packets_sent,
    )


def _mean(levels: tuple[float, ...]) -> int:
    return round(sum(levels) / len(levels)) if levels else 0


def _percent(lost: int, received: int, *, when_idle: float) -> float:
    expected = lost + received
    return lost / expected * 100 if expected > 0 else when_idle
