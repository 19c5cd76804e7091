"""One run: an engine and the generator as two processes, set-up, a steady window, set-ups by themselves."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import trio

from benchmarks import messages as m
from benchmarks.accounting import Machine, Usage, read_machine, read_usage
from benchmarks.child import Child, ChildFailed, end_process, open_child
from benchmarks.pin import Placing
from benchmarks.plan import Case, EngineName, Work
from benchmarks.rows import Run

FIRST_LEGS: Final = 2
"""Set up before anything is measured, so that no leg pays for what happens once."""
START_SECONDS: Final = 60.0
SETUP_SECONDS: Final = 90.0
WARM_UP_SECONDS: Final = 2.0
SETTLE_SECONDS: Final = 0.5
K = TypeVar("K")


class EngineUnavailable(Exception):
    """The engine cannot run on this machine; says why."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """`churn`: set-ups measured by themselves. `hz`: profile the window, see `StartProfile`."""

    seconds: float
    churn: int
    warm_up: float = WARM_UP_SECONDS
    hz: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    case: Case
    server: Child[Any]
    generator: Child[Any]
    serving: m.Serving

    async def reach(self, command: m.ToGenerator, kind: type[K]) -> K:
        """Give the generator a command and carry descriptions to and fro until it says `kind`."""
        await self.generator.send(command)
        ends: list[K | ChildFailed] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._answer, ends, nursery.cancel_scope)
            nursery.start_soon(self._ask, kind, ends, nursery.cancel_scope)
        end = ends[0]
        if isinstance(end, ChildFailed):
            raise end
        return end

    async def _ask(self, kind: type[K], ends: "list[K | ChildFailed]", scope: trio.CancelScope) -> None:
        try:
            while not isinstance(message := await self.generator.receive(), kind):
                await self.server.send(message)
            ends.append(message)
        except ChildFailed as error:
            ends.append(error)
        scope.cancel()

    async def _answer(self, ends: "list[K | ChildFailed]", scope: trio.CancelScope) -> None:
        try:
            while True:
                await self.generator.send(await self.server.receive())
        except ChildFailed as error:
            ends.append(error)
        scope.cancel()


@asynccontextmanager
async def open_stage(case: Case, placing: Placing) -> AsyncIterator[Stage]:
    """Start both processes. Raises EngineUnavailable, ChildFailed."""
    server_flags = [f"--cpu={'' if placing.server is None else placing.server}"]
    own = f"{'' if placing.generator is None else placing.generator}"
    if case.engine is EngineName.JANUS:
        server_flags.append(f"--own-cpu={own}")
    generator_flags = [f"--cpu={own}", *(["--bridge"] if case.work is Work.BRIDGE else [])]
    orphan: int | None = None
    try:
        async with (
            open_child(f"serve_{case.engine}", m.FromServer, *server_flags) as server,
            open_child("generator", m.FromGenerator, *generator_flags) as generator,
        ):
            serving = await _greeting(server)
            if serving.pid != server.pid:
                orphan = serving.pid
            yield Stage(case, server, generator, serving)
    finally:
        if orphan is not None:
            end_process(orphan)


async def _greeting(server: Child[Any]) -> m.Serving:
    with trio.fail_after(START_SECONDS):
        message = await server.receive()
    if isinstance(message, m.Unavailable):
        raise EngineUnavailable(message.reason)
    if not isinstance(message, m.Serving):
        raise ChildFailed(f"the server said {type(message).__name__} first")
    return message


@dataclass(frozen=True, slots=True)
class _Reading:
    """What everybody has used so far. `ours` is this process with all its children."""

    at: float
    server: Usage
    generator: Usage
    ours: Usage
    machine: Machine


def _read(stage: Stage) -> _Reading:
    return _Reading(
        time.monotonic(),
        read_usage(stage.serving.pid),
        read_usage(stage.generator.pid),
        read_usage(os.getpid()),
        read_machine(),
    )


async def conduct(case: Case, wishes: Wishes, placing: Placing) -> Run:
    """Carry out one run. Raises EngineUnavailable, ChildFailed, trio.TooSlowError."""
    async with open_stage(case, placing) as stage:
        empty = await _set_up(stage)
        before, after, measured = await _measure(stage, wishes)
        with trio.fail_after(SETUP_SECONDS):
            await stage.reach(m.HangUpAll(), m.Up)
        setup = await _churn(stage, wishes.churn)
        return _compose(stage, empty, before, after, measured, setup)


async def profile(case: Case, wishes: Wishes, placing: Placing) -> tuple[m.Profiled, Run]:
    """Carry out one run whose window is profiled; `Run` has what it costs, profiler included."""
    async with open_stage(case, placing) as stage:
        empty = await _set_up(stage)
        before, after, measured = await _measure(stage, wishes)
        profiled = await stage.server.expect(m.Profiled)
        return profiled, _compose(stage, empty, before, after, measured, 0.0)


async def _set_up(stage: Stage) -> int:
    """All legs up; returns the memory that the server had with the first few."""
    host = stage.serving.host
    with trio.fail_after(SETUP_SECONDS):
        await stage.reach(m.SetUp(FIRST_LEGS, host), m.Up)
        empty = read_usage(stage.serving.pid).rss
        if stage.case.legs > FIRST_LEGS:
            await stage.reach(m.SetUp(stage.case.legs, host), m.Up)
    return empty


async def _measure(stage: Stage, wishes: Wishes) -> tuple[_Reading, _Reading, m.Measured]:
    await stage.generator.send(m.Talk())
    await trio.sleep(wishes.warm_up)
    await stage.generator.send(m.Measure(wishes.seconds))
    if wishes.hz is not None:
        await stage.server.send(m.StartProfile(wishes.hz))
    before = _read(stage)
    await trio.sleep(wishes.seconds)
    after = _read(stage)
    if wishes.hz is not None:
        await stage.server.send(m.StopProfile())
    with trio.fail_after(START_SECONDS):
        return before, after, await stage.generator.expect(m.Measured)


async def _churn(stage: Stage, legs: int) -> float:
    """CPU seconds of one set-up: ICE, DTLS and hanging up, without audio."""
    await trio.sleep(SETTLE_SECONDS)
    before = read_usage(stage.serving.pid)
    with trio.fail_after(SETUP_SECONDS):
        await stage.reach(m.Churn(legs), m.Churned)
    await trio.sleep(SETTLE_SECONDS)
    return read_usage(stage.serving.pid).since(before).total / legs


def _compose(
    stage: Stage, empty: int, before: _Reading, after: _Reading, measured: m.Measured, setup: float
) -> Run:
    seconds = after.at - before.at
    legs = stage.case.legs
    server = after.server.since(before.server)
    ours = after.ours.since(before.ours).total
    per_leg = server.total * 1000 / seconds / legs
    return Run(
        cpu_ms_per_leg_second=per_leg,
        user_ms=per_leg * server.user_share,
        system_ms=per_leg * (1 - server.user_share),
        rss_kb_per_leg=(after.server.rss - empty) / 1024 / max(1, legs - FIRST_LEGS),
        sent=measured.sent,
        lost=measured.lost,
        clock_gaps=measured.clock_gaps,
        lateness_p50_ms=measured.lateness_p50_ms,
        lateness_p99_ms=measured.lateness_p99_ms,
        lateness_p999_ms=measured.lateness_p999_ms,
        setup_cpu_ms=setup * 1000,
        generator_percent=after.generator.since(before.generator).total / seconds * 100,
        generator_lateness_p99_ms=measured.own_lateness_p99_ms,
        generator_errors=measured.own_overflows + measured.own_send_errors + measured.unauthentic,
        others_percent=max(0.0, after.machine.busy - before.machine.busy - ours) / seconds * 100,
        stolen_percent=(after.machine.stolen - before.machine.stolen) / seconds * 100,
        is_passed_through=measured.passed_through,
        version=stage.serving.version,
    )
