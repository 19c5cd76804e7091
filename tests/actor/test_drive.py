"""drive(): the loop that joins a mailbox, a deadline and a pure machine."""

import math
from collections.abc import Awaitable, Callable

import pytest
import trio

from supervisor import Crash, Delay, Mailbox, ScriptedFaults, drive

pytestmark = pytest.mark.actor


class Recorder:
    """A machine that says all it is told; `quit` ends it, a number is a deadline to keep."""

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline
        self.done = False
        self.log: list[tuple[str, object, float]] = []

    def handle(self, message: object, now: float) -> list[str]:
        self.log.append(("handle", message, now))
        if isinstance(message, int | float):
            self.deadline = message
        self.done = message == "quit"
        return [f"{message} one", f"{message} two"]

    def expire(self, now: float) -> list[str]:
        self.log.append(("expire", self.deadline, now))
        self.deadline = None
        return ["expired"]

    def commit(self) -> None:
        self.log.append(("commit", None, trio.current_time()))


def performing(machine: Recorder, seconds: float = 0.0) -> Callable[[str], Awaitable[None]]:
    async def perform(effect: str) -> None:
        await trio.sleep(seconds)
        machine.log.append(("perform", effect, trio.current_time()))

    return perform


def steps(machine: Recorder) -> list[tuple[str, object]]:
    return [(what, about) for what, about, _ in machine.log]


def filled(*messages: object) -> Mailbox[object]:
    mailbox = Mailbox[object](8)
    for message in messages:
        mailbox.post(message)
    return mailbox


async def test_effects_are_performed_in_order_before_the_commit(autojump_clock):
    machine = Recorder()
    await drive(machine, filled("quit"), performing(machine))
    assert steps(machine) == [
        ("handle", "quit"),
        ("perform", "quit one"),
        ("perform", "quit two"),
        ("commit", None),
    ]


async def test_a_machine_that_is_done_takes_no_more_messages(autojump_clock):
    machine, mailbox = Recorder(), filled("quit", "late")
    await drive(machine, mailbox, performing(machine))
    assert mailbox.receive_nowait() == "late"
    with trio.fail_after(1):
        await drive(machine, mailbox, performing(machine))


async def test_without_a_deadline_it_waits_for_ever(autojump_clock):
    machine = Recorder(deadline=None)
    with trio.move_on_after(100_000):
        await drive(machine, filled(), performing(machine))
    assert machine.log == []


async def test_the_deadline_expires_at_its_very_time_and_is_committed(autojump_clock):
    machine = Recorder(deadline=75.0)
    with trio.move_on_after(100):
        await drive(machine, filled(), performing(machine))
    assert machine.log == [
        ("expire", 75.0, 75.0),
        ("perform", "expired", 75.0),
        ("commit", None, 75.0),
    ]


async def test_the_deadline_is_read_again_after_each_step(autojump_clock):
    machine, mailbox = Recorder(deadline=10.0), filled()

    async def sender() -> None:
        await trio.sleep(5)
        mailbox.post(20.0)
        await trio.sleep(10)
        mailbox.post(17.0)

    with trio.move_on_after(100):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender)
            await drive(machine, mailbox, performing(machine))
    assert [entry for entry in machine.log if entry[0] in {"handle", "expire"}] == [
        ("handle", 20.0, 5.0),
        ("handle", 17.0, 15.0),
        ("expire", 17.0, 17.0),
    ]


async def test_a_due_deadline_goes_before_waiting_messages(autojump_clock):
    """Else a flooded actor would never time out."""
    machine = Recorder(deadline=-math.inf)
    await drive(machine, filled("quit"), performing(machine))
    assert [what for what, _ in steps(machine)][:3] == ["expire", "perform", "commit"]


async def test_a_deadline_does_not_interrupt_effects(autojump_clock):
    machine = Recorder(deadline=1.0)
    with trio.move_on_after(100):
        await drive(machine, filled("hello"), performing(machine, seconds=3.0))
    assert [entry for entry in machine.log if entry[0] != "handle"] == [
        ("perform", "hello one", 3.0),
        ("perform", "hello two", 6.0),
        ("commit", None, 6.0),
        ("expire", 1.0, 6.0),
        ("perform", "expired", 9.0),
        ("commit", None, 9.0),
    ]


async def test_a_crash_in_an_effect_leaves_the_step_uncommitted(autojump_clock):
    machine, mailbox = Recorder(), filled("poison", "next")

    async def perform(effect: str) -> None:
        raise OSError(effect)

    with pytest.raises(OSError, match="poison one"):
        await drive(machine, mailbox, perform)
    assert steps(machine) == [("handle", "poison")]
    assert mailbox.receive_nowait() == "next", "the poison message is not replayed"


async def test_a_crash_at_the_point_loses_no_message(autojump_clock):
    machine, mailbox, faults = Recorder(), filled("hello", "quit"), ScriptedFaults()
    faults.arm("call", Crash(OSError("scripted")))
    with pytest.raises(OSError, match="scripted"):
        await drive(machine, mailbox, performing(machine), faults=faults, point="call")
    assert machine.log == []
    await drive(machine, mailbox, performing(machine), faults=faults, point="call")
    assert [about for what, about in steps(machine) if what == "handle"] == ["hello", "quit"]


async def test_a_point_armed_while_the_actor_waits_strikes_at_the_next_message(autojump_clock):
    machine, mailbox, faults = Recorder(), filled(), ScriptedFaults()

    async def arm_and_post() -> None:
        await trio.sleep(1)
        faults.arm("call", Crash(OSError("scripted")))
        mailbox.post("hello")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(arm_and_post)
        with pytest.raises(OSError, match="scripted"):
            await drive(machine, mailbox, performing(machine), faults=faults, point="call")
    assert mailbox.receive_nowait() == "hello"


async def test_the_point_is_passed_once_per_message_and_not_for_deadlines(autojump_clock):
    machine, faults = Recorder(deadline=0.0), ScriptedFaults()
    faults.arm("call", Delay(2.0), times=9)
    await drive(machine, filled("hello", "quit"), performing(machine), faults=faults, point="call")
    assert len(faults.injected) == 2
    assert [now for what, _, now in machine.log if what in {"expire", "handle"}] == [0.0, 2.0, 4.0]


async def test_cancellation_between_messages_loses_none(autojump_clock):
    machine, mailbox = Recorder(), filled()
    with trio.move_on_after(1):
        await drive(machine, mailbox, performing(machine))
    mailbox.post("quit")
    await drive(machine, mailbox, performing(machine))
    assert steps(machine)[0] == ("handle", "quit")
