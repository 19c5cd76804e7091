"""What a session description says about one audio session, and what follows from two of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from actors.media.engine_messages import Candidate, Codec, DtlsRole, IceCredentials, IceRole
from actors.media.header_extension import AUDIO_LEVEL, Extension

DEFAULT_CODECS: Final = ("pcmu", "opus")
"""Offered when nobody asks for others; the order is a preference."""
SHAPES: Final = {"opus": (48000, 2), "pcmu": (8000, 1), "pcma": (8000, 1), "g722": (8000, 1)}
"""Clock rate and channels in SDP of each codec we speak (RFC 7587 7, RFC 3551 6)."""
OFFERED_PAYLOAD_TYPES: Final = {"pcmu": 0, "pcma": 8, "g722": 9, "opus": 111}
OFFERED_DTMF_PAYLOAD_TYPES: Final = {48000: 110, 8000: 126}


class DescriptionError(Exception):
    """A description that cannot be used; the text says why and repeats no secret."""


class Kind(StrEnum):
    OFFER = "offer"
    ANSWER = "answer"


class Setup(StrEnum):
    """Who begins DTLS (RFC 4145, RFC 5763)."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"


class Direction(StrEnum):
    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Section:
    """An m-line, as it has to come back in every later description of the session."""

    media: str
    protocol: str
    formats: tuple[str, ...]
    mid: str | None


@dataclass(frozen=True, slots=True)
class Layout:
    """All sections in order, the one that carries our audio, and whether they are bundled.

    `extensions` are the header extensions that we know and that the peer sends with its audio.
    """

    sections: tuple[Section, ...]
    audio: int
    is_bundled: bool
    extensions: tuple[Extension, ...] = ()

    @property
    def mid(self) -> str | None:
        return self.sections[self.audio].mid

    @property
    def level_extension(self) -> int | None:
        """The number under which the peer tells its audio level."""
        return next((known.number for known in self.extensions if known.uri == AUDIO_LEVEL), None)

    def agreed(self, answer: "Layout") -> "Layout":
        """What is left of our offer's layout after the answer: an extension has one number in both."""
        return replace(self, extensions=tuple(own for own in self.extensions if own in answer.extensions))


OWN_LAYOUT: Final = Layout(
    (Section("audio", "UDP/TLS/RTP/SAVPF", (), "0"),),
    audio=0,
    is_bundled=True,
    extensions=(Extension(1, AUDIO_LEVEL),),
)


@dataclass(frozen=True, slots=True)
class RemoteCodec:
    """`name` in lower case; `fmtp` as `name=value;name=value`."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int
    fmtp: str = ""


@dataclass(frozen=True, slots=True)
class RemoteDescription:
    """The peer's audio session. `codecs` and `telephone_events` are in the order of its m-line."""

    ice: IceCredentials
    fingerprint: str
    setup: Setup
    codecs: tuple[RemoteCodec, ...]
    telephone_events: Mapping[int, int]
    layout: Layout
    candidates: tuple[Candidate, ...] = ()
    is_lite: bool = False
    direction: Direction = Direction.SENDRECV

    @property
    def kind(self) -> Kind:
        """Only offers leave the DTLS role open (RFC 8842 5.3)."""
        return Kind.OFFER if self.setup is Setup.ACTPASS else Kind.ANSWER


def choose_codec(
    remote: RemoteDescription,
    allowed: Iterable[str] = tuple(SHAPES),
    announced: Mapping[str, int] | None = None,
) -> Codec:
    """The first codec of `remote` that is among `allowed`.

    `announced` tells under which payload types we said we receive; without it, under the peer's.
    Raises DescriptionError if there is none.
    """
    names = tuple(allowed)
    for codec in remote.codecs:
        if codec.name in names and SHAPES.get(codec.name) == (codec.clock_rate, codec.channels):
            received_as = codec.payload_type if announced is None else announced[codec.name]
            return Codec(
                name=codec.name,
                clock_rate=codec.clock_rate,
                payload_type=codec.payload_type,
                receive_payload_type=received_as,
                channels=codec.channels,
                dtmf_payload_type=remote.telephone_events.get(codec.clock_rate),
                fmtp=codec.fmtp,
            )
    raise DescriptionError("no codec in common")


def choose_dtls_role(remote: RemoteDescription, role: IceRole) -> DtlsRole:
    """Ours. A gateway waits for the peer's handshake, which then comes once the peer's ICE is up."""
    match remote.setup:
        case Setup.ACTIVE:
            return DtlsRole.SERVER
        case Setup.PASSIVE:
            return DtlsRole.CLIENT
        case Setup.ACTPASS:
            return DtlsRole.SERVER if role is IceRole.LITE else DtlsRole.CLIENT
