"""What a call's insights actor does with each set of counters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from actors.insights.sample import Previous, Totals, take_sample


@dataclass(frozen=True, slots=True)
class StopInsights:
    """The call has ended; the actor returns."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """`sample` is the documented object; see `actors.insights.sample.Sample`."""

    sample: Mapping[str, Any]


Message: TypeAlias = Totals | StopInsights
Effect: TypeAlias = Sampled


@dataclass(frozen=True, slots=True)
class InsightsState:
    previous: Previous | None = None


@dataclass(slots=True)
class InsightsCell:
    """The last committed state; one per call, it outlives the actor's incarnations."""

    state: InsightsState = InsightsState()


def step(state: InsightsState, totals: Totals) -> tuple[InsightsState, tuple[Effect, ...]]:
    previous, sample = take_sample(state.previous, totals)
    return InsightsState(previous), (Sampled(sample),)


class InsightsMachine:
    """Drives `step` from the state in `cell`, and writes back what was committed."""

    def __init__(self, cell: InsightsCell) -> None:
        self._cell = cell
        self._state = cell.state
        self._done = False

    def __repr__(self) -> str:
        return f"<InsightsMachine {'done' if self._done else 'sampling' if self._state.previous else 'idle'}>"

    @property
    def deadline(self) -> float | None:
        return None

    @property
    def done(self) -> bool:
        return self._done

    def handle(self, message: Message, now: float) -> Iterable[Effect]:
        match message:
            case Totals():
                self._state, effects = step(self._state, message)
                return effects
            case StopInsights():
                self._done = True
                return ()
            case _:
                assert_never(message)

    def expire(self, now: float) -> Iterable[Effect]:
        return ()

    def commit(self) -> None:
        self._cell.state = self._state
