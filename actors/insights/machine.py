"""What a call's insights actor does with each set of counters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, assert_never

from actors.insights.monitor import Change, Monitor, observe
from actors.insights.sample import Previous, Totals, take_sample

GRACE_SECONDS: Final = 5.0
"""A call's first seconds, in which it does not warn."""


@dataclass(frozen=True, slots=True)
class StopInsights:
    """The call has ended; the actor returns."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """`sample` is the documented object; see `actors.insights.sample.Sample`.

    `changes` are the warnings that it raises and clears; they come before it.
    """

    sample: Mapping[str, Any]
    changes: tuple[Change, ...] = ()


Message: TypeAlias = Totals | StopInsights
Effect: TypeAlias = Sampled


@dataclass(frozen=True, slots=True)
class InsightsState:
    previous: Previous | None = None
    monitor: Monitor = field(default_factory=Monitor)


@dataclass(slots=True)
class InsightsCell:
    """The last committed state; one per call, it outlives the actor's incarnations.

    `warns_from`: the monotonic time from which on the call warns.
    """

    state: InsightsState = InsightsState()
    warns_from: float = 0.0


def step(
    state: InsightsState, totals: Totals, now: float, *, warns: bool
) -> tuple[InsightsState, tuple[Effect, ...]]:
    """The next sample; `warns` is whether warnings are raised by it."""
    previous, sample = take_sample(state.previous, totals)
    levels = {"audioInputLevel": totals.input_levels, "audioOutputLevel": totals.output_levels}
    monitor, changes = observe(state.monitor, sample, levels, now, is_enabled=warns)
    return InsightsState(previous, monitor), (Sampled(sample, changes),)


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
                warns = now >= self._cell.warns_from
                self._state, effects = step(self._state, message, now, warns=warns)
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
