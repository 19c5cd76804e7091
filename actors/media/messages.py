"""What a call says to its media actor, what that says to the engine, and what comes back.

`Command` and `Report` pass between a call and its media actor; they are about descriptions and
audio. `EngineCommand` and `EngineEvent` pass between media actors and an engine; they are msgspec
structs of plain values, so an engine can live in another process.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import msgspec

from actors.ids import LegId

# --- what a leg sends ---------------------------------------------------------------------------


class Silence(msgspec.Struct, frozen=True, tag=True):
    """Silence frames, so that the peer hears from us all the time."""


class Tone(msgspec.Struct, frozen=True, tag=True):
    """A sine for ever; `amplitude` is of full scale, 0..1."""

    hz: float
    amplitude: float = 0.25


class Clip(msgspec.Struct, frozen=True, tag=True):
    """A WAV file; `PlaybackEnded` follows unless it loops. With `tone`, that sine is mixed in."""

    path: str
    loop: bool = False
    tone: Tone | None = None


class FromLeg(msgspec.Struct, frozen=True, tag=True):
    """What another leg of the same engine receives; the leg itself makes an echo."""

    leg: LegId


Source: TypeAlias = Silence | Tone | Clip | FromLeg

# --- call -> media actor ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateOffer:
    """Describe this leg; `codecs` limits and orders them (lower case names), empty is the default."""

    codecs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerOffer:
    """Answer the peer's first offer, or the offer of a peer that has replaced the first (new fingerprint)."""

    sdp: str


@dataclass(frozen=True, slots=True)
class ApplyAnswer:
    """The peer's answer to our offer, whether the first or an ICE restart."""

    sdp: str


@dataclass(frozen=True, slots=True)
class RestartIce:
    """Make a new offer with new ICE credentials; the media session carries on."""


@dataclass(frozen=True, slots=True)
class AnswerRestart:
    """A description that came with `reinvite` or a reconnect `invite`; decides what it means.

    Same fingerprint and ICE credentials: `Kept`. New credentials in an offer: ICE restart, `LocalAnswer`.
    Another fingerprint in an offer: a new media session, `LocalAnswer`.
    """

    sdp: str


@dataclass(frozen=True, slots=True)
class Play:
    """What the leg sends from now on."""

    source: Source


@dataclass(frozen=True, slots=True)
class ListenFor:
    """Report when one of these tones starts or stops being heard; empty stops listening."""

    hz: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SetMuted:
    muted: bool


@dataclass(frozen=True, slots=True)
class SendDigits:
    """RFC 4733 telephone-events, 160 ms each with 70 ms gaps; `w` waits 500 ms."""

    digits: str


@dataclass(frozen=True, slots=True)
class CloseMedia:
    """End the leg; the media actor then returns."""


Command: TypeAlias = (
    CreateOffer
    | AnswerOffer
    | ApplyAnswer
    | RestartIce
    | AnswerRestart
    | Play
    | ListenFor
    | SetMuted
    | SendDigits
    | CloseMedia
)

# --- media actor -> call ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LocalOffer:
    sdp: str
    restart: bool = False


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """`codec` is the negotiated codec's lower-case name."""

    sdp: str
    codec: str
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """The peer's answer fits; signaling of this description is stable."""

    codec: str
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """The description given to `AnswerRestart` changes nothing."""


class Failure(StrEnum):
    LOCAL_DESCRIPTION = "local_description"
    REMOTE_DESCRIPTION = "remote_description"


@dataclass(frozen=True, slots=True)
class DescriptionFailed:
    failure: Failure
    reason: str
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Flowing:
    """First valid media of this media session."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Cumulative, as RFC 3550 counts them; `rtt_ms` is None until a report or check told it.

    `input_level` is of what this leg sends, `output_level` of what it receives, 0..32767.
    """

    at: float
    bytes_sent: int
    packets_sent: int
    bytes_received: int
    packets_received: int
    packets_lost: int
    jitter_ms: float
    rtt_ms: float | None
    codec: str
    input_level: int = 0
    output_level: int = 0


@dataclass(frozen=True, slots=True)
class ToneHeard:
    hz: float


@dataclass(frozen=True, slots=True)
class ToneGone:
    hz: float


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """A clip came to its end."""


@dataclass(frozen=True, slots=True)
class DigitReceived:
    digit: str
    duration_ms: int


Report: TypeAlias = (
    LocalOffer
    | LocalAnswer
    | Applied
    | Kept
    | DescriptionFailed
    | Flowing
    | Counters
    | ToneHeard
    | ToneGone
    | PlaybackEnded
    | DigitReceived
)

# --- media actor <-> engine ---------------------------------------------------------------------


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
    """The remote side of a media session. `fingerprint` is SHA-256, upper-case hex with colons."""

    ice: IceCredentials
    fingerprint: str
    candidates: tuple[Candidate, ...] = ()
    is_lite: bool = False


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
    input_level: int = 0
    output_level: int = 0


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
    PathUp | PathLost | LegStatus | LegCounters | LegToneHeard | LegToneGone | LegPlaybackEnded | LegDigit
)
