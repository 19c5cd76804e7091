"""The media actor under its supervisor: crashes, lost paths, overflow, and the leg that outlives them."""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors.ids import LegId
from actors.media import engine_messages as e
from actors.media import messages as m
from actors.media.actor import EventsLost, MediaCell, MediaLost, new_credentials, run_media
from actors.media.negotiation_state import Phase
from supervisor import (
    Backoff,
    ChildDown,
    ChildFinished,
    ChildSpec,
    ChildUp,
    Crash,
    Mailbox,
    Policy,
    Restart,
    ScriptedFaults,
    open_supervisor,
)
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.actor

LEG = LegId("L1")
OFFER = (Path(__file__).parents[1] / "data" / "chromium_offer.sdp").read_bytes().decode()
POLICY = Policy(Restart.TRANSIENT, intensity=None, backoff=Backoff(initial=0.0, minimum=0.1, maximum=1.0))
CAPACITY = 8


class Bench:
    """A media actor, its engine, and what the call and the supervisor got to know."""

    def __init__(self):
        self.engine = FakeEngine()
        self.cell = MediaCell(LEG, e.IceRole.LITE)
        self.mailbox = Mailbox(CAPACITY, "media")
        self.faults = ScriptedFaults()
        self.reports = []
        self.notices = []
        self.supervisor = None

    async def run(self, ready):
        await run_media(
            ready,
            cell=self.cell,
            mailbox=self.mailbox,
            engine=self.engine,
            post=self.reports.append,
            faults=self.faults,
            point="media",
        )

    async def tell(self, *messages):
        """Give the actor commands and events, and let it deal with them."""
        for message in messages:
            if isinstance(message, e.EngineEvent):
                self.engine.tell(message)
            else:
                self.mailbox.post(message)
        await trio.testing.wait_all_tasks_blocked()

    def ups(self):
        return [notice.incarnation for notice in self.notices if isinstance(notice, ChildUp)]

    def downs(self):
        return [type(notice.error) for notice in self.notices if isinstance(notice, ChildDown)]

    def take_reports(self):
        taken = list(self.reports)
        self.reports.clear()
        return taken


@asynccontextmanager
async def open_bench():
    bench = Bench()
    with trio.fail_after(60):
        async with open_supervisor(bench.notices.append, name="call", faults=bench.faults) as supervisor:
            bench.supervisor = supervisor
            await supervisor.start(ChildSpec("media", bench.run, POLICY))
            yield bench


@pytest.fixture
async def flowing():
    async with open_bench() as bench:
        await bench.tell(m.AnswerOffer(OFFER), e.PathUp(LEG))
        assert [type(report) for report in bench.take_reports()] == [m.LocalAnswer, m.Flowing]
        bench.engine.take()
        yield bench


async def test_actor_is_ready_before_there_is_any_media(autojump_clock):
    async with open_bench() as bench:
        assert bench.ups() == [1]
        assert bench.engine.take() == []


async def test_crash_leaves_the_leg_alone_and_the_next_incarnation_takes_hold_of_it(flowing, autojump_clock):
    flowing.faults.crash("call/media", ValueError("scripted"))
    await trio.testing.wait_all_tasks_blocked()
    assert flowing.downs() == [ValueError]
    assert flowing.ups() == [1, 2]
    assert flowing.engine.take() == [e.Probe(LEG)]
    await flowing.tell(e.LegDigit(LEG, "5", 160))
    assert flowing.take_reports() == [m.DigitReceived("5", 160)]


async def test_crash_at_the_fault_point_loses_no_message(flowing, autojump_clock):
    flowing.faults.arm("media", Crash(ValueError("scripted")))
    await flowing.tell(m.SetMuted(True))
    assert flowing.ups() == [1, 2]
    assert e.MuteLeg(LEG, True) in flowing.engine.take()


async def test_lost_path_fails_the_actor_and_its_return_makes_the_next_one_ready(flowing, autojump_clock):
    await flowing.tell(e.PathLost(LEG, 2.0))
    assert flowing.downs() == [MediaLost]
    await trio.sleep(20)
    assert flowing.ups() == [1]
    await flowing.tell(e.PathUp(LEG))
    assert flowing.ups() == [1, 2]
    assert flowing.downs() == [MediaLost]


async def test_media_that_never_came_and_was_given_up_is_waited_for(autojump_clock):
    """The next incarnation has to know what the one before died of."""
    async with open_bench() as bench:
        await bench.tell(m.AnswerOffer(OFFER), e.PathLost(LEG, 8.0))
        assert (bench.downs(), bench.ups()) == ([MediaLost], [1])
        await bench.tell(e.PathUp(LEG))
        assert bench.ups() == [1, 2]


async def test_waiting_actor_answers_an_ice_restart(flowing, autojump_clock):
    await flowing.tell(e.PathLost(LEG, 2.0))
    flowing.engine.take()
    await flowing.tell(m.AnswerRestart(OFFER.replace("aWuA", "bXvB")))
    assert [type(command) for command in flowing.engine.take()] == [e.RestartLeg, e.RestartPeer]
    (answer,) = flowing.take_reports()
    assert answer.restart
    assert flowing.ups() == [1]
    await flowing.tell(e.PathUp(LEG))
    assert flowing.ups() == [1, 2]


async def test_path_that_returns_between_two_incarnations_is_not_missed(flowing, autojump_clock):
    flowing.engine.tell(e.PathLost(LEG, 2.0))
    flowing.faults.arm("media", Crash(ValueError("scripted")))
    await trio.testing.wait_all_tasks_blocked()
    flowing.engine.tell(e.PathUp(LEG))
    await trio.sleep(1)
    assert flowing.ups()[-1] > 1
    assert not flowing.cell.state.is_waiting


async def test_each_loss_is_a_new_failure(flowing, autojump_clock):
    for round_number in (1, 2, 3):
        await flowing.tell(e.PathLost(LEG, 2.0))
        await trio.sleep(5)
        await flowing.tell(e.PathUp(LEG))
        assert flowing.downs() == [MediaLost] * round_number
    assert flowing.ups() == [1, 2, 3, 4]


async def test_replaced_engine_gets_the_leg_again(flowing, autojump_clock):
    await flowing.tell(m.Play(m.Tone(440.0)))
    flowing.engine.forget_all()
    flowing.engine.take()
    flowing.faults.crash("call/media", ValueError("scripted"))
    await trio.testing.wait_all_tasks_blocked()
    assert [type(command) for command in flowing.engine.take()] == [e.Probe, e.OpenLeg, e.Feed]
    assert flowing.ups() == [1]
    await flowing.tell(m.AnswerRestart(OFFER.replace("aWuA", "bXvB")), e.PathUp(LEG))
    assert [type(report) for report in flowing.take_reports()] == [m.LocalAnswer, m.Flowing]
    assert flowing.ups() == [1, 2]


async def test_closing_ends_the_leg_and_the_actor(flowing, autojump_clock):
    await flowing.tell(m.CloseMedia())
    assert flowing.engine.take() == [e.CloseLeg(LEG)]
    assert isinstance(flowing.notices[-1], ChildFinished)
    assert flowing.cell.state.phase is Phase.CLOSED
    assert flowing.engine.attached == set()


async def test_closing_a_waiting_actor_ends_it_too(flowing, autojump_clock):
    await flowing.tell(e.PathLost(LEG, 2.0))
    await flowing.tell(m.CloseMedia())
    assert flowing.engine.open == set()
    assert isinstance(flowing.notices[-1], ChildFinished)


async def test_cancelled_actor_lets_go_of_the_leg_without_closing_it(flowing, autojump_clock):
    """A call's actor that restarts takes its media actor along; the audio goes on meanwhile."""
    flowing.supervisor.stop("media")
    await flowing.supervisor.join("media")
    assert flowing.engine.attached == set()
    assert flowing.engine.open == {LEG}
    assert flowing.engine.take() == []


async def test_counters_without_room_are_dropped(flowing, autojump_clock):
    counters = e.LegCounters(LEG, 1.0, 0, 0, 0, 0, 0, 0.0, None)
    for _ in range(CAPACITY + 5):
        flowing.engine.tell(counters)
    await trio.testing.wait_all_tasks_blocked()
    assert len(flowing.take_reports()) == CAPACITY
    assert flowing.downs() == []


async def test_events_without_room_fail_the_actor_but_not_the_engine(flowing, autojump_clock):
    """What was lost may have been the path; the next incarnation asks."""
    for _ in range(CAPACITY + 1):
        flowing.engine.tell(e.LegDigit(LEG, "1", 160))
    await trio.testing.wait_all_tasks_blocked()
    assert flowing.downs() == [EventsLost]
    assert flowing.ups() == [1, 2]
    assert flowing.take_reports() == [m.DigitReceived("1", 160)] * CAPACITY
    assert e.Probe(LEG) in flowing.engine.take()


async def test_call_that_does_not_keep_up_fails_the_actor(flowing, autojump_clock):
    """Reports are not dropped silently."""

    def refuse(report):
        raise RuntimeError("full")

    flowing.reports = type("Full", (), {"append": staticmethod(refuse)})()
    flowing.faults.crash("call/media", ValueError("scripted"))
    await trio.testing.wait_all_tasks_blocked()
    await flowing.tell(e.LegPlaybackEnded(LEG))
    assert flowing.downs() == [ValueError, RuntimeError]


def test_credentials_are_long_enough_and_never_the_same():
    pairs = [new_credentials() for _ in range(100)]
    assert len({pair.ufrag for pair in pairs}) == len({pair.pwd for pair in pairs}) == 100
    assert all(len(pair.ufrag) == 8 and len(pair.pwd) == 24 for pair in pairs)
