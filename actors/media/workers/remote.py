"""A media engine in a worker process, as the node's calls see it. It outlives its processes."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import trio

from actors.ids import LegId
from actors.media.dtls import Identity, PortableIdentity
from actors.media.engine_messages import (
    Blackhole,
    Candidate,
    CloseLeg,
    EngineCommand,
    EngineEvent,
    IceRole,
    InsertDigits,
    LegPlaybackEnded,
    LegStatus,
    OpenLeg,
    Probe,
)
from actors.media.notes import Progress, SelectedPath, SessionKeys
from actors.media.ports import host_candidates, open_socket
from actors.media.traffic import EngineStatistics
from actors.media.workers.escrow import Escrow
from actors.media.workers.framing import Pipe
from actors.media.workers.messages import (
    Adopt,
    Beat,
    Began,
    Begin,
    FromWorker,
    LoopDown,
    Warm,
)
from actors.media.workers.processes import Spares, WorkerProcess
from supervisor import ChildDown, MailboxFull, Notice, Ready

SILENCE_SECONDS: Final = 1.0
"""A worker that has told nothing for so long is stopped or hangs; it says something five times a second."""
PATIENCE: Final = 5
"""So many silences are waited for while nobody could take over."""
MAX_WAITING: Final = 1024
MAX_FAILED_ADOPTIONS: Final = 2
"""A worker that dies of what it takes over so often is not given it again."""


class WorkerHangs(Exception):
    """A media worker said nothing for a while."""


class LoopCrashed(Exception):
    """What a loop of a worker's engine ended with, in words."""


class RemoteEngine:
    """One slot for a worker: its UDP socket, what is kept of its legs, and whoever wants their events.

    `legs` are those placed here, open or not.

    It carries ICE-lite legs, whose one address is its socket's. Commands while there is no worker are
    kept, and take effect in the next one.
    """

    def __init__(
        self,
        name: str,
        identity: Identity,
        portable: PortableIdentity,
        *,
        host: str,
        port: int,
        advertised: Sequence[str],
        spares: Spares,
        notify: Callable[[Notice], None],
    ) -> None:
        self.name = name
        self.fingerprint = identity.fingerprint
        self._portable = portable
        self._mux = open_socket(host, port)
        self._advertised = tuple(advertised) or (host,)
        self._spares = spares
        self._notify = notify
        self._escrow = Escrow()
        self.legs: set[LegId] = set()
        self._posts: dict[LegId, Callable[[EngineEvent], None]] = {}
        self._waiting: deque[EngineCommand] = deque(maxlen=MAX_WAITING)
        self._pipe: Pipe[FromWorker] | None = None
        self._process: WorkerProcess | None = None
        self._beat = Beat(0, 0, {})
        self._failed_adoptions = 0
        self.candidates: tuple[Candidate, ...] = host_candidates(self._advertised, self._mux.getsockname()[1])

    def __repr__(self) -> str:
        return f"<RemoteEngine {self.name!r} {len(self._escrow)} legs>"

    @property
    def pid(self) -> int | None:
        """The worker's process, while there is one."""
        return None if self._process is None else self._process.pid

    def attach(self, leg: LegId, post: Callable[[EngineEvent], None]) -> None:
        """See `EnginePort`."""
        self._posts[leg] = post

    def detach(self, leg: LegId) -> None:
        """See `EnginePort`."""
        self._posts.pop(leg, None)

    def statistics(self) -> EngineStatistics:
        """As of the worker's last beat."""
        beat = self._beat
        return EngineStatistics(len(self._escrow), beat.packets_in, beat.packets_out, dict(beat.dropped))

    def post(self, command: EngineCommand) -> None:
        """See `EnginePort`. Raises ValueError for a controlling leg, which needs sockets of its own."""
        if isinstance(command, OpenLeg) and command.role is not IceRole.LITE:
            raise ValueError("a media worker carries ICE-lite legs only")
        if isinstance(command, CloseLeg):
            self.legs.discard(command.leg)
        self._escrow.keep(command)
        if self._pipe is not None:
            self._pipe.send(command)
        elif isinstance(command, Probe | InsertDigits | Blackhole):
            self._waiting.append(command)

    def close(self) -> None:
        """Close the socket; the worker must be gone."""
        self._mux.close()

    # --- one incarnation --------------------------------------------------------------------------

    async def run(self, ready: Ready) -> None:
        """Have a worker run the engine. Raises `PipeClosed` when it has died, `WorkerHangs`."""
        async with self._spares.taken() as process, trio.open_nursery() as nursery:
            self._process = process
            try:
                self._begin(process)
                nursery.start_soon(process.pipe.flush)
                await self._follow(process, ready)
            finally:
                self._pipe = self._process = None

    def _begin(self, process: WorkerProcess) -> None:
        if self._failed_adoptions > MAX_FAILED_ADOPTIONS:
            self._abandon()
        self._failed_adoptions += 1
        clock = trio.current_time() - time.perf_counter()
        begin = Begin(self._advertised, self._portable.certificate, self._portable.key, clock)
        process.begin(begin, self._mux)
        self._pipe = process.pipe
        self._pipe.send(Adopt(self._escrow.adoptions()))
        for command in (*self._escrow.feeds(), *self._waiting):
            self._pipe.send(command)
        self._waiting.clear()

    def _abandon(self) -> None:
        """Give up all legs: their actors open them anew, which costs a reconnection."""
        lost, self._escrow = self._escrow, Escrow()
        for leg in lost.legs:
            self._deliver(LegStatus(leg, is_open=False, is_flowing=False))

    async def _follow(self, process: WorkerProcess, ready: Ready) -> None:
        while True:
            for message in await self._hear(process):
                if isinstance(message, Began):
                    self._failed_adoptions = 0
                    ready()
                else:
                    self._take(message)

    async def _hear(self, process: WorkerProcess) -> list[FromWorker]:
        for _ in range(PATIENCE):
            with trio.move_on_after(SILENCE_SECONDS):
                return await process.pipe.receive()
            # If it was us who did not run, there is something to read.
            heard = process.pipe.receive_nowait()
            if heard:
                return heard
            if self._spares.is_warm:
                break
        process.kill()
        raise WorkerHangs("nothing was heard of it")

    def _take(self, message: FromWorker) -> None:
        match message:
            case SessionKeys() | SelectedPath() | Progress():
                self._escrow.take_note(message)
            case Beat():
                self._beat = message
            case LoopDown(name, incarnation, reason):
                self._notify(ChildDown(f"{self.name} {name}", incarnation, LoopCrashed(reason)))
            case Warm() | Began():
                pass
            case _:
                if isinstance(message, LegPlaybackEnded):
                    self._escrow.end_clip(message)
                self._deliver(message)

    def _deliver(self, event: EngineEvent) -> None:
        post = self._posts.get(event.leg)
        if post is not None:
            # As in the engine itself: an actor that does not keep up must not take the others down.
            with suppress(MailboxFull):
                post(event)
