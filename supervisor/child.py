"""A supervised child: what its parent asks for, and what the supervisor knows about it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import trio

from supervisor.notices import ChildExhausted, ChildFinished
from supervisor.policy import History, Policy


class Ready(Protocol):
    """An actor calls it once it is usable; further calls are ignored."""

    def __call__(self) -> None: ...


Run: TypeAlias = Callable[[Ready], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A child: `run` is called anew for each incarnation.

    The name is unique among the living children of a supervisor. When a `significant` child has spent its
    restarts, the whole supervisor goes down with it.
    """

    name: str
    run: Run
    policy: Policy = field(default_factory=Policy)
    significant: bool = False


class ChildNotReady(Exception):
    """The child returned or was stopped before it was ready."""

    def __init__(self, name: str) -> None:
        super().__init__(f"child {name!r} ended before it was ready")
        self.name = name


@dataclass(slots=True)
class Incarnation:
    """One run of a child."""

    number: int
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ready_at: float | None = None
    killed: Exception | None = None
    is_over: bool = False

    def uptime(self, now: float) -> float | None:
        """For how many seconds it has been ready; None if it never was."""
        return None if self.ready_at is None else now - self.ready_at


@dataclass(slots=True, eq=False)
class Child:
    """One living child.

    `scope`, cancelled by a stop, covers all incarnations and the delays between them. `started` releases who
    waits for the first incarnation to be ready, None if nobody does.
    """

    spec: ChildSpec
    farewell: ChildFinished | ChildExhausted
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    gone: trio.Event = field(default_factory=trio.Event)
    history: History = field(default_factory=History)
    started: Callable[[], None] | None = None
    incarnation: Incarnation = field(default_factory=lambda: Incarnation(1))

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def is_stopping(self) -> bool:
        return self.scope.cancel_called

    @property
    def state(self) -> str:
        if self.is_stopping:
            return "stopping"
        if self.incarnation.is_over:
            return "restarting"
        return "starting" if self.incarnation.ready_at is None else "up"

    def stop(self) -> None:
        self.scope.cancel(reason="stopped by its supervisor")

    def kill(self, error: Exception) -> None:
        """Crash the running incarnation with `error`; the first kill counts."""
        if self.is_stopping or self.incarnation.is_over or self.incarnation.killed is not None:
            return
        self.incarnation.killed = error
        self.incarnation.scope.cancel(reason="killed from outside")
