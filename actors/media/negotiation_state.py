"""What is known of one leg's negotiation, and what its machine asks to be done."""

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from actors.ids import LegId
from actors.media.description import Layout, RemoteDescription
from actors.media.engine_messages import (
    Candidate,
    Codec,
    DtlsRole,
    EngineCommand,
    EngineEvent,
    IceCredentials,
    IceRole,
    Peer,
)
from actors.media.messages import Command, Metering, Report, Source
from actors.media.sdp_write import LocalSession


class Phase(Enum):
    """How far descriptions are exchanged; `REOFFERED` waits for the answer to an ICE restart."""

    NEW = "new"
    OFFERED = "offered"
    ESTABLISHED = "established"
    REOFFERED = "reoffered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Session:
    """What was agreed on with the peer; `layout` is that of all later descriptions."""

    remote: RemoteDescription
    layout: Layout
    codec: Codec
    dtls: DtlsRole

    @property
    def peer(self) -> Peer:
        remote = self.remote
        return Peer(
            remote.ice,
            remote.fingerprint,
            remote.candidates,
            remote.is_lite,
            level_extension=self.layout.level_extension,
        )


@dataclass(frozen=True, slots=True)
class Negotiation:
    """One leg's state; it outlives the incarnations of the media actor.

    `local` are the ICE credentials of the newest stable description; None: no leg is open in the engine.
    `reoffered` are those of a restart offer without an answer. `is_hollow`: the engine has lost the media
    session and the leg is only reserved. `is_waiting`: the incarnation is not ready yet.
    """

    leg: LegId
    role: IceRole
    fingerprint: str = ""
    candidates: tuple[Candidate, ...] = ()
    phase: Phase = Phase.NEW
    local: IceCredentials | None = None
    reoffered: IceCredentials | None = None
    offered: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    max_average_bitrate: int | None = None
    session: Session | None = None
    version: int = 0
    source: Source | None = None
    tones: tuple[float, ...] = ()
    metering: Metering = Metering.OFF
    is_muted: bool = False
    has_flowed: bool = False
    is_lost: bool = False
    is_hollow: bool = False
    is_waiting: bool = False

    def describe(self, ice: IceCredentials) -> LocalSession:
        """Ourselves in the present version of our description."""
        is_lite = self.role is IceRole.LITE
        return LocalSession(
            session_id=int.from_bytes(hashlib.sha256(self.leg.encode()).digest()[:7], "big"),
            version=self.version,
            ice=ice,
            fingerprint=self.fingerprint,
            candidates=self.candidates if is_lite else (),
            is_lite=is_lite,
            max_average_bitrate=self.max_average_bitrate,
        )


@dataclass(frozen=True, slots=True)
class Attached:
    """A new incarnation hears its leg; how the engine presents itself now."""

    fingerprint: str
    candidates: tuple[Candidate, ...]


Input: TypeAlias = Attached | Command | EngineEvent


@dataclass(frozen=True, slots=True)
class ToEngine:
    command: EngineCommand


@dataclass(frozen=True, slots=True)
class ToCall:
    report: Report


@dataclass(frozen=True, slots=True)
class BecomeReady:
    """The media is usable, or was never in use."""


@dataclass(frozen=True, slots=True)
class RaiseLost:
    """Fail: nothing valid was received for `idle` seconds."""

    idle: float


Effect: TypeAlias = ToEngine | ToCall | BecomeReady | RaiseLost
Step: TypeAlias = tuple[Negotiation, tuple[Effect, ...]]
