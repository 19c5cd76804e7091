"""Scripted failures: named points inside actors, and crashes of supervised children from outside."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import trio

MAX_INJECTED = 1000
"""How many injected faults `ScriptedFaults` remembers."""

Kill: TypeAlias = Callable[[Exception], None]


@dataclass(frozen=True, slots=True)
class Crash:
    """Raise `error`."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Delay:
    """Go on after `seconds`."""

    seconds: float


Fault: TypeAlias = Crash | Delay


class Faults(Protocol):
    """Where actors and supervisors let failures in; `NO_FAULTS` unless they are wanted."""

    async def point(self, name: str) -> None:
        """A place named `name` where a failure may strike. A checkpoint only if it does."""

    def attach(self, path: str, kill: Kill) -> AbstractContextManager[None]:
        """Make the child at `path` (`supervisor name/child name`) a target while the context lasts."""


class NoFaults:
    """Nothing ever fails here."""

    async def point(self, name: str) -> None:
        return

    def attach(self, path: str, kill: Kill) -> AbstractContextManager[None]:
        return nullcontext()


NO_FAULTS: Faults = NoFaults()


class ScriptedFaults:
    """Faults that strike where and as often as they were armed; keeps what struck for assertions."""

    def __init__(self) -> None:
        self._armed: dict[str, deque[tuple[Fault, int]]] = {}
        self._attached: dict[str, list[Kill]] = {}
        self._injected: deque[tuple[str, Fault]] = deque(maxlen=MAX_INJECTED)

    @property
    def injected(self) -> list[tuple[str, Fault]]:
        """(point or path, fault) of what struck, oldest first; the last `MAX_INJECTED`."""
        return list(self._injected)

    def arm(self, point: str, fault: Fault, times: int = 1) -> None:
        """Let `fault` strike the next `times` passes of `point`, after what is already armed there."""
        if times < 1:
            raise ValueError("times must be at least 1")
        self._armed.setdefault(point, deque()).append((fault, times))

    def crash(self, path: str, error: Exception) -> None:
        """Kill the child attached at `path`; KeyError if there is none."""
        kills = tuple(self._attached[path])
        self._injected.append((path, Crash(error)))
        for kill in kills:
            kill(error)

    def paths(self) -> tuple[str, ...]:
        """The paths of all children that can be crashed, in the order in which they were attached."""
        return tuple(self._attached)

    async def point(self, name: str) -> None:
        """Let the next fault armed for `name` strike, if there is one."""
        fault = self._take(name)
        if fault is None:
            return
        self._injected.append((name, fault))
        match fault:
            case Crash(error):
                raise error.with_traceback(None)  # it may strike more than once
            case Delay(seconds):
                await trio.sleep(seconds)

    @contextmanager
    def attach(self, path: str, kill: Kill) -> Iterator[None]:
        """Make the child at `path` a target; children of equal path are crashed together."""
        self._attached.setdefault(path, []).append(kill)
        try:
            yield
        finally:
            self._attached[path].remove(kill)
            if not self._attached[path]:
                del self._attached[path]

    def _take(self, name: str) -> Fault | None:
        queue = self._armed.get(name)
        if queue is None:
            return None
        fault, times = queue.popleft()
        if times > 1:
            queue.appendleft((fault, times - 1))
        elif not queue:
            del self._armed[name]
        return fault
