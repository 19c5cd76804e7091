"""The loop between a mailbox and a pure machine."""

import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

import trio

from supervisor.faults import NO_FAULTS, Faults
from supervisor.mailbox import Mailbox

M = TypeVar("M")
F = TypeVar("F")
M_contra = TypeVar("M_contra", contravariant=True)
F_co = TypeVar("F_co", covariant=True)


class Machine(Protocol[M_contra, F_co]):
    """A state machine over messages; it answers with effects and never performs them."""

    @property
    def deadline(self) -> float | None:
        """When `expire` is due, on trio's clock; None for never. Read again after each step."""

    @property
    def done(self) -> bool:
        """Whether it wants no more messages."""

    def handle(self, message: M_contra, now: float) -> Iterable[F_co]:
        """Take `message`; what has to be done about it."""

    def expire(self, now: float) -> Iterable[F_co]:
        """The deadline has passed; it must have moved or gone when this returns."""

    def commit(self) -> None:
        """All effects are performed: keep the state a restart resumes from."""


async def drive(
    machine: Machine[M, F],
    mailbox: Mailbox[M],
    perform: Callable[[F], Awaitable[None]],
    *,
    faults: Faults = NO_FAULTS,
    point: str = "",
) -> None:
    """Feed `machine` from `mailbox` and its own deadline until it is done.

    A due deadline goes before waiting messages. A step that crashes between its effects and the commit is
    forgotten, its message too, so effects must be safe to repeat. If given, the fault `point` is passed
    before each message is taken: a crash there loses none.
    """
    while not machine.done:
        for effect in await _step(machine, mailbox, faults, point):
            await perform(effect)
        machine.commit()


async def _step(machine: Machine[M, F], mailbox: Mailbox[M], faults: Faults, point: str) -> Iterable[F]:
    deadline = machine.deadline
    with trio.move_on_at(math.inf if deadline is None else deadline) as timer:
        await mailbox.wait()
    if timer.cancelled_caught:
        return machine.expire(trio.current_time())
    if point:
        await faults.point(point)
    return machine.handle(mailbox.receive_nowait(), trio.current_time())
