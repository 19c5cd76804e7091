"""Our engine as a process of its own: the real engine, and for each leg the media actor that a call has."""

import argparse
import os
import tomllib
from functools import partial
from pathlib import Path
from typing import Final, assert_never

import msgspec
import trio

from actors.demo.pipes import LineReader
from actors.ids import LegId
from actors.media.actor import MediaCell, MediaMessage, run_media
from actors.media.engine import Engine, open_engine
from actors.media.engine_messages import IceRole
from actors.media.messages import (
    AnswerOffer,
    CloseMedia,
    DescriptionFailed,
    FromLeg,
    LocalAnswer,
    Play,
    Report,
)
from benchmarks import messages as m
from benchmarks.pin import pin
from benchmarks.sampler import CallCounter, Sampler, open_profiler
from supervisor import (
    NO_FAULTS,
    Backoff,
    ChildFinished,
    ChildSpec,
    Mailbox,
    Notice,
    Policy,
    Restart,
    Supervisor,
    open_supervisor,
)

PROJECT: Final = Path(__file__).resolve().parents[1] / "pyproject.toml"
CAPACITY: Final = 256
POLICY: Final = Policy(Restart.TRANSIENT, intensity=None, backoff=Backoff(initial=0.0))


class LegFailed(Exception):
    """A description could not be used; says why."""


class Server:
    def __init__(self, engine: Engine, actors: Supervisor) -> None:
        self._engine = engine
        self._actors = actors
        self._mailboxes: dict[int, Mailbox[MediaMessage]] = {}
        self._profiler: Sampler | CallCounter | None = None

    def take(self, message: m.ToServer) -> None:
        match message:
            case m.Offered(leg, sdp, partner):
                self._open(leg, sdp, leg if partner is None else partner)
            case m.HungUp(leg):
                self._mailboxes.pop(leg).post(CloseMedia())
            case m.StartProfile(hz):
                self._profiler = open_profiler(hz)
                self._profiler.start()
            case m.StopProfile():
                assert self._profiler is not None
                _tell(m.Profiled(self._profiler.stop()))
            case _:
                assert_never(message)

    def _open(self, number: int, sdp: str, heard: int) -> None:
        mailbox = self._mailboxes[number] = Mailbox[MediaMessage](CAPACITY, name="media")
        run = partial(
            run_media,
            cell=MediaCell(_leg_id(number), IceRole.LITE),
            mailbox=mailbox,
            engine=self._engine,
            post=partial(_report, number),
            faults=NO_FAULTS,
            point="media",
        )
        mailbox.post(AnswerOffer(sdp))
        mailbox.post(Play(FromLeg(_leg_id(heard))))
        self._actors.start_soon(ChildSpec(str(number), run, POLICY))


def _leg_id(number: int) -> LegId:
    return LegId(f"L{number:016x}")


def _report(number: int, report: Report) -> None:
    match report:
        case LocalAnswer(sdp):
            _tell(m.Answered(number, sdp))
        case DescriptionFailed(_, reason):
            raise LegFailed(reason)


def _notice(notice: Notice) -> None:
    if isinstance(notice, ChildFinished) and notice.name.isdecimal():
        _tell(m.HungUp(int(notice.name)))


def _version() -> str:
    """Of the working tree, which need not be installed."""
    return str(tomllib.loads(PROJECT.read_text())["project"]["version"])


def _tell(message: m.FromServer) -> None:
    os.write(1, msgspec.json.encode(message) + b"\n")


async def serve() -> None:
    decoder = msgspec.json.Decoder(m.ToServer)
    async with open_engine(host=m.HOST) as engine, open_supervisor(_notice) as actors:
        server = Server(engine, actors)
        _tell(m.Serving(os.getpid(), _version()))
        async with trio.lowlevel.FdStream(os.dup(0)) as requests:
            lines = LineReader(requests)
            while (line := await lines.receive()) is not None:
                server.take(decoder.decode(line))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu", default="")
    pin(parser.parse_args().cpu)
    trio.run(serve)


if __name__ == "__main__":
    main()
