"""The one holder of a call's state: what the public handle and the call's actor share.

A command runs the machine in the caller's task, so that it has taken effect when it returns; its
effects are handed to the actor. Everything else runs the machine in the actor.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from actors.call.machine import create, expire, step
from actors.call.state import (
    CallState,
    CallStatus,
    Command,
    Disconnect,
    Effect,
    Emit,
    Input,
    PartDown,
    PartExhausted,
    PartUp,
    Received,
    Step,
    TellVolume,
    ToMedia,
)
from actors.events import Failed, Record
from actors.journal import Journal
from actors.media.messages import CloseMedia, Volume
from actors.signaling.messages import WireError
from supervisor import Mailbox, MailboxFull

MAILBOX_CAPACITY = 1024
MAX_WAITING = 896
"""Inputs that may wait; the rest is kept for what the supervisors say of the call's parts."""
RATE_EXCEEDED = 31206


@dataclass(frozen=True, slots=True)
class Perform:
    """Effects of a command that has already taken place."""

    effects: tuple[Effect, ...]


Item: TypeAlias = Input | Perform


class CallCore:
    """A call's committed state and mailbox; outlives every incarnation of the call's actor.

    `deliver` takes its records, `tell_volume` what is no record.
    """

    def __init__(
        self,
        state: CallState,
        journal: Journal,
        deliver: Callable[[Record], None],
        tell_volume: Callable[[Volume], None],
    ) -> None:
        self.state = state
        self.journal = journal
        self.mailbox: Mailbox[Item] = Mailbox(MAILBOX_CAPACITY, name=f"call {journal.source}")
        self._deliver = deliver
        self._tell_volume = tell_volume
        self._owed: tuple[Effect, ...] = ()
        self._is_closing = False
        self._before: CallStatus | None = None

    def __repr__(self) -> str:
        return f"<CallCore {self.id} {self.state.role} {self.state.status}>"

    @property
    def id(self) -> str:
        return self.journal.source

    @property
    def status(self) -> CallStatus:
        """The documented status. A call that an error ends is closed when it has told the error."""
        return self._before or self.state.status

    def begin(self) -> None:
        """Announce the call; once, before its actor runs."""
        before = self.state.status
        self.state, effects = create(self.state, self.journal.clock.now())
        self._publish(effects, before)

    def command(self, command: Command) -> None:
        """Let `command` take effect now; its events are published before this returns.

        Raises:
            MailboxFull: the actor does not keep up, and nothing has happened. A call can always be ended.
        """
        if self.state.is_over:
            return
        state, effects = step(self.state, command, self.journal.clock.now())
        todo = _orders(effects)
        try:
            self._post(Perform(todo))
        except MailboxFull:
            if not state.is_over:
                raise
            self._owed += todo  # whatever the actor does next, it finds them
        before, self.state = self.state.status, state
        self._publish(effects, before)

    def post(self, happened: Input) -> None:
        """Queue an input for the call's actor.

        Raises:
            MailboxFull: the actor does not keep up.
        """
        if isinstance(happened, PartUp | PartDown | PartExhausted):
            self.mailbox.post(happened)
        else:
            self._post(happened)

    def receive(self, happened: Received) -> None:
        """Queue what the peer sent. A peer that floods the call ends it."""
        try:
            self._post(happened)
        except MailboxFull:
            self.command(Disconnect(WireError(RATE_EXCEEDED, "the call is flooded with messages")))

    def _post(self, item: Item) -> None:
        if len(self.mailbox) >= MAX_WAITING:
            raise MailboxFull(self.mailbox.name, MAX_WAITING)
        self.mailbox.post(item)

    @property
    def deadline(self) -> float | None:
        return self.state.deadline

    @property
    def done(self) -> bool:
        """The effects that end the call have been handed out."""
        return self._is_closing

    def handle(self, message: Item, now: float) -> tuple[Effect, ...]:
        if isinstance(message, Perform):
            return self._hand_out(message.effects)
        return self._advance(step(self.state, message, now))

    def expire(self, now: float) -> tuple[Effect, ...]:
        return self._advance(expire(self.state, now))

    def abandon(self, spent: PartExhausted) -> None:
        """End a call whose actor is gone for good; `settle` has what is left to do."""
        before = self.state.status
        self.state, effects = step(self.state, spent, self.journal.clock.now())
        self._owed += _orders(effects)
        self._publish(effects, before)

    def settle(self) -> tuple[Effect, ...]:
        """The effects that no incarnation has handed out; inputs that still wait are of no use any more."""
        while len(self.mailbox):
            item = self.mailbox.receive_nowait()
            if isinstance(item, Perform):
                self._owed += item.effects
        return self._hand_out(())

    def commit(self) -> None:
        """Nothing to do: the state is committed before its effects are performed."""

    def _advance(self, taken: Step) -> tuple[Effect, ...]:
        """Commit, publish, and return what is left to do.

        A listener that raises crashes the actor; what is owed by then goes to the next incarnation.
        """
        before = self.state.status
        self.state, effects = taken
        self._owed += _orders(effects)
        self._publish(effects, before)
        return self._hand_out(())

    def _hand_out(self, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        effects, self._owed = self._owed + effects, ()
        self._is_closing = self._is_closing or any(_is_close(effect) for effect in effects)
        return effects

    def _publish(self, effects: tuple[Effect, ...], before: CallStatus) -> None:
        """Every event is delivered, whatever a listener of one before it raises."""
        self.journal.call_sid = self.state.call_sid
        news: list[Callable[[], None]] = []
        for effect in effects:
            if isinstance(effect, Emit):
                record = self.journal.publish(effect.event, actor="call", caused_by=effect.caused_by)
                news.append(partial(self._tell, record, before))
            elif isinstance(effect, TellVolume):
                news.append(partial(self._tell_volume, effect.volume))
        with ExitStack() as deliveries:
            for tell in reversed(news):
                deliveries.callback(tell)

    def _tell(self, record: Record, before: CallStatus) -> None:
        self._before = before if isinstance(record.event, Failed) else None
        try:
            self._deliver(record)
        finally:
            self._before = None


def _orders(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """What the call's actor has to carry out; the rest is told to listeners."""
    return tuple(effect for effect in effects if not isinstance(effect, Emit | TellVolume))


def _is_close(effect: Effect) -> bool:
    return isinstance(effect, ToMedia) and isinstance(effect.command, CloseMedia)
