"""Killing: a crash that comes from outside, be it from a fault script."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from supervisor import (
    ChildDown,
    ChildExhausted,
    ChildFinished,
    ChildRestarting,
    ChildSpec,
    ChildUp,
    Notice,
    Policy,
    Ready,
    Restart,
    ScriptedFaults,
    open_supervisor,
)
from tests.fakes.children import SLOW, Broken, Stubborn, crash_in_clean_up, forever, never_ready

pytestmark = pytest.mark.actor


@pytest.fixture
def heard() -> list[Notice]:
    return []


async def test_a_kill_is_a_crash_with_its_error(autojump_clock, heard):
    error = Broken("from outside")
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", forever))
        await trio.sleep(1)
        supervisor.kill("media", error)
        supervisor.kill("media", OSError("only the first kill counts"))
        await wait_all_tasks_blocked()
        assert heard == [
            ChildUp("media", 1),
            ChildDown("media", 1, error),
            ChildRestarting("media", 1, 0.0),
            ChildUp("media", 2),
        ]


async def test_a_kill_counts_against_the_budget(autojump_clock, heard):
    error = Broken()
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", forever))
        for _ in range(2):
            supervisor.kill("media", error)
            await wait_all_tasks_blocked()
        assert heard[-1] == ChildExhausted("media", error)


async def test_a_killed_temporary_child_is_finished(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("socket", forever, Policy(Restart.TEMPORARY)))
        supervisor.kill("socket", Broken())
        await supervisor.join("socket")
        assert [type(n) for n in heard] == [ChildUp, ChildDown, ChildFinished]


async def test_a_kill_before_ready_reaches_whoever_started_the_child(autojump_clock, heard):
    error = Broken()
    async with open_supervisor(heard.append) as supervisor:

        async def kill_later() -> None:
            await trio.sleep(1)
            supervisor.kill("media", error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill_later)
            with pytest.raises(Broken) as caught:
                await supervisor.start(ChildSpec("media", never_ready))
        assert caught.value is error
    assert heard == [ChildDown("media", 1, error), ChildFinished("media")]


async def test_a_kill_before_the_child_ran_is_a_crash_before_ready(autojump_clock, heard):
    error = Broken()
    async with open_supervisor(heard.append) as supervisor:
        supervisor.start_soon(ChildSpec("media", forever))
        supervisor.kill("media", error)
        await wait_all_tasks_blocked()
        assert heard == [
            ChildDown("media", 1, error),
            ChildRestarting("media", 1, 0.0),
            ChildUp("media", 2),
        ]


async def test_a_kill_in_back_off_hits_nobody(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", forever, SLOW))
        supervisor.kill("media", Broken())
        await trio.sleep(1)
        supervisor.kill("media", Broken())
        await trio.sleep(10)
        assert [type(n) for n in heard] == [ChildUp, ChildDown, ChildRestarting, ChildUp]


async def test_a_kill_of_a_stopping_child_changes_nothing(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", Stubborn(1.0)))
        supervisor.stop("media")
        supervisor.kill("media", Broken())
        await supervisor.join("media")
    assert heard == [ChildUp("media", 1), ChildFinished("media")]


async def test_a_kill_counts_even_if_the_child_returns_in_that_instant(autojump_clock, heard):
    error, done = Broken(), trio.Event()

    async def returns(ready: Ready) -> None:
        ready()
        await done.wait()

    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", returns, Policy(Restart.TRANSIENT)))
        await wait_all_tasks_blocked()
        done.set()
        supervisor.kill("media", error)
        await wait_all_tasks_blocked()
        assert heard[1:3] == [ChildDown("media", 1, error), ChildRestarting("media", 1, 0.0)]


async def test_what_the_clean_up_of_a_killed_child_raises_stays_visible(autojump_clock, heard):
    error = Broken("killed")
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", crash_in_clean_up))
        supervisor.kill("media", error)
        await wait_all_tasks_blocked()
        assert heard[1] == ChildDown("media", 1, error)
        assert str(error.__context__) == "in clean-up"


async def test_a_stop_during_a_killed_childs_clean_up_wins(autojump_clock, heard):
    error = Broken()
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", Stubborn(2.0)))
        supervisor.kill("media", error)
        await trio.sleep(1)
        supervisor.stop("media")
        await supervisor.join("media")
    assert heard == [ChildUp("media", 1), ChildDown("media", 1, error), ChildFinished("media")]


async def test_faults_find_a_child_by_its_path_as_long_as_it_lives(autojump_clock, heard):
    faults, error = ScriptedFaults(), Broken()
    async with open_supervisor(heard.append, name="call CA1", faults=faults) as supervisor:
        await supervisor.start(ChildSpec("media", forever))
        assert faults.paths() == ("call CA1/media",)
        faults.crash("call CA1/media", error)
        await wait_all_tasks_blocked()
        assert heard[1:] == [
            ChildDown("media", 1, error),
            ChildRestarting("media", 1, 0.0),
            ChildUp("media", 2),
        ]
    assert faults.paths() == ()
