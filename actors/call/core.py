"""The one holder of a call's state: what the public handle and the call's actor share.

A command runs the machine in the caller's task, so that it has taken effect when it returns; its
effects are handed to the actor. Everything else runs the machine in the actor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from actors.call.machine import create, expire, step
from actors.call.state import CallState, Command, Effect, Emit, Input, Step, ToMedia
from actors.events import Record
from actors.journal import Journal
from actors.media.messages import CloseMedia
from supervisor import Mailbox

MAILBOX_CAPACITY = 1024


@dataclass(frozen=True, slots=True)
class Perform:
    """Effects of a command that has already taken place."""

    effects: tuple[Effect, ...]


Item: TypeAlias = Input | Perform


class CallCore:
    """A call's committed state and mailbox; outlives every incarnation of the call's actor."""

    def __init__(self, state: CallState, journal: Journal, deliver: Callable[[Record], None]) -> None:
        self.state = state
        self.journal = journal
        self.mailbox: Mailbox[Item] = Mailbox(MAILBOX_CAPACITY, name=f"call {journal.source}")
        self._deliver = deliver
        self._owed: tuple[Effect, ...] = ()
        self._is_closing = False

    def __repr__(self) -> str:
        return f"<CallCore {self.id} {self.state.role} {self.state.status}>"

    @property
    def id(self) -> str:
        return self.journal.source

    def begin(self) -> None:
        """Announce the call; once, before its actor runs."""
        self.state, effects = create(self.state, self.journal.clock.now())
        self._publish(effects)

    def command(self, command: Command) -> None:
        """Let `command` take effect now; its events are published before this returns."""
        if self.state.is_over:
            return
        self.state, effects = step(self.state, command, self.journal.clock.now())
        self.mailbox.post(Perform(tuple(effect for effect in effects if not isinstance(effect, Emit))))
        self._publish(effects)

    def post(self, happened: Input) -> None:
        """Queue an input for the call's actor.

        Raises:
            MailboxFull: the actor does not keep up.
        """
        self.mailbox.post(happened)

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

    def commit(self) -> None:
        """Nothing to do: the state is committed before its effects are performed."""

    def _advance(self, taken: Step) -> tuple[Effect, ...]:
        """Commit, publish, and return what is left to do.

        A listener that raises crashes the actor; what is owed by then goes to the next incarnation.
        """
        self.state, effects = taken
        self._owed += tuple(effect for effect in effects if not isinstance(effect, Emit))
        self._publish(effects)
        return self._hand_out(())

    def _hand_out(self, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        effects, self._owed = self._owed + effects, ()
        self._is_closing = self._is_closing or any(_is_close(effect) for effect in effects)
        return effects

    def _publish(self, effects: tuple[Effect, ...]) -> None:
        self.journal.call_sid = self.state.call_sid
        for effect in effects:
            if isinstance(effect, Emit):
                self._deliver(self.journal.publish(effect.event, actor="call", caused_by=effect.caused_by))


def _is_close(effect: Effect) -> bool:
    return isinstance(effect, ToMedia) and isinstance(effect.command, CloseMedia)
