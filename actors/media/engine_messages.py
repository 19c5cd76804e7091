"""What media actors say to an engine, and what comes back.

Msgspec structs of plain values, so that an engine can live in another process.
"""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from actors.ids import LegId
from actors.media.messages import Metering, Source


class IceRole(StrEnum):
    LITE = "lite"
    CONTROLLING = "controlling"


class DtlsRole(StrEnum):
    CLIENT = "client"
    SERVER = "server"


class Candidate(msgspec.Struct, frozen=True):
    """A UDP host candidate."""

    host: str
    port: int
    priority: int = 2130706431
    foundation: str = "1"


class IceCredentials(msgspec.Struct, frozen=True):
    ufrag: str
    pwd: str

    def __repr__(self) -> str:
        return f"IceCredentials({self.ufrag!r}, pwd=…)"


class Codec(msgspec.Struct, frozen=True):
    """What both sides agreed on. `payload_type` is what we send; `receive_payload_type` what we announced."""

    name: str
    clock_rate: int
    payload_type: int
    receive_payload_type: int
    channels: int = 1
    dtmf_payload_type: int | None = None
    fmtp: str = ""


class Peer(msgspec.Struct, frozen=True):
    """The remote side of a media session. `fingerprint` is SHA-256, upper-case hex with colons.

    `level_extension` is the header extension in which it tells how loud it is (RFC 6464).
    """

    ice: IceCredentials
    fingerprint: str
    candidates: tuple[Candidate, ...] = ()
    is_lite: bool = False
    level_extension: int | None = None


class OpenLeg(msgspec.Struct, frozen=True, tag=True):
    """Reserve a leg under its local ICE credentials; a controlling leg opens its own socket."""

    leg: LegId
    role: IceRole
    local: IceCredentials


class Negotiate(msgspec.Struct, frozen=True, tag=True):
    """Both descriptions are known: begin checks, DTLS and media. Another fingerprint begins DTLS anew."""

    leg: LegId
    peer: Peer
    dtls: DtlsRole
    codec: Codec


class RestartLeg(msgspec.Struct, frozen=True, tag=True):
    """Accept these local credentials too; a controlling leg also opens a new socket for them."""

    leg: LegId
    local: IceCredentials


class RestartPeer(msgspec.Struct, frozen=True, tag=True):
    """The peer's new credentials; the old pair stays valid until the new path is."""

    leg: LegId
    ice: IceCredentials
    candidates: tuple[Candidate, ...] = ()


class Feed(msgspec.Struct, frozen=True, tag=True):
    leg: LegId
    source: Source


class Detect(msgspec.Struct, frozen=True, tag=True):
    leg: LegId
    hz: tuple[float, ...]


class MeasureLeg(msgspec.Struct, frozen=True, tag=True):
    leg: LegId
    metering: Metering


class MuteLeg(msgspec.Struct, frozen=True, tag=True):
    leg: LegId
    muted: bool


class InsertDigits(msgspec.Struct, frozen=True, tag=True):
    leg: LegId
    digits: str


class CloseLeg(msgspec.Struct, frozen=True, tag=True):
    leg: LegId


class Probe(msgspec.Struct, frozen=True, tag=True):
    """Ask for the leg's `LegStatus`: what a new incarnation of a media actor does first."""

    leg: LegId


class Blackhole(msgspec.Struct, frozen=True, tag=True):
    """Fault: drop everything on the leg's present path, both ways. A path made later is not touched."""

    leg: LegId


EngineCommand: TypeAlias = (
    OpenLeg
    | Negotiate
    | RestartLeg
    | RestartPeer
    | Feed
    | Detect
    | MeasureLeg
    | MuteLeg
    | InsertDigits
    | CloseLeg
    | Probe
    | Blackhole
)


class PathUp(msgspec.Struct, frozen=True, tag=True):
    """Authenticated media flows on a validated path: the first time, or again after `PathLost`."""

    leg: LegId


class PathLost(msgspec.Struct, frozen=True, tag=True):
    """Nothing valid was received for `idle` seconds."""

    leg: LegId
    idle: float


class LegSecured(msgspec.Struct, frozen=True, tag=True):
    """DTLS is up, once for each media session. `ice` and `dtls` are the seconds that each took.

    `local` and `remote` are the ends of the path, `candidates` what the peer offered.
    """

    leg: LegId
    ice: float
    dtls: float
    local: Candidate
    remote: Candidate
    candidates: tuple[Candidate, ...] = ()


class LegStatus(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Probe`; `is_open` False: the engine knows no such leg."""

    leg: LegId
    is_open: bool
    is_flowing: bool


class LegCounters(msgspec.Struct, frozen=True, tag=True):
    """Once a second for each negotiated leg; see `Counters`."""

    leg: LegId
    at: float
    bytes_sent: int
    packets_sent: int
    bytes_received: int
    packets_received: int
    packets_lost: int
    jitter_ms: float
    rtt_ms: float | None
    input_levels: tuple[float, ...] = ()
    output_levels: tuple[float, ...] = ()


class LegVolume(msgspec.Struct, frozen=True, tag=True):
    """See `Volume`."""

    leg: LegId
    sent: float
    received: float


class LegToneHeard(msgspec.Struct, frozen=True, tag=True):
    leg: LegId
    hz: float


class LegToneGone(msgspec.Struct, frozen=True, tag=True):
    leg: LegId
    hz: float


class LegPlaybackEnded(msgspec.Struct, frozen=True, tag=True):
    leg: LegId


class LegDigit(msgspec.Struct, frozen=True, tag=True):
    leg: LegId
    digit: str
    duration_ms: int


EngineEvent: TypeAlias = (
    PathUp
    | PathLost
    | LegSecured
    | LegStatus
    | LegCounters
    | LegVolume
    | LegToneHeard
    | LegToneGone
    | LegPlaybackEnded
    | LegDigit
)
