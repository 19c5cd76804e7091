"""What a call says to its media actor, and what comes back: descriptions and audio.

What a leg sends is a msgspec struct, as it travels on to the engine.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import msgspec

from actors.events import Endpoint
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


class Microphone(msgspec.Struct, frozen=True, tag=True):
    """What a sound device of this machine records, by its id; None is the system's choice.

    Only for the legs of a `Device` whose engine is in its own process.
    """

    device: str | None = None


Source: TypeAlias = Silence | Tone | Clip | FromLeg | Microphone

# --- call -> media actor ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateOffer:
    """Describe this leg; `codecs` limits and orders them (lower case names), empty is the default.

    `max_average_bitrate`: bits a second of Opus that the peer is asked not to exceed.
    """

    codecs: tuple[str, ...] = ()
    max_average_bitrate: int | None = None


@dataclass(frozen=True, slots=True)
class AnswerOffer:
    """Answer the peer's first offer, or that of a peer that has replaced the first (new fingerprint).

    `codecs` limits what is agreed on, the preferred first; empty leaves it to the offer's order.
    `max_average_bitrate`: see `CreateOffer`.
    """

    sdp: str = field(repr=False)
    codecs: tuple[str, ...] = ()
    max_average_bitrate: int | None = None


@dataclass(frozen=True, slots=True)
class ApplyAnswer:
    """The peer's answer to our offer, whether the first or an ICE restart."""

    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RestartIce:
    """Make a new offer with new ICE credentials; the media session carries on."""


@dataclass(frozen=True, slots=True)
class AnswerRestart:
    """A description that came with `reinvite` or a reconnect `invite`; decides what it means.

    Same fingerprint and ICE credentials: `Kept`. New credentials in an offer: ICE restart, `LocalAnswer`.
    Another fingerprint in an offer: a new media session, `LocalAnswer`.
    While our first offer has no answer: an answer to it, `Applied` and `Kept`; or an offer in its place,
    `LocalAnswer`, neither of them a restart.
    """

    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Play:
    """What the leg sends from now on."""

    source: Source


@dataclass(frozen=True, slots=True)
class ListenFor:
    """Report when one of these tones starts or stops being heard; empty stops listening."""

    hz: tuple[float, ...]


class Metering(StrEnum):
    """How much is measured of a leg's audio: nothing, levels for the counters, or volumes as well."""

    OFF = "off"
    LEVELS = "levels"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure so much; payload is decoded for it, but for levels that the peer tells itself (RFC 6464)."""

    metering: Metering


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
    | Measure
    | SetMuted
    | SendDigits
    | CloseMedia
)

# --- media actor -> call ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LocalOffer:
    sdp: str = field(repr=False)
    restart: bool = False


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """`codec` is the negotiated codec's lower-case name; `has_events`: digits go as telephone-events."""

    sdp: str = field(repr=False)
    codec: str
    restart: bool = False
    has_events: bool = True


@dataclass(frozen=True, slots=True)
class Applied:
    """The peer's answer fits; signaling of this description is stable. `has_events`: see `LocalAnswer`."""

    codec: str
    restart: bool = False
    has_events: bool = True


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
class Secured:
    """DTLS of this media session is up. `ice` and `dtls` are the seconds that each took.

    `local` and `remote` are the ends of the path, `candidates` what the peer offered.
    """

    ice: float
    dtls: float
    local: Endpoint
    remote: Endpoint
    candidates: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Counters:
    """Cumulative, as RFC 3550 counts them; `rtt_ms` is None until a report or check told it.

    Only the levels are of the last second: some 20 of what this leg sends (`input_levels`) and receives
    (`output_levels`), each 0..32767; none while nobody measures.
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
    input_levels: tuple[float, ...] = ()
    output_levels: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Volume:
    """How loud it is now, each 50 ms while it is measured: what is sent and what is received, 0..1."""

    sent: float
    received: float


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
    | Secured
    | Counters
    | Volume
    | ToneHeard
    | ToneGone
    | PlaybackEnded
    | DigitReceived
)
