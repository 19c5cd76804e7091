"""Stopping: one child for good, or all of them in order."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from supervisor import (
    ChildDown,
    ChildFinished,
    ChildNotReady,
    ChildRestarting,
    ChildSpec,
    ChildUp,
    Notice,
    Ready,
    Supervisor,
    SupervisorClosed,
    open_supervisor,
)
from tests.fakes.children import SLOW, Broken, Stubborn, crash_in_clean_up, forever, never_ready

pytestmark = pytest.mark.actor


@pytest.fixture
def heard() -> list[Notice]:
    return []


async def test_a_stopped_child_is_gone_when_its_clean_up_is_done(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", Stubborn(3.0)))
        supervisor.stop("media")
        supervisor.stop("media")
        assert supervisor.children == ("media",)
        await supervisor.join("media")
        assert trio.current_time() == 3.0
        assert supervisor.children == ()
        assert heard == [ChildUp("media", 1), ChildFinished("media")]


async def test_a_crash_mixed_with_the_stops_cancellation_is_reported_and_does_not_escape(
    autojump_clock, heard
):
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", crash_in_clean_up))
        supervisor.stop("media")
        await supervisor.join("media")
        await trio.sleep(50)
    assert [type(n) for n in heard] == [ChildUp, ChildDown, ChildFinished]
    assert isinstance(heard[1], ChildDown)
    assert isinstance(heard[1].error, Broken)


async def test_a_crash_mixed_with_an_outside_cancellation_is_reported_and_does_not_escape(
    autojump_clock, heard
):
    with trio.move_on_after(1) as scope:
        async with open_supervisor(heard.append) as supervisor:
            await supervisor.start(ChildSpec("media", crash_in_clean_up))
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert [type(n) for n in heard] == [ChildUp, ChildDown, ChildFinished]


async def test_a_crash_instead_of_the_cancellation_announces_no_restart(autojump_clock, heard):
    async def crash_when_stopped(ready: Ready) -> None:
        ready()
        try:
            await trio.sleep_forever()
        finally:
            raise Broken

    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", crash_when_stopped))
        supervisor.stop("media")
        await trio.sleep(50)
        assert [type(n) for n in heard] == [ChildUp, ChildDown, ChildFinished]


async def test_a_stop_at_the_instant_of_a_crash_announces_no_restart(autojump_clock):
    heard: list[Notice] = []

    def notify(notice: Notice) -> None:
        heard.append(notice)
        if isinstance(notice, ChildDown):
            supervisor.stop(notice.name)

    async def crash(ready: Ready) -> None:
        raise Broken

    async with open_supervisor(notify) as supervisor:
        supervisor.start_soon(ChildSpec("media", crash))
        await supervisor.join("media")
    assert [type(n) for n in heard] == [ChildDown, ChildFinished]


async def test_a_child_stopped_in_back_off_never_comes_back(autojump_clock, heard):
    async def crash(ready: Ready) -> None:
        ready()
        raise Broken

    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", crash, SLOW))
        await trio.sleep(1)
        assert heard[-1] == ChildRestarting("media", 1, 5.0)
        supervisor.stop("media")
        await supervisor.join("media")
        assert trio.current_time() == 1.0
        await trio.sleep(50)
        assert heard[-1] == ChildFinished("media")
        assert [type(n) for n in heard] == [ChildUp, ChildDown, ChildRestarting, ChildFinished]


async def test_a_child_stopped_before_it_ran_never_runs(autojump_clock, heard):
    async def run(ready: Ready) -> None:
        pytest.fail("it ran")

    async with open_supervisor(heard.append) as supervisor:
        supervisor.start_soon(ChildSpec("media", run))
        supervisor.stop("media")
        await supervisor.join("media")
    assert heard == [ChildFinished("media")]


async def test_nobody_hears_that_a_stopped_child_is_up(autojump_clock, heard):
    """`reconnected` after the hang-up would be a lie."""

    async def late(ready: Ready) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ready()

    async with open_supervisor(heard.append) as supervisor:
        supervisor.start_soon(ChildSpec("media", late))
        await wait_all_tasks_blocked()
        supervisor.stop("media")
    assert heard == [ChildFinished("media")]


async def test_a_stop_before_ready_reaches_whoever_started_the_child(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:

        async def stop_later() -> None:
            await trio.sleep(1)
            supervisor.stop("media")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_later)
            with pytest.raises(ChildNotReady):
                await supervisor.start(ChildSpec("media", never_ready))
    assert heard == [ChildFinished("media")]


async def test_whom_nobody_knows_can_be_stopped_killed_and_joined(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        supervisor.stop("nobody")
        supervisor.kill("nobody", Broken())
        with trio.fail_after(1), trio.testing.assert_checkpoints():
            await supervisor.join("nobody")
    assert heard == []


async def test_leaving_stops_children_one_by_one_in_reverse_order(autojump_clock, heard):
    order = []

    async def part(name: str, ready: Ready) -> None:
        ready()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            order.append((name, trio.current_time()))

    async with open_supervisor(heard.append) as supervisor:
        for name in ("engine", "media", "app"):
            await supervisor.start(ChildSpec(name, lambda ready, name=name: part(name, ready)))
        assert supervisor.children == ("engine", "media", "app")
    assert order == [("app", 1.0), ("media", 2.0), ("engine", 3.0)]
    assert heard[3:] == [ChildFinished("app"), ChildFinished("media"), ChildFinished("engine")]


async def test_leaving_by_an_exception_stops_in_order_too_and_keeps_the_exception(autojump_clock, heard):
    with pytest.RaisesGroup(Broken):
        async with open_supervisor(heard.append) as supervisor:
            await supervisor.start(ChildSpec("engine", Stubborn(1.0)))
            await supervisor.start(ChildSpec("media", Stubborn(1.0)))
            raise Broken
    assert heard[2:] == [ChildFinished("media"), ChildFinished("engine")]
    assert trio.current_time() == 2.0


async def test_a_crash_of_the_block_survives_a_cancellation_during_the_ordered_stop(autojump_clock, heard):
    with pytest.RaisesGroup(Broken, flatten_subgroups=True), trio.move_on_after(0.5):
        async with open_supervisor(heard.append) as supervisor:
            await supervisor.start(ChildSpec("media", Stubborn(1.0)))
            raise Broken


async def test_a_child_that_does_not_end_in_its_grace_is_passed_over(autojump_clock, heard):
    first, hung = Stubborn(1.0), Stubborn(60.0)
    async with open_supervisor(heard.append, grace=5.0) as supervisor:
        await supervisor.start(ChildSpec("first", first))
        await supervisor.start(ChildSpec("hung", hung))
    assert first.ended_at == 6.0
    assert hung.ended_at == 60.0, "it is still awaited: no task outlives the block"


async def test_an_outside_cancellation_ends_all_children_at_once(autojump_clock, heard):
    one, two = Stubborn(1.0), Stubborn(1.0)
    with trio.move_on_after(10) as scope:
        async with open_supervisor(heard.append) as supervisor:
            await supervisor.start(ChildSpec("one", one))
            await supervisor.start(ChildSpec("two", two))
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert (one.ended_at, two.ended_at) == (11.0, 11.0)
    assert [type(n) for n in heard] == [ChildUp, ChildUp, ChildFinished, ChildFinished]


async def test_a_child_that_comes_while_others_are_stopped_ends_with_them(autojump_clock):
    heard: list[Notice] = []

    def notify(notice: Notice) -> None:
        heard.append(notice)
        if notice == ChildFinished("call"):
            supervisor.start_soon(ChildSpec("farewell", forever))

    async with open_supervisor(notify) as supervisor:
        await supervisor.start(ChildSpec("engine", Stubborn(2.0)))
        await supervisor.start(ChildSpec("call", forever))
    assert heard[2:] == [
        ChildFinished("call"),
        ChildUp("farewell", 1),
        ChildFinished("engine"),
        ChildFinished("farewell"),
    ]


async def test_a_closed_supervisor_takes_no_children(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        pass
    spec = ChildSpec("media", forever)
    with pytest.raises(SupervisorClosed):
        supervisor.start_soon(spec)
    with pytest.raises(SupervisorClosed):
        await supervisor.start(spec)
    assert isinstance(supervisor, Supervisor)
    assert supervisor.children == ()
