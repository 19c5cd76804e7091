"""Worker processes: started before they are needed, ended for certain."""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Final

import trio

from actors.media.workers.framing import Pipe, PipeClosed
from actors.media.workers.messages import Begin, FromWorker, Stop, Warm
from supervisor import Ready

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 3.0
END_SECONDS: Final = 10.0


class WorkerProcess:
    """A worker and the pipe to it."""

    def __init__(self, process: trio.Process, sock: socket.socket) -> None:
        self.pipe: Pipe[FromWorker] = Pipe(sock, FromWorker)
        self._process = process
        self._sock = sock

    def __repr__(self) -> str:
        return f"<WorkerProcess {self.pid}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self, begin: Begin, mux: socket.socket) -> None:
        """Give it its engine's socket; the first thing that it is told. Raises `PipeClosed`."""
        try:
            socket.send_fds(self._sock, [self.pipe.frame(begin)], [mux.fileno()])
        except OSError as error:
            raise PipeClosed(str(error)) from None

    async def end(self) -> None:
        """Let it close its legs; after a while it is killed. Waits until it is gone."""
        self.pipe.send(Stop())
        with trio.move_on_after(STOP_SECONDS):
            await self._process.wait()
        self.kill()
        await self._process.wait()
        self.pipe.close()

    def kill(self) -> None:
        """SIGKILL; a worker that was stopped dies of it too."""
        self._process.kill()


async def start_worker() -> WorkerProcess:
    """Start a process and wait until it has imported everything.

    Raises:
        PipeClosed: it ended before.
        trio.TooSlowError: it takes too long.
    """
    ours, theirs = socket.socketpair()
    with theirs, ExitStack() as undo:
        undo.callback(ours.close)
        command = [sys.executable, "-m", "actors.media.workers.worker", str(theirs.fileno())]
        process = await trio.lowlevel.open_process(command, pass_fds=[theirs.fileno()])
        undo.pop_all()
    worker = WorkerProcess(process, ours)
    is_warm = False
    try:
        with trio.fail_after(START_SECONDS):
            is_warm = Warm() in await worker.pipe.receive()
    finally:
        if not is_warm:
            worker.kill()
            with trio.move_on_after(END_SECONDS, shield=True):
                await worker.end()
    return worker


class Spares:
    """One worker more than is needed, so that a dead one is replaced without waiting for an interpreter."""

    def __init__(self) -> None:
        self._give, self._take = trio.open_memory_channel[WorkerProcess](0)
        self._warmth = trio.Event()

    @property
    def is_warm(self) -> bool:
        """A worker is ready to take over."""
        return self._warmth.is_set()

    async def warm(self) -> None:
        """Wait until a worker is ready to take over."""
        await self._warmth.wait()

    async def run(self, ready: Ready) -> None:
        """The actor that keeps a spare; it holds the process until somebody takes it."""
        ready()
        while True:
            worker = await start_worker()
            is_taken = False
            self._warmth.set()
            try:
                await self._give.send(worker)
                is_taken = True
            finally:
                self._warmth = trio.Event()
                if not is_taken:
                    worker.kill()
                    with trio.move_on_after(END_SECONDS, shield=True):
                        await worker.end()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[WorkerProcess]:
        """The spare, for as long as the block; then it is ended."""
        worker = await self._take.receive()
        try:
            yield worker
        finally:
            with trio.move_on_after(END_SECONDS, shield=True):
                await worker.end()
