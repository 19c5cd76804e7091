"""The process of a media worker: an engine on the node's socket, commands in, events and notes out."""

import signal
import socket
import sys
import time
from functools import partial
from typing import Final

import msgspec
import trio

from actors.media.dtls import PortableIdentity, load_identity
from actors.media.engine import Engine, open_engine
from actors.media.engine_messages import EngineEvent, LegCounters
from actors.media.notes import Adoption, Note, Progress
from actors.media.workers.framing import Pipe, PipeClosed
from actors.media.workers.messages import (
    Adopt,
    Beat,
    Began,
    Begin,
    LoopDown,
    Stop,
    ToWorker,
    Warm,
)
from supervisor import ChildDown, Notice

BEAT_SECONDS: Final = 0.2


class NodeEnd:
    """The worker's side of the pipe. Times are put into the node's clock on the way out."""

    def __init__(self, pipe: Pipe[ToWorker], ahead: float) -> None:
        self._pipe = pipe
        self._ahead = ahead

    def deliver(self, event: EngineEvent) -> None:
        if isinstance(event, LegCounters):
            event = msgspec.structs.replace(event, at=event.at + self._ahead)
        self._pipe.send(event)

    def keep(self, note: Note) -> bool:
        """Tell the node what it has to keep; True when it will have it even if this process dies now."""
        if isinstance(note, Progress):
            if not self._pipe.is_clear:
                return False
            note = msgspec.structs.replace(note, at=note.at + self._ahead)
        self._pipe.send(note)
        return self._pipe.is_clear

    def dated(self, adoption: Adoption) -> Adoption:
        """An adoption with its times in this process' clock."""
        progress = adoption.progress
        if progress is None:
            return adoption
        progress = msgspec.structs.replace(progress, at=progress.at - self._ahead)
        return msgspec.structs.replace(adoption, progress=progress)

    def notice(self, notice: Notice) -> None:
        if isinstance(notice, ChildDown):
            reason = f"{type(notice.error).__name__}: {notice.error}"
            self._pipe.send(LoopDown(notice.name, notice.incarnation, reason))


async def run_worker(sock: socket.socket) -> None:
    """Serve one node until it says so or is gone."""
    pipe: Pipe[ToWorker] = Pipe(sock, ToWorker)
    pipe.send(Warm())
    begin, adopt, mux, waiting = await _receive_begin(pipe)
    node = NodeEnd(pipe, begin.clock - (trio.current_time() - time.perf_counter()))
    async with (
        open_engine(
            sock=mux,
            advertised=begin.advertised,
            identity=load_identity(PortableIdentity(begin.certificate, begin.key)),
            notify=node.notice,
            keep=node.keep,
            deliver=node.deliver,
            adopted=tuple(map(node.dated, adopt.legs)),
        ) as engine,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(pipe.flush)
        nursery.start_soon(_beat, engine, pipe)
        obey = partial(_obey, engine)
        is_over = False
        for message in waiting:
            is_over |= obey(message)
        pipe.send(Began())
        while not is_over:
            for message in await pipe.receive():
                is_over |= obey(message)
        nursery.cancel_scope.cancel()


async def _receive_begin(pipe: Pipe[ToWorker]) -> tuple[Begin, Adopt, socket.socket, list[ToWorker]]:
    """The first two messages, the socket that comes with them, and what has come since.

    Raises `PipeClosed`.
    """
    messages, mux = await pipe.receive_socket()
    while len(messages) < 2:
        messages += await pipe.receive()
    begin, adopt, *waiting = messages
    if not isinstance(begin, Begin) or not isinstance(adopt, Adopt):
        raise PipeClosed("no engine was asked for")
    return begin, adopt, mux, waiting


def _obey(engine: Engine, message: ToWorker) -> bool:
    """True when it is time to go."""
    match message:
        case Stop():
            return True
        case Begin() | Adopt():
            raise PipeClosed("a second engine was asked for")
        case _:
            engine.post(message)
    return False


async def _beat(engine: Engine, pipe: Pipe[ToWorker]) -> None:
    while True:
        counts = engine.statistics()
        pipe.send(Beat(counts.packets_in, counts.packets_out, counts.dropped))
        await trio.sleep(BEAT_SECONDS)


def main() -> None:
    """Signals are the node's business: the end of the pipe ends this process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        trio.run(run_worker, socket.socket(fileno=int(sys.argv[1])))
    except* PipeClosed:
        sys.exit(1)


if __name__ == "__main__":
    main()
