"""Starting, restarting, giving up: what a supervisor does when its children end by themselves."""

import traceback

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from supervisor import (
    Backoff,
    ChildDown,
    ChildExhausted,
    ChildFinished,
    ChildNotReady,
    ChildRestarting,
    ChildSpec,
    ChildUp,
    Notice,
    Policy,
    Ready,
    Restart,
    RestartsExhausted,
    open_supervisor,
)

pytestmark = pytest.mark.actor

TEMPORARY = Policy(Restart.TEMPORARY)
TRANSIENT = Policy(Restart.TRANSIENT)


class Broken(Exception):
    pass


class Actor:
    """Plays one life per incarnation, then lives until it is cancelled.

    A life is (seconds until ready or None for never, seconds until its end, error or None for a return).
    """

    def __init__(self, *lives: tuple[float | None, float, Exception | None]) -> None:
        self.lives = list(lives)
        self.born: list[float] = []

    async def __call__(self, ready: Ready) -> None:
        self.born.append(trio.current_time())
        until_ready, until_end, error = self.lives.pop(0) if self.lives else (0, float("inf"), None)
        if until_ready is not None:
            await trio.sleep(until_ready)
            ready()
        await trio.sleep(until_end)
        if error is not None:
            raise error


@pytest.fixture
def heard() -> list[Notice]:
    return []


async def test_start_returns_when_the_child_is_ready(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", Actor((3.0, 9.0, None))))
        assert trio.current_time() == 3.0
        assert heard == [ChildUp("media", 1)]


async def test_a_crash_before_ready_reaches_whoever_started_the_child(autojump_clock, heard):
    """A listener that cannot bind must fail its node's start, not spin in the background."""
    error = Broken()
    actor = Actor((None, 1.0, error))
    async with open_supervisor(heard.append) as supervisor:
        with pytest.raises(Broken) as caught:
            await supervisor.start(ChildSpec("media", actor))
        assert caught.value is error
        assert supervisor.children == ()
        await trio.sleep(100)
    assert heard == [ChildDown("media", 1, error), ChildFinished("media")]
    assert actor.born == [0.0]


async def test_a_return_before_ready_is_reported_to_the_starter(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        with pytest.raises(ChildNotReady, match="'media'"):
            await supervisor.start(ChildSpec("media", Actor((None, 1.0, None))))
    assert heard == [ChildFinished("media")]


async def test_a_cancelled_start_ends_the_child(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        with trio.move_on_after(2):
            await supervisor.start(ChildSpec("media", Actor((9.0, 9.0, None))))
        assert supervisor.children == ()
        assert heard == [ChildFinished("media")]


async def test_start_soon_does_not_wait_and_restarts_a_crash_before_ready(autojump_clock, heard):
    error = Broken()
    async with open_supervisor(heard.append) as supervisor:
        supervisor.start_soon(ChildSpec("media", Actor((None, 1.0, error))))
        assert trio.current_time() == 0.0
        await trio.sleep(10)
        assert heard == [
            ChildDown("media", 1, error),
            ChildRestarting("media", 1, 0.0),
            ChildUp("media", 2),
        ]


async def test_a_later_incarnation_that_is_never_ready_is_an_ordinary_crash(autojump_clock, heard):
    actor = Actor((0.0, 1.0, Broken()), (None, 1.0, Broken()))
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", actor, Policy(intensity=None)))
        await trio.sleep(10)
        assert [n for n in heard if isinstance(n, ChildUp)] == [ChildUp("media", 1), ChildUp("media", 3)]


async def test_ready_is_noticed_once_per_incarnation(autojump_clock, heard):
    async def eager(ready: Ready) -> None:
        ready()
        ready()
        await trio.sleep(1)
        ready()
        raise Broken

    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", eager))
        await supervisor.join("media")
    assert [n for n in heard if isinstance(n, ChildUp)] == [ChildUp("media", 1), ChildUp("media", 2)]


async def test_ready_of_a_dead_incarnation_is_ignored(autojump_clock, heard):
    kept: list[Ready] = []

    async def leaky(ready: Ready) -> None:
        kept.append(ready)
        await trio.sleep(1)
        raise Broken

    async with open_supervisor(heard.append) as supervisor:
        supervisor.start_soon(ChildSpec("media", leaky, Policy(backoff=Backoff(initial=5.0))))
        await trio.sleep(2)
        kept[0]()
        assert heard[-1] == ChildRestarting("media", 1, 5.0)


async def test_delays_grow_until_the_child_is_ready_again(autojump_clock, heard):
    policy = Policy(intensity=None, backoff=Backoff(initial=0.5, minimum=1.0, maximum=3.0))
    dead = (None, 0.0, Broken())
    actor = Actor((0.0, 0.0, Broken()), dead, dead, dead, (0.0, 10.0, Broken()))
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", actor, policy))
        await trio.sleep(30)
    assert actor.born == [0.0, 0.5, 1.5, 3.5, 6.5, 17.0]
    assert [(n.attempt, n.delay) for n in heard if isinstance(n, ChildRestarting)] == [
        (1, 0.5),
        (2, 1.0),
        (3, 2.0),
        (4, 3.0),
        (1, 0.5),
    ]


async def test_the_roll_places_the_jitter(autojump_clock, heard):
    policy = Policy(backoff=Backoff(initial=4.0, jitter=0.5))
    async with open_supervisor(heard.append, roll=lambda: 0.25) as supervisor:
        await supervisor.start(ChildSpec("media", Actor((0.0, 1.0, Broken())), policy))
        await trio.sleep(2)
        assert heard[-1] == ChildRestarting("media", 1, 3.0)


@pytest.mark.parametrize(("second_life", "ends"), [(4.999, ChildExhausted), (5.0, ChildUp)])
async def test_the_budget_holds_at_the_edge_of_its_window(autojump_clock, heard, second_life, ends):
    """One restart in 5 s is allowed: the restart at t=0 counts until just before t=5."""
    policy = Policy(intensity=1, period=5.0)
    actor = Actor((0.0, 0.0, Broken()), (0.0, second_life, Broken()))
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", actor, policy))
        await trio.sleep(20)
        assert type(heard[-1]) is ends


async def test_the_last_notice_of_an_exhausted_child_carries_its_last_error(autojump_clock, heard):
    first, last = Broken("first"), Broken("last")
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", Actor((0.0, 1.0, first), (0.0, 1.0, last))))
        await supervisor.join("media")
        assert heard[-2:] == [ChildDown("media", 2, last), ChildExhausted("media", last)]
        assert supervisor.children == ()


async def test_one_childs_budget_never_touches_anothers(autojump_clock, heard):
    """With thousands of calls, a shared budget would let one bad call end all."""
    bad = Actor(*[(0.0, 0.0, Broken())] * 5)
    good = Actor((0.0, 1.0, Broken()))
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("good", good))
        for number in range(3):
            bad = Actor(*[(0.0, 0.0, Broken())] * 5)
            await supervisor.start(ChildSpec(f"bad {number}", bad))
            await supervisor.join(f"bad {number}")
        await trio.sleep(3)
        assert supervisor.children == ("good",)
        assert [n for n in heard if n.name == "good"][-1] == ChildUp("good", 2)


async def test_a_permanent_child_is_restarted_after_a_return_and_can_exhaust_by_it(autojump_clock, heard):
    actor = Actor((0.0, 1.0, None), (0.0, 1.0, None))
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", actor))
        await supervisor.join("media")
    assert heard == [
        ChildUp("media", 1),
        ChildRestarting("media", 1, 0.0),
        ChildUp("media", 2),
        ChildExhausted("media", None),
    ]


async def test_a_transient_child_is_finished_by_a_return(autojump_clock, heard):
    error = Broken()
    actor = Actor((0.0, 1.0, error), (0.0, 1.0, None))
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", actor, TRANSIENT))
        await supervisor.join("media")
    assert heard == [
        ChildUp("media", 1),
        ChildDown("media", 1, error),
        ChildRestarting("media", 1, 0.0),
        ChildUp("media", 2),
        ChildFinished("media"),
    ]


async def test_a_temporary_child_that_crashes_is_noticed_and_finished(autojump_clock, heard):
    error = Broken()
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("socket", Actor((0.0, 1.0, error)), TEMPORARY))
        await supervisor.join("socket")
    assert heard == [ChildUp("socket", 1), ChildDown("socket", 1, error), ChildFinished("socket")]


async def test_a_crash_out_of_the_childs_own_nursery_is_noticed_bare(autojump_clock, heard):
    """Else nobody could match on the type of error that a nested supervisor or nursery wraps."""
    error = Broken()

    async def nested(ready: Ready) -> None:
        async with trio.open_nursery() as outer, trio.open_nursery():
            outer.start_soon(Actor((None, 0.0, error)), ready)
            await trio.sleep_forever()

    async with open_supervisor(heard.append) as supervisor:
        supervisor.start_soon(ChildSpec("media", nested, TEMPORARY))
    # leaving the block at once stops the child before it ran
    assert heard == [ChildFinished("media")]
    async with open_supervisor(heard.append) as supervisor:
        supervisor.start_soon(ChildSpec("media", nested, TEMPORARY))
        await supervisor.join("media")
    assert heard[1:] == [ChildDown("media", 1, error), ChildFinished("media")]


async def test_several_crashes_at_once_are_noticed_as_a_group(autojump_clock, heard):
    async def twice(ready: Ready) -> None:
        raise ExceptionGroup("both", [Broken(), OSError()])

    async with open_supervisor(heard.append) as supervisor:
        supervisor.start_soon(ChildSpec("media", twice, TEMPORARY))
        await supervisor.join("media")
    assert isinstance(heard[0], ChildDown)
    assert isinstance(heard[0].error, ExceptionGroup)
    assert [type(error) for error in heard[0].error.exceptions] == [Broken, OSError]


async def test_a_significant_child_that_is_exhausted_takes_the_supervisor_down(autojump_clock, heard):
    last = Broken("last")
    actor = Actor((0.0, 1.0, Broken()), (0.0, 1.0, last))
    with pytest.RaisesGroup(pytest.RaisesExc(RestartsExhausted, match="'listener'")) as caught:
        async with open_supervisor(heard.append) as supervisor:
            await supervisor.start(ChildSpec("other", Actor()))
            await supervisor.start(ChildSpec("listener", actor, significant=True))
            await trio.sleep_forever()
    (escalated,) = caught.value.exceptions
    assert escalated.__cause__ is last
    assert "last" in "".join(traceback.format_exception(escalated))
    assert heard[-2:] == [ChildExhausted("listener", last), ChildFinished("other")]


async def test_a_significant_child_may_crash_within_its_budget(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        spec = ChildSpec("listener", Actor((0.0, 1.0, Broken())), significant=True)
        await supervisor.start(spec)
        await trio.sleep(50)
        assert heard[-1] == ChildUp("listener", 2)


async def test_a_nested_supervisors_escalation_is_a_crash_of_its_parent_child(autojump_clock, heard):
    inner_heard: list[Notice] = []

    async def call(ready: Ready) -> None:
        async with open_supervisor(inner_heard.append, name="call CA1") as parts:
            spec = ChildSpec("media", Actor((0.0, 1.0, Broken())), Policy(intensity=0), significant=True)
            await parts.start(spec)
            ready()
            await trio.sleep_forever()

    async with open_supervisor(heard.append, name="calls") as calls:
        await calls.start(ChildSpec("CA1", call))
        await trio.sleep(1.5)
        down = heard[1]
        assert isinstance(down, ChildDown)
        assert isinstance(down.error, RestartsExhausted)
        assert heard[-1] == ChildUp("CA1", 2)


async def test_keyboard_interrupt_is_no_crash(autojump_clock, heard):
    async def interrupted(ready: Ready) -> None:
        raise BaseExceptionGroup("", [KeyboardInterrupt(), Broken()])

    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True):
        async with open_supervisor(heard.append) as supervisor:
            supervisor.start_soon(ChildSpec("media", interrupted))
            await trio.sleep_forever()
    assert [type(n) for n in heard] == [ChildDown, ChildFinished], "the crash beside it is still noticed"


async def test_a_live_name_is_taken_and_a_gone_one_is_free(autojump_clock, heard):
    async with open_supervisor(heard.append) as supervisor:
        await supervisor.start(ChildSpec("media", Actor((0.0, 5.0, None)), TRANSIENT))
        with pytest.raises(ValueError, match="'media' is already running"):
            supervisor.start_soon(ChildSpec("media", Actor()))
        with pytest.raises(ValueError, match="'media' is already running"):
            await supervisor.start(ChildSpec("media", Actor()))
        await supervisor.join("media")
        await supervisor.start(ChildSpec("media", Actor()))
        assert heard == [ChildUp("media", 1), ChildFinished("media"), ChildUp("media", 1)]


async def test_a_name_is_free_when_its_last_notice_is_heard(autojump_clock):
    """A listener may answer an exhausted call with a farewell of the same name."""
    heard: list[Notice] = []

    def notify(notice: Notice) -> None:
        heard.append(notice)
        if isinstance(notice, ChildExhausted):
            supervisor.start_soon(ChildSpec(notice.name, Actor()))

    async with open_supervisor(notify) as supervisor:
        await supervisor.start(ChildSpec("call", Actor((0.0, 1.0, Broken())), Policy(intensity=0)))
        await trio.sleep(2)
        assert heard[-2:] == [ChildExhausted("call", heard[1].error), ChildUp("call", 1)]


async def test_tasks_are_named_after_supervisor_and_child(autojump_clock, heard):
    names = []

    async def nameless(ready: Ready) -> None:
        names.append(trio.lowlevel.current_task().name)
        ready()

    async with open_supervisor(heard.append, name="call CA1") as call, open_supervisor(heard.append) as bare:
        await call.start(ChildSpec("media", nameless, TEMPORARY))
        await bare.start(ChildSpec("media", nameless, TEMPORARY))
    assert names == ["call CA1/media", "media"]


async def test_a_child_that_dies_at_once_for_ever_lets_others_run(autojump_clock, heard):
    async def hopeless(ready: Ready) -> None:
        ready()
        raise Broken

    async with open_supervisor(lambda notice: None) as supervisor:
        supervisor.start_soon(ChildSpec("media", hopeless, Policy(intensity=None)))
        for _ in range(10):
            await trio.lowlevel.checkpoint()


async def test_its_repr_shows_what_its_children_do(autojump_clock, heard):
    slow = Policy(backoff=Backoff(initial=5.0))

    async def stubborn(ready: Ready) -> None:
        ready()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)

    async with open_supervisor(heard.append, name="call CA1") as supervisor:
        assert repr(supervisor) == "<Supervisor 'call CA1': no children>"
        await supervisor.start(ChildSpec("signaling", Actor()))
        await supervisor.start(ChildSpec("media", Actor((0.0, 0.0, Broken())), slow))
        supervisor.start_soon(ChildSpec("insights", Actor((9.0, 0.0, None))))
        await supervisor.start(ChildSpec("app", stubborn))
        supervisor.stop("app")
        await wait_all_tasks_blocked()
        states = "signaling up, media restarting, insights starting, app stopping"
        assert repr(supervisor) == f"<Supervisor 'call CA1': {states}>"
