"""What a node keeps of the legs in a worker, so that another worker can go on with them: pure."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from actors.ids import LegId
from actors.media.engine_messages import (
    Blackhole,
    CloseLeg,
    Detect,
    EngineCommand,
    Feed,
    InsertDigits,
    LegPlaybackEnded,
    MeasureLeg,
    MuteLeg,
    Negotiate,
    OpenLeg,
    Probe,
    RestartLeg,
    RestartPeer,
)
from actors.media.messages import FromLeg, Silence
from actors.media.notes import Adoption, Note, Progress, SelectedPath, SessionKeys

MAX_RESTARTS: Final = 3
"""ICE generations remembered besides the first; older credentials are not valid any more."""

Restarting: TypeAlias = Negotiate | RestartLeg | RestartPeer


@dataclass(frozen=True, slots=True)
class KeptLeg:
    """One leg. Commands are kept in the order that matters; of the others the last one counts."""

    opened: OpenLeg
    ice: tuple[Restarting, ...] = ()
    feed: Feed | None = None
    detect: Detect | None = None
    mute: MuteLeg | None = None
    measure: MeasureLeg | None = None
    keys: SessionKeys | None = None
    path: SelectedPath | None = None
    progress: Progress | None = None

    @property
    def adoption(self) -> Adoption:
        """What another worker needs; feeds come after all legs are there, see `Escrow.adoptions`."""
        told = (self.mute, self.detect, self.measure)
        settings = tuple(command for command in told if command is not None)
        return Adoption(
            self.opened.leg, (self.opened, *self.ice, *settings), self.keys, self.path, self.progress
        )


class Escrow:
    """All legs of one worker."""

    def __init__(self) -> None:
        self._legs: dict[LegId, KeptLeg] = {}

    def __len__(self) -> int:
        return len(self._legs)

    def __contains__(self, leg: LegId) -> bool:
        return leg in self._legs

    @property
    def legs(self) -> tuple[LegId, ...]:
        return tuple(self._legs)

    def keep(self, command: EngineCommand) -> None:
        """Take over what the engine is told."""
        if isinstance(command, OpenLeg):
            self._legs[command.leg] = KeptLeg(command)
            return
        kept = self._legs.get(command.leg)
        if kept is None:
            return
        match command:
            case CloseLeg(leg):
                del self._legs[leg]
            case Negotiate() | RestartLeg() | RestartPeer():
                self._legs[command.leg] = _restarted(kept, command)
            case Feed():
                self._legs[command.leg] = replace(kept, feed=command)
            case Detect():
                self._legs[command.leg] = replace(kept, detect=command)
            case MuteLeg():
                self._legs[command.leg] = replace(kept, mute=command)
            case MeasureLeg():
                self._legs[command.leg] = replace(kept, measure=command)
            case Probe() | InsertDigits() | Blackhole():
                pass
            case _:
                assert_never(command)

    def take_note(self, note: Note) -> None:
        """What the worker tells of a leg's session."""
        kept = self._legs.get(note.leg)
        if kept is None:
            return
        match note:
            case SessionKeys():
                self._legs[note.leg] = replace(kept, keys=note, progress=None)
            case SelectedPath():
                self._legs[note.leg] = replace(kept, path=note)
            case Progress():
                self._legs[note.leg] = replace(kept, progress=note)

    def end_clip(self, event: LegPlaybackEnded) -> None:
        """A clip that has ended is not played again."""
        kept = self._legs.get(event.leg)
        if kept is not None and kept.feed is not None and not isinstance(kept.feed.source, FromLeg):
            self._legs[event.leg] = replace(kept, feed=Feed(event.leg, Silence()))

    def adoptions(self) -> tuple[Adoption, ...]:
        """All legs, for `Adopt`."""
        return tuple(kept.adoption for kept in self._legs.values())

    def feeds(self) -> tuple[Feed, ...]:
        """What the legs send: to be told when all of them are there, for one may feed another."""
        return tuple(kept.feed for kept in self._legs.values() if kept.feed is not None)


def _restarted(kept: KeptLeg, command: Restarting) -> KeptLeg:
    if isinstance(command, Negotiate) and _fingerprint(kept) not in {None, command.peer.fingerprint}:
        # Another peer: nothing of the session before it counts any more.
        kept = replace(kept, ice=_last_restart(kept.ice), keys=None, path=None, progress=None)
    ice = (*kept.ice, command)
    # Restarts come in pairs, so that the oldest of each kind belong together. The first negotiation stays: it
    # names the peer of the first credentials.
    for kind, oldest in ((RestartLeg, 0), (RestartPeer, 0), (Negotiate, 1)):
        alike = [past for past in ice if isinstance(past, kind)]
        if len(alike) > MAX_RESTARTS:
            ice = tuple(past for past in ice if past is not alike[oldest])
    return replace(kept, ice=ice)


def _last_restart(ice: tuple[Restarting, ...]) -> tuple[Restarting, ...]:
    return tuple(command for command in ice if isinstance(command, RestartLeg))[-1:]


def _fingerprint(kept: KeptLeg) -> str | None:
    return next((past.peer.fingerprint for past in reversed(kept.ice) if isinstance(past, Negotiate)), None)
