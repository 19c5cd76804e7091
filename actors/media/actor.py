"""The media actor: negotiates one leg's media, commands the engine and fails when the path is lost.

It closes the leg only on `CloseMedia`. When it crashes or is cancelled the leg goes on in the engine,
and the next incarnation takes hold of it again.
"""

import base64
import secrets
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeAlias, assert_never

from actors.ids import LegId
from actors.media.attachment import step
from actors.media.engine_messages import (
    Candidate,
    EngineCommand,
    EngineEvent,
    IceCredentials,
    IceRole,
    LegCounters,
    LegVolume,
)
from actors.media.messages import Command, Report
from actors.media.negotiation_state import (
    Attached,
    BecomeReady,
    Effect,
    Input,
    Negotiation,
    Phase,
    RaiseLost,
    ToCall,
    ToEngine,
)
from supervisor import Faults, Mailbox, MailboxFull, Ready, drive

MediaMessage: TypeAlias = Command | EngineEvent


class MediaLost(Exception):
    """Nothing valid was received on the leg's path for `idle` seconds."""

    def __init__(self, idle: float) -> None:
        super().__init__(f"nothing was received for {idle:.1f} s")
        self.idle = idle


class EventsLost(Exception):
    """The mailbox was full when the engine had something to tell: what is known of the leg is stale."""


class EnginePort(Protocol):
    """A media engine as its legs' actors see it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate of all legs, upper-case hex with colons."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Where the legs of a gateway are reached."""

    def post(self, command: EngineCommand) -> None:
        """Does not wait."""

    def attach(self, leg: LegId, post: Callable[[EngineEvent], None]) -> None:
        """Give the leg's events to `post`, which never raises, in place of whoever had them.

        The leg need not be open yet.
        """

    def detach(self, leg: LegId) -> None:
        """Deliver nothing more of this leg, which goes on."""


class MediaEngines(Protocol):
    """One engine or several, seen by who opens legs."""

    def place(self, leg: LegId, near: LegId | None = None) -> EnginePort:
        """The engine for a new leg, until `CloseLeg`: that of `near`, if it will be bridged with that one."""


class MediaCell:
    """The committed state of one leg's negotiation; it outlives the incarnations of the actor."""

    def __init__(self, leg: LegId, role: IceRole) -> None:
        self.state = Negotiation(leg, role)


def new_credentials() -> IceCredentials:
    """48 random bits of name and 144 of password; RFC 8445 5.3 wants 24 and 128."""
    ufrag, pwd = (base64.b64encode(secrets.token_bytes(size)).decode() for size in (6, 18))
    return IceCredentials(ufrag, pwd)


async def run_media(
    ready: Ready,
    *,
    cell: MediaCell,
    mailbox: Mailbox[MediaMessage],
    engine: EnginePort,
    post: Callable[[Report], None],
    faults: Faults,
    point: str,
) -> None:
    """Run one incarnation; returns after `CloseMedia`.

    Ready at once if no media flowed before, else when it flows. Raises MediaLost when the path is gone,
    EventsLost when the mailbox overflowed.
    """
    inlet = _Inlet(mailbox)
    machine = _Machine(cell, inlet)
    perform = partial(_perform, machine, engine, post, ready)
    engine.attach(cell.state.leg, inlet.deliver)
    try:
        for effect in machine.handle(Attached(engine.fingerprint, engine.candidates), 0.0):
            await perform(effect)
        machine.commit()
        await drive(machine, mailbox, perform, faults=faults, point=point)
    finally:
        engine.detach(cell.state.leg)


class _Inlet:
    """Takes the leg's events into the mailbox and never fails the engine that delivers them.

    Counters that find no room are dropped, the next ones hold them too; so are volumes, of which the next
    is soon there. Any other event without room
    is fatal to the incarnation: the next one asks the engine for the truth.
    """

    def __init__(self, mailbox: Mailbox[MediaMessage]) -> None:
        self.has_overflowed = False
        self._mailbox = mailbox

    def deliver(self, event: EngineEvent) -> None:
        try:
            self._mailbox.post(event)
        except MailboxFull:
            self.has_overflowed |= not isinstance(event, LegCounters | LegVolume)


class _Machine:
    """Steps the state in the cell, and has fresh ICE credentials at hand."""

    deadline: float | None = None

    def __init__(self, cell: MediaCell, inlet: _Inlet) -> None:
        self._cell = cell
        self._inlet = inlet
        self._state = cell.state
        self._fresh = new_credentials()

    @property
    def done(self) -> bool:
        return self._state.phase is Phase.CLOSED

    def handle(self, message: Input, now: float) -> tuple[Effect, ...]:
        self._state, effects = step(self._state, message, self._fresh)
        if self._fresh in (self._state.local, self._state.reoffered):
            self._fresh = new_credentials()
        return effects

    def expire(self, now: float) -> tuple[Effect, ...]:
        return ()

    def commit(self) -> None:
        self._cell.state = self._state
        if self._inlet.has_overflowed:
            raise EventsLost("the media actor's mailbox was full")


async def _perform(
    machine: _Machine,
    engine: EnginePort,
    post: Callable[[Report], None],
    ready: Ready,
    effect: Effect,
) -> None:
    match effect:
        case ToEngine(command):
            engine.post(command)
        case ToCall(report):
            post(report)
        case BecomeReady():
            ready()
        case RaiseLost(idle):
            machine.commit()  # the next incarnation has to know what this one dies of
            raise MediaLost(idle)
        case _:
            assert_never(effect)
