"""Which engine does which work with how many legs, in which order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final


class EngineName(StrEnum):
    TRUNKLINE = "trunkline"
    AIORTC = "aiortc"
    JANUS = "janus"


class Work(StrEnum):
    """An echo sends each leg what came from it; a bridge joins two legs."""

    ECHO = "echo"
    BRIDGE = "bridge"


MOST_LEGS: Final = {EngineName.AIORTC: 8, EngineName.JANUS: 200}
"""What an engine carries on the one core that servers get here, without losing packets."""
BRIDGES: Final = frozenset({EngineName.TRUNKLINE})


@dataclass(frozen=True, slots=True)
class Case:
    engine: EngineName
    work: Work
    legs: int

    def __str__(self) -> str:
        return f"{self.engine} {self.work} {self.legs}"


def draw_cases(engines: Sequence[EngineName], works: Sequence[Work], legs: Iterable[int]) -> tuple[Case, ...]:
    """All that make sense, those that are compared with each other side by side.

    An engine that carries none of `legs` runs at the most that it carries, and ours beside it.
    """
    asked = set(legs)
    weak = {MOST_LEGS[engine] for engine in engines if MOST_LEGS.get(engine, inf) < min(asked)}
    return tuple(
        Case(engine, work, count)
        for work in works
        for count in sorted(asked | weak)
        for engine in engines
        if _makes_sense(Case(engine, work, count), asked)
    )


def _makes_sense(case: Case, asked: set[int]) -> bool:
    most = MOST_LEGS.get(case.engine, inf)
    if case.work is Work.BRIDGE:
        return case.engine in BRIDGES and case.legs % 2 == 0 and case.legs in asked
    if case.legs in asked:
        return case.legs <= most
    return case.legs == most or case.engine is EngineName.TRUNKLINE


def turns(cases: Sequence[Case], runs: int) -> Iterator[tuple[int, Case]]:
    """Every case once, then every case again: A B C A B C …"""
    for turn in range(runs):
        for case in cases:
            yield turn, case
