"""Keeps children alive: one keeper task per child, one_for_one. Nest supervisors for one_for_all."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import assert_never

import trio

from supervisor.child import Child, ChildNotReady, ChildSpec, Incarnation
from supervisor.faults import NO_FAULTS, Faults
from supervisor.notices import ChildDown, ChildExhausted, ChildFinished, ChildRestarting, ChildUp, Notice
from supervisor.policy import GiveUp, RestartAfter


class RestartsExhausted(Exception):
    """A significant child has spent its restarts; the cause is what it crashed with last."""

    def __init__(self, name: str) -> None:
        super().__init__(f"child {name!r} has spent its restarts")
        self.name = name


class SupervisorClosed(Exception):
    """The supervisor's block was left and its children were stopped: it takes no more."""


class Supervisor:
    """Runs children in a nursery and restarts them by their policies; made by `open_supervisor`.

    The restart budget belongs to each child, so one bad child ends only itself. Every child that was started
    gets exactly one last notice: `ChildFinished` or `ChildExhausted`. Its name is free again by then.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        notify: Callable[[Notice], None],
        *,
        name: str = "",
        faults: Faults = NO_FAULTS,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._nursery = nursery
        self._notify = notify
        self._faults = faults
        self._roll = roll
        self._children: dict[str, Child] = {}
        self._is_closed = False

    def __repr__(self) -> str:
        states = ", ".join(f"{child.name} {child.state}" for child in self._children.values())
        return f"<Supervisor {self.name!r}: {states or 'no children'}>"

    @property
    def children(self) -> tuple[str, ...]:
        """The names of the living children, in start order; one in back-off is alive."""
        return tuple(self._children)

    async def start(self, spec: ChildSpec) -> None:
        """Start a child and return once it is ready.

        If its first incarnation crashes before, the crash is raised here and not restarted; `ChildNotReady`
        if it returns or is stopped before. ValueError if the name is taken; `SupervisorClosed`.
        """
        child = self._enrol(spec)
        await self._nursery.start(
            lambda task_status: self._keep(child, task_status.started), name=self._path(child)
        )

    def start_soon(self, spec: ChildSpec) -> None:
        """Start a child without waiting for it; a crash before it is ready is a crash like any other.

        ValueError if the name is taken; `SupervisorClosed`. While the supervisor stops its children, new ones
        are still taken, and cancelled when the others are gone.
        """
        child = self._enrol(spec)
        self._nursery.start_soon(self._keep, child, name=self._path(child))

    def stop(self, name: str) -> None:
        """Cancel a child for good; it is gone when its clean-up is done (`join`). No child, no effect."""
        child = self._children.get(name)
        if child is not None:
            child.stop()

    async def join(self, name: str) -> None:
        """Return when the child is gone; at once if there is none."""
        child = self._children.get(name)
        if child is None:
            await trio.lowlevel.checkpoint()
        else:
            await child.gone.wait()

    def kill(self, name: str, error: Exception) -> None:
        """Crash a child from outside, as if it had raised `error` (OTP's exit/2); restarts by its policy.

        Without effect when there is nothing to crash: no such child, one in back-off, one being stopped.
        """
        child = self._children.get(name)
        if child is not None:
            child.kill(error)

    def close(self) -> None:
        """Take no more children and cancel all that there still are, at once."""
        self._is_closed = True
        self._nursery.cancel_scope.cancel(reason="its supervisor is closed")

    def _path(self, child: Child) -> str:
        return f"{self.name}/{child.name}" if self.name else child.name

    def _enrol(self, spec: ChildSpec) -> Child:
        if self._is_closed:
            raise SupervisorClosed(f"supervisor {self.name!r} takes no more children")
        if spec.name in self._children:
            raise ValueError(f"child {spec.name!r} is already running")
        child = Child(spec, ChildFinished(spec.name))
        self._children[spec.name] = child
        return child

    async def _keep(self, child: Child, started: Callable[[], None] | None = None) -> None:
        child.started = started
        try:
            with child.scope, self._faults.attach(self._path(child), child.kill):
                await trio.lowlevel.checkpoint_if_cancelled()
                while await self._has_successor(child):
                    child.incarnation = Incarnation(child.incarnation.number + 1)
            if child.started is not None:
                raise ChildNotReady(child.name)
        finally:
            del self._children[child.name]
            child.gone.set()
            self._notify(child.farewell)

    async def _has_successor(self, child: Child) -> bool:
        """Run one incarnation to its end; True after the back-off if another is due."""
        error = await self._run_once(child)
        await trio.lowlevel.checkpoint_if_cancelled()  # stopped: no restart may be announced
        if child.started is not None:
            raise ChildNotReady(child.name) if error is None else error
        now = trio.current_time()
        match child.spec.policy.decide(
            child.history,
            crashed=error is not None,
            uptime=child.incarnation.uptime(now),
            now=now,
            roll=self._roll(),
        ):
            case RestartAfter(delay, history):
                child.history = history
                self._notify(ChildRestarting(child.name, history.streak, delay))
                await trio.sleep(delay)
                return True
            case GiveUp.EXHAUSTED:
                child.farewell = ChildExhausted(child.name, error)
                if child.spec.significant:
                    raise RestartsExhausted(child.name) from error
                return False
            case GiveUp.FINISHED:
                return False
            case decision:
                assert_never(decision)

    async def _run_once(self, child: Child) -> Exception | None:
        """What the incarnation crashed with, None if it returned. Only cancellation from outside is raised.

        A crash in the clean-up of a cancelled child comes in one group with `Cancelled`: it is noticed, and
        the cancellation alone goes on. That is why the notice is made here and not by the caller.
        """
        incarnation = child.incarnation
        crash: Exception | None = None
        try:
            with incarnation.scope:
                try:
                    await child.spec.run(partial(self._ready, child, incarnation))
                except* Exception as crashes:  # noqa: BLE001 - the one place that must survive any crash
                    crash = _sole(crashes)
        finally:
            incarnation.is_over = True
            error = _blame(incarnation.killed, crash)
            if error is not None:
                self._notify(ChildDown(child.name, incarnation.number, error))
        return error

    def _ready(self, child: Child, incarnation: Incarnation) -> None:
        # After a stop or a kill nobody may hear that the child is up: it is going down.
        is_leaving = child.is_stopping or incarnation.is_over or incarnation.killed is not None
        if is_leaving or incarnation.ready_at is not None:
            return
        incarnation.ready_at = trio.current_time()
        self._notify(ChildUp(child.name, incarnation.number))
        if child.started is not None:
            child.started()
            child.started = None


def _sole(error: Exception) -> Exception:
    """The crash itself where nurseries only wrapped it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _blame(killed: Exception | None, crash: Exception | None) -> Exception | None:
    """A kill explains what followed; what the clean-up raised stays visible as its context."""
    if killed is None:
        return crash
    if crash is not None and crash is not killed and killed.__context__ is None:
        killed.__context__ = crash
    return killed


@asynccontextmanager
async def open_supervisor(
    notify: Callable[[Notice], None],
    *,
    name: str = "",
    faults: Faults = NO_FAULTS,
    roll: Callable[[], float] = random.random,
    grace: float = 5.0,
) -> AsyncIterator[Supervisor]:
    """A supervisor that lives as long as the block.

    `notify` hears every notice; it is called inside the supervisor, so it must neither block nor raise.
    `roll` returns numbers in [0, 1) for the jitter of delays. Leaving the block, also by an exception, stops
    the children one by one in reverse start order; one that has not ended after `grace` seconds is passed
    over, and awaited at the end with the rest. An outside cancellation, like the escalation of a significant
    child (`RestartsExhausted`, in the nursery's exception group), cancels all children at once.
    """
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(nursery, notify, name=name, faults=faults, roll=roll)
        try:
            yield supervisor
        finally:
            # The shield costs nothing: the nursery has to await the same children, and a cancellation
            # from outside reaches them without this task. It keeps the block's own exception from being lost.
            for child in reversed(supervisor.children):
                supervisor.stop(child)
                with trio.move_on_after(grace, shield=True):
                    await supervisor.join(child)
            supervisor.close()
