"""Several scripted children on virtual time against a model that knows each of them alone.

The model is a dozen lines of arithmetic with its own idea of budgets and delays. All random times lie on
grids of their own (whole seconds for the children, eighths for kills, a half for the stop), so no two things
ever happen in the same instant and every expected time is exact.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import inf

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from supervisor import (
    Backoff,
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
    open_supervisor,
)

pytestmark = pytest.mark.actor

HORIZON = 500.75
Trace = list[tuple[float, str]]


class Scripted(Exception):
    pass


@dataclass(frozen=True)
class Life:
    """One incarnation: seconds until ready (None: never), then until its end, and how it ends."""

    until_ready: int | None
    until_end: float
    is_crash: bool
    is_mixed: bool = False


@dataclass(frozen=True)
class Script:
    """A child's lives (the last is endless), what befalls it, and its policy."""

    lives: tuple[Life, ...]
    kills: tuple[float, ...]
    stop: float
    policy: Policy

    def life(self, number: int) -> Life:
        return self.lives[number - 1] if number <= len(self.lives) else Life(0, inf, is_crash=False)


lives = st.builds(
    Life, st.none() | st.integers(0, 3), st.integers(0, 6), is_crash=st.booleans(), is_mixed=st.booleans()
)
policies = st.builds(
    Policy,
    restart=st.sampled_from([Restart.PERMANENT] * 3 + [Restart.TRANSIENT] * 2 + [Restart.TEMPORARY]),
    intensity=st.none() | st.integers(0, 3),
    period=st.integers(1, 12),
    backoff=st.builds(Backoff, initial=st.integers(0, 3), minimum=st.integers(1, 2), maximum=st.just(8)),
)
scripts = st.builds(
    Script,
    lives=st.lists(lives, max_size=8).map(tuple),
    kills=st.tuples(
        st.integers(0, 30).map(lambda whole: whole + 1 / 8),
        st.integers(0, 30).map(lambda whole: whole + 1 / 4),
    ),
    stop=st.integers(0, 60).map(lambda whole: whole + 1 / 2),
    policy=policies,
)


def expected(script: Script) -> Trace:
    """What is heard of this child, and when, if nothing else exists."""
    trace: Trace = []
    restarts: list[float] = []
    born, attempt = 0.0, 0
    for number in itertools.count(1):
        life = script.life(number)
        ready_at = inf if life.until_ready is None else born + life.until_ready
        own_end = born + (life.until_ready or 0) + life.until_end
        kill = min((at for at in script.kills if at > born), default=inf)
        end = min(own_end, kill)
        if ready_at <= min(end, script.stop):
            trace.append((ready_at, f"up {number}"))
            attempt = 0
        if script.stop < end:
            return [*trace, (script.stop, "finished")]
        is_crash = life.is_crash or kill < own_end
        if is_crash:
            trace.append((end, f"down {number}"))
        kind = script.policy.restart
        if kind is Restart.TEMPORARY or (kind is Restart.TRANSIENT and not is_crash):
            return [*trace, (end, "finished")]
        intensity = script.policy.intensity
        if intensity is not None and sum(at > end - script.policy.period for at in restarts) >= intensity:
            return [*trace, (end, "exhausted")]
        restarts.append(end)
        attempt += 1
        backoff = script.policy.backoff
        delay = backoff.initial if attempt == 1 else min(8, backoff.minimum * 2 ** (attempt - 2))
        trace.append((end, f"restarting {attempt} in {delay:g}"))
        born = end + delay
        if script.stop < born:
            return [*trace, (script.stop, "finished")]
    raise AssertionError("unreachable")


def words(notice: Notice) -> str:
    match notice:
        case ChildUp(_, number):
            return f"up {number}"
        case ChildDown(_, number, error):
            assert isinstance(error, Scripted)
            return f"down {number}"
        case ChildRestarting(_, attempt, delay):
            return f"restarting {attempt} in {delay:g}"
        case ChildExhausted():
            return "exhausted"
        case ChildFinished():
            return "finished"


async def crash_mixed() -> None:
    """End with one group of `Cancelled` and a crash, the cancellation being the actor's own."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
            raise Scripted


async def play(script: Script, numbers: Iterator[int], ready: Ready) -> None:
    life = script.life(next(numbers))
    if life.until_ready is not None:
        await trio.sleep(life.until_ready)
        ready()
    await trio.sleep(life.until_end)
    if life.is_crash and life.is_mixed:
        await crash_mixed()
    if life.is_crash:
        raise Scripted


async def perform(children: dict[str, Script]) -> dict[str, Trace]:
    heard: dict[str, Trace] = defaultdict(list)

    def notify(notice: Notice) -> None:
        heard[notice.name].append((trio.current_time(), words(notice)))

    async def befall(name: str, script: Script) -> None:
        for kill in sorted(script.kills):
            if kill < script.stop:
                await trio.sleep_until(kill)
                supervisor.kill(name, Scripted())
        await trio.sleep_until(script.stop)
        supervisor.stop(name)

    with trio.fail_after(HORIZON):
        async with open_supervisor(notify) as supervisor, trio.open_nursery() as nursery:
            for name, script in children.items():
                supervisor.start_soon(
                    ChildSpec(name, partial(play, script, itertools.count(1)), script.policy)
                )
                nursery.start_soon(befall, name, script)
    assert supervisor.children == ()
    return heard


@given(st.lists(scripts, min_size=1, max_size=3))
def test_every_child_lives_as_if_it_were_alone(scripts: list[Script]):
    children = {f"child {number}": script for number, script in enumerate(scripts)}
    heard = trio.run(perform, children, clock=trio.testing.MockClock(autojump_threshold=0))
    assert heard == {name: expected(script) for name, script in children.items()}


@given(scripts)
def test_what_is_heard_of_a_child_is_well_formed(script: Script):
    """The laws listeners build on: restarts are closed, and there is exactly one last word."""
    trace = trio.run(perform, {"it": script}, clock=trio.testing.MockClock(autojump_threshold=0))["it"]
    said = [text.split()[0] for _, text in trace]
    assert [word for word in said if word in {"finished", "exhausted"}] == said[-1:]
    assert all(
        after != "restarting" for before, after in itertools.pairwise(said) if before == "restarting"
    ) or (script.policy.restart is Restart.PERMANENT)
    ups = [int(text.split()[1]) for _, text in trace if text.startswith("up")]
    assert ups == sorted(set(ups)), "each incarnation is up once, in order"
    assert all(at <= script.stop for at, _ in trace)
