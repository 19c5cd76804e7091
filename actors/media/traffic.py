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
