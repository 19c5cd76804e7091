"""What a supervisor tells about its children."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ChildUp:
    """An incarnation (numbered from 1) reported ready; noticed once per incarnation."""

    name: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class ChildDown:
    """An incarnation crashed, or was killed, with `error`. Normal returns are not noticed here."""

    name: str
    incarnation: int
    error: Exception


@dataclass(frozen=True, slots=True)
class ChildRestarting:
    """The next incarnation starts in `delay` seconds; it is attempt number `attempt` since one was ready."""

    name: str
    attempt: int
    delay: float


@dataclass(frozen=True, slots=True)
class ChildExhausted:
    """Last notice of a child whose restart budget is spent.

    `error` is what it crashed with last, None if a permanent child returned.
    """

    name: str
    error: Exception | None


@dataclass(frozen=True, slots=True)
class ChildFinished:
    """Last notice of any other child: it is done, not restarted, stopped, cancelled, or never was ready."""

    name: str


Notice: TypeAlias = ChildUp | ChildDown | ChildRestarting | ChildExhausted | ChildFinished
