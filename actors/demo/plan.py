"""What the demonstration does, drawn from a seed: who calls whom with which tones, what strikes when."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

import msgspec

FIRST_TONE_HZ = 1800.0
TONE_STEP_HZ = 50.0
TONE_COUNT = 30
QUIET_START = 0.2
QUIET_END = 0.35
"""Shares of the talking time without faults: audio is checked before the first and after the last."""


class FaultKind(StrEnum):
    """What strikes, and on which side of the wire."""

    CUT_WEBSOCKET = "cut websocket"
    BLACKHOLE_MEDIA = "blackhole media"
    CRASH_CALL = "crash call actor"
    CRASH_MEDIA = "crash media actor"
    CRASH_INSIGHTS = "crash insights actor"

    @property
    def is_of_device(self) -> bool:
        return self in (FaultKind.CUT_WEBSOCKET, FaultKind.BLACKHOLE_MEDIA)


class PlannedCall(msgspec.Struct, frozen=True):
    """One call: its number, its two parties, and the tone that each of them sends."""

    number: int
    caller: str
    callee: str
    caller_hz: float
    callee_hz: float


class PlannedFault(msgspec.Struct, frozen=True):
    """A fault `at` seconds into the talking; `hits_caller` says which half of the call."""

    at: float
    call: int
    kind: FaultKind
    hits_caller: bool


class Plan(msgspec.Struct, frozen=True):
    seconds: float
    calls: tuple[PlannedCall, ...]
    faults: tuple[PlannedFault, ...]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for."""

    calls: int = 40
    seconds: float = 20.0
    seed: int = 7
    has_faults: bool = True


def draw(wishes: Wishes) -> Plan:
    """The same wishes always give the same plan: each call is hit once, every kind about equally often."""
    random = Random(wishes.seed)  # noqa: S311 - a reproducible plan, not a secret
    calls = tuple(_call(number) for number in range(wishes.calls))
    faults = tuple(_faults(random, wishes)) if wishes.has_faults else ()
    return Plan(wishes.seconds, calls, tuple(sorted(faults, key=lambda fault: fault.at)))


def _call(number: int) -> PlannedCall:
    """Two tones that differ within the call, and whose pair differs from those of its neighbours."""
    first = number % TONE_COUNT
    distance = 1 + (6 + number // TONE_COUNT) % (TONE_COUNT - 1)
    second = (first + distance) % TONE_COUNT
    return PlannedCall(
        number,
        f"caller_{number}",
        f"callee_{number}",
        FIRST_TONE_HZ + TONE_STEP_HZ * first,
        FIRST_TONE_HZ + TONE_STEP_HZ * second,
    )


def _faults(random: Random, wishes: Wishes) -> list[PlannedFault]:
    kinds = list(FaultKind)
    start, end = wishes.seconds * QUIET_START, wishes.seconds * (1 - QUIET_END)
    order = list(range(wishes.calls))
    random.shuffle(order)
    return [
        PlannedFault(
            at=round(random.uniform(start, end), 2),
            call=number,
            kind=kinds[position % len(kinds)],
            hits_caller=random.random() < 0.5,
        )
        for position, number in enumerate(order)
    ]
