"""Several media workers behind one door: where a call's leg is placed, and who replaces whom."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from actors.ids import LegId
from actors.media.dtls import load_identity, new_portable_identity
from actors.media.engine_messages import EngineCommand
from actors.media.traffic import EngineStatistics
from actors.media.workers.processes import Spares
from actors.media.workers.remote import RemoteEngine
from supervisor import (
    NO_FAULTS,
    Backoff,
    ChildSpec,
    Faults,
    Notice,
    Policy,
    Restart,
    open_supervisor,
)

WORKER_POLICY: Final = Policy(Restart.PERMANENT, intensity=20, period=60.0, backoff=Backoff(initial=0.0))


class WorkerPool:
    """All workers of a node. `place` chooses one for a call, for as long as the call lives."""

    def __init__(self, engines: Sequence[RemoteEngine], spares: Spares) -> None:
        self.engines = tuple(engines)
        self.spares = spares

    def place(self, leg: LegId, near: LegId | None = None) -> RemoteEngine:
        """See `MediaEngines`: the engine of `near`, or the one with the fewest legs."""
        there = [engine for engine in self.engines if near in engine.legs]
        engine = there[0] if there else min(self.engines, key=lambda engine: len(engine.legs))
        engine.legs.add(leg)
        return engine

    @property
    def ports(self) -> tuple[int, ...]:
        """The UDP ports, one of each worker."""
        return tuple(engine.candidates[0].port for engine in self.engines)

    def post(self, command: EngineCommand) -> None:
        """Tell the worker that has the command's leg; nothing happens if there is none."""
        for engine in self.engines:
            if command.leg in engine.legs:
                engine.post(command)

    def statistics(self) -> EngineStatistics:
        """The sums over all workers."""
        total = EngineStatistics(0, 0, 0, {})
        for engine in self.engines:
            total += engine.statistics()
        return total


@asynccontextmanager
async def open_workers(
    count: int,
    *,
    host: str,
    port: int = 0,
    advertised: Sequence[str] = (),
    notify: Callable[[Notice], None] = lambda _: None,
    faults: Faults = NO_FAULTS,
) -> AsyncIterator[WorkerPool]:
    """Run `count` workers; the first uses `port`, the next the port after it, unless it is 0.

    Raises OSError if a socket cannot be opened.
    """
    portable = new_portable_identity()
    identity = load_identity(portable)
    spares = Spares()
    engines: list[RemoteEngine] = []
    try:
        for number in range(count):
            engine = RemoteEngine(
                f"media worker {number + 1}",
                identity,
                portable,
                host=host,
                port=port + number if port else 0,
                advertised=advertised,
                spares=spares,
                notify=notify,
            )
            engines.append(engine)
        async with open_supervisor(notify, faults=faults) as supervisor:
            await supervisor.start(ChildSpec("media spare", spares.run, WORKER_POLICY, significant=True))
            for engine in engines:
                await supervisor.start(ChildSpec(engine.name, engine.run, WORKER_POLICY, significant=True))
            yield WorkerPool(engines, spares)
    finally:
        for engine in engines:
            engine.close()
