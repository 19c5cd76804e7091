"""Scripted faults strike where, when and as often as they were armed."""

import pytest
import trio

from supervisor import NO_FAULTS, Crash, Delay, Faults, ScriptedFaults
from supervisor.faults import MAX_INJECTED

pytestmark = pytest.mark.actor


class Broken(Exception):
    pass


async def test_without_faults_a_point_does_nothing(autojump_clock):
    faults: Faults = NO_FAULTS
    with faults.attach("call/media", pytest.fail):
        await faults.point("media.recv")
    assert trio.current_time() == 0.0


async def test_an_armed_crash_strikes_once_at_its_point_only():
    faults = ScriptedFaults()
    error = Broken()
    faults.arm("media.recv", Crash(error))
    await faults.point("media.send")
    with pytest.raises(Broken) as caught:
        await faults.point("media.recv")
    assert caught.value is error
    await faults.point("media.recv")
    assert faults.injected == [("media.recv", Crash(error))]


async def test_a_delay_takes_its_seconds(autojump_clock):
    faults = ScriptedFaults()
    faults.arm("media.recv", Delay(2.5))
    await faults.point("media.recv")
    assert trio.current_time() == 2.5
    assert faults.injected == [("media.recv", Delay(2.5))]


async def test_a_fault_strikes_as_often_as_armed_then_the_next_one(autojump_clock):
    faults = ScriptedFaults()
    crash = Crash(Broken())
    faults.arm("recv", crash, times=2)
    faults.arm("recv", Delay(1.0))
    for _ in range(2):
        with pytest.raises(Broken):
            await faults.point("recv")
    await faults.point("recv")
    await faults.point("recv")
    assert faults.injected == [("recv", crash), ("recv", crash), ("recv", Delay(1.0))]
    assert trio.current_time() == 1.0


async def test_an_error_that_strikes_again_does_not_drag_its_past_along():
    faults = ScriptedFaults()
    faults.arm("recv", Crash(Broken()), times=2)
    depths = []
    for _ in range(2):
        with pytest.raises(Broken) as caught:
            await faults.point("recv")
        depths.append(len(caught.traceback))
    assert depths[0] == depths[1]


def test_a_crash_reaches_the_child_attached_at_the_path():
    faults = ScriptedFaults()
    killed: list[Exception] = []
    others: list[Exception] = []
    error = Broken()
    with faults.attach("call CA1/media", killed.append), faults.attach("call CA2/media", others.append):
        assert faults.paths() == ("call CA1/media", "call CA2/media")
        faults.crash("call CA1/media", error)
    assert (killed, others) == ([error], [])
    assert faults.injected == [("call CA1/media", Crash(error))]
    assert faults.paths() == ()


def test_a_crash_of_nobody_is_an_error_of_the_test():
    faults = ScriptedFaults()
    with pytest.raises(KeyError):
        faults.crash("call CA1/media", Broken())
    assert faults.injected == []


def test_children_of_equal_path_are_crashed_together():
    faults = ScriptedFaults()
    first: list[Exception] = []
    second: list[Exception] = []
    with faults.attach("media", lambda error: first.append(error)):
        with faults.attach("media", lambda error: second.append(error)):
            faults.crash("media", Broken())
        faults.crash("media", Broken())
    assert (len(first), len(second)) == (2, 1)


def test_what_is_remembered_is_bounded():
    faults = ScriptedFaults()
    with faults.attach("media", lambda error: None):
        for _ in range(MAX_INJECTED + 1):
            faults.crash("media", Broken())
    assert len(faults.injected) == MAX_INJECTED


def test_a_fault_that_never_strikes_is_refused():
    with pytest.raises(ValueError, match="times"):
        ScriptedFaults().arm("recv", Delay(1.0), times=0)
