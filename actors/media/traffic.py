"""Counts of an engine's datagrams."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Traffic:
    """`dropped` is by reason; the reasons are static words of the code, so they are few."""

    packets_in: int = 0
    packets_out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def drop(self, reason: str) -> None:
        self.dropped[reason] += 1


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """`dropped` is by reason: datagrams, packets and events that were not handled."""

    legs: int
    packets_in: int
    packets_out: int
    dropped: dict[str, int]

    def __add__(self, other: "EngineStatistics") -> "EngineStatistics":
        return EngineStatistics(
            self.legs + other.legs,
            self.packets_in + other.packets_in,
            self.packets_out + other.packets_out,
            dict(Counter(self.dropped) + Counter(other.dropped)),
        )
