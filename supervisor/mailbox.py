"""The one way to send something to an actor."""

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from supervisor.arrival import Arrival

M = TypeVar("M")


class MailboxFull(Exception):
    """The actor does not keep up; the message was not taken."""

    def __init__(self, name: str, capacity: int) -> None:
        super().__init__(f"mailbox {name!r} is full ({capacity} messages)")
        self.name = name
        self.capacity = capacity


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """Messages waiting now, most that ever waited, most that may wait."""

    depth: int
    peak: int
    capacity: int


class Mailbox(Generic[M]):
    """A bounded queue with many senders and one receiver; it outlives its actor's incarnations.

    Full is an error of the sender: waiting could deadlock two actors, and dropping would lose a command.
    """

    def __init__(self, capacity: int, name: str = "") -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self.name = name
        self._capacity = capacity
        self._messages: deque[M] = deque()
        self._arrival = Arrival()
        self._peak = 0

    def __len__(self) -> int:
        return len(self._messages)

    def __bool__(self) -> bool:
        return True  # an empty mailbox is still a mailbox

    def __repr__(self) -> str:
        return f"<Mailbox {self.name!r} {len(self)}/{self._capacity}>"

    def post(self, message: M) -> None:
        """Queue `message` without waiting; `MailboxFull` if there is no room."""
        if len(self._messages) >= self._capacity:
            raise MailboxFull(self.name, self._capacity)
        self._messages.append(message)
        self._peak = max(self._peak, len(self._messages))
        self._arrival.set()

    async def wait(self) -> None:
        """Return once a message can be received, without taking it; always a checkpoint.

        `trio.BusyResourceError` if another task waits already.
        """
        await self._arrival.wait()

    async def receive(self) -> M:
        """The oldest message. Atomic under cancellation: a cancelled receive has taken nothing."""
        await self.wait()
        return self.receive_nowait()

    def receive_nowait(self) -> M:
        """The oldest message; `trio.WouldBlock` if there is none."""
        if not self._messages:
            raise trio.WouldBlock
        message = self._messages.popleft()
        if not self._messages:
            self._arrival.clear()
        return message

    def statistics(self) -> MailboxStatistics:
        return MailboxStatistics(len(self._messages), self._peak, self._capacity)
