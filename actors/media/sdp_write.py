"""Writes our offers and answers: one bundled audio section, every other one rejected."""

from dataclasses import dataclass
from typing import Final, assert_never

from actors.media.description import (
    OFFERED_DTMF_PAYLOAD_TYPES,
    OFFERED_PAYLOAD_TYPES,
    OWN_LAYOUT,
    SHAPES,
    Direction,
    Layout,
    RemoteDescription,
    Section,
    Setup,
)
from actors.media.engine_messages import Candidate, Codec, DtlsRole, IceCredentials

_NAMES = {"opus": "opus", "pcmu": "PCMU", "pcma": "PCMA", "g722": "G722"}
_FMTP = {"opus": "minptime=10;useinbandfec=1"}
_STREAM: Final = "trunkline"


@dataclass(frozen=True, slots=True)
class LocalSession:
    """What our descriptions say of ourselves. `candidates` is empty where the peer learns our address.

    `max_average_bitrate`: bits a second that we want to receive at most, said where Opus is (RFC 7587 6.1).
    """

    session_id: int
    version: int
    ice: IceCredentials
    fingerprint: str
    candidates: tuple[Candidate, ...] = ()
    is_lite: bool = False
    max_average_bitrate: int | None = None


@dataclass(frozen=True, slots=True)
class _Format:
    payload_type: int
    encoding: str
    fmtp: str = ""


def write_offer(local: LocalSession, codecs: tuple[str, ...]) -> str:
    """The first offer: `codecs` (names that we speak) in this order, telephone-event for each clock rate."""
    clocks = dict.fromkeys(SHAPES[name][0] for name in codecs)
    formats = [_to_format(local, name, OFFERED_PAYLOAD_TYPES[name]) for name in codecs]
    formats += [_to_telephone_event(OFFERED_DTMF_PAYLOAD_TYPES[clock], clock) for clock in clocks]
    return _write(local, OWN_LAYOUT, formats, Setup.ACTPASS, Direction.SENDRECV)


def write_reoffer(local: LocalSession, layout: Layout, codec: Codec) -> str:
    """An offer within a session: what was agreed on, and nothing else, so that it stays agreed on."""
    formats = _to_formats(local, codec, codec.receive_payload_type)
    return _write(local, layout, formats, Setup.ACTPASS, Direction.SENDRECV)


def write_answer(local: LocalSession, remote: RemoteDescription, codec: Codec, dtls: DtlsRole) -> str:
    """The answer that takes `codec`, with exactly one telephone-event, at the codec's clock rate.

    Browsers given two of them count the events' durations with the wrong one.
    """
    setup = Setup.ACTIVE if dtls is DtlsRole.CLIENT else Setup.PASSIVE
    formats = _to_formats(local, codec, codec.payload_type)
    return _write(local, remote.layout, formats, setup, _mirror(remote.direction))


def _to_formats(local: LocalSession, codec: Codec, payload_type: int) -> list[_Format]:
    formats = [_to_format(local, codec.name, payload_type)]
    if codec.dtmf_payload_type is not None:
        formats.append(_to_telephone_event(codec.dtmf_payload_type, codec.clock_rate))
    return formats


def _to_format(local: LocalSession, name: str, payload_type: int) -> _Format:
    clock, channels = SHAPES[name]
    encoding = f"{_NAMES[name]}/{clock}" + (f"/{channels}" if channels > 1 else "")
    fmtp = _FMTP.get(name, "")
    if name == "opus" and local.max_average_bitrate is not None:
        fmtp += f";maxaveragebitrate={local.max_average_bitrate}"
    return _Format(payload_type, encoding, fmtp)


def _to_telephone_event(payload_type: int, clock: int) -> _Format:
    return _Format(payload_type, f"telephone-event/{clock}", "0-15")


def _mirror(direction: Direction) -> Direction:
    match direction:
        case Direction.SENDONLY:
            return Direction.RECVONLY
        case Direction.RECVONLY:
            return Direction.SENDONLY
        case Direction.SENDRECV | Direction.INACTIVE:
            return direction
        case _:
            assert_never(direction)


def _write(
    local: LocalSession, layout: Layout, formats: list[_Format], setup: Setup, direction: Direction
) -> str:
    lines = [
        "v=0",
        f"o=- {local.session_id} {local.version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        *([f"a=group:BUNDLE {layout.mid}"] if layout.is_bundled else []),
        f"a=msid-semantic: WMS {_STREAM}",
        *(["a=ice-lite"] if local.is_lite else []),
    ]
    for index, section in enumerate(layout.sections):
        if index == layout.audio:
            lines += _write_audio(local, section, formats, setup, direction)
            lines += _write_extensions(layout)
        else:
            lines += _write_rejected(section)
    return "".join(f"{line}\r\n" for line in lines)


def _write_audio(
    local: LocalSession, section: Section, formats: list[_Format], setup: Setup, direction: Direction
) -> list[str]:
    numbers = " ".join(str(entry.payload_type) for entry in formats)
    port, address = _default_address(local.candidates)
    lines = [f"m=audio {port} {section.protocol} {numbers}", f"c=IN {address}", "a=rtcp:9 IN IP4 0.0.0.0"]
    lines += [_write_candidate(candidate) for candidate in local.candidates]
    lines += ["a=end-of-candidates"] if local.candidates else []
    lines += [f"a=ice-ufrag:{local.ice.ufrag}", f"a=ice-pwd:{local.ice.pwd}"]
    lines += [f"a=fingerprint:sha-256 {local.fingerprint}", f"a=setup:{setup}"]
    lines += [f"a=mid:{section.mid}"] if section.mid is not None else []
    lines += [f"a={direction}", f"a=msid:{_STREAM} {_STREAM}-audio", "a=rtcp-mux"]
    for entry in formats:
        lines.append(f"a=rtpmap:{entry.payload_type} {entry.encoding}")
        lines += [f"a=fmtp:{entry.payload_type} {entry.fmtp}"] if entry.fmtp else []
    return [*lines, "a=ptime:20"]


def _write_extensions(layout: Layout) -> list[str]:
    """We read them and send none."""
    return [f"a=extmap:{known.number}/recvonly {known.uri}" for known in layout.extensions]


def _write_rejected(section: Section) -> list[str]:
    lines = [f"m={section.media} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0"]
    lines += [f"a=mid:{section.mid}"] if section.mid is not None else []
    return [*lines, "a=inactive"]


def _write_candidate(candidate: Candidate) -> str:
    return (
        f"a=candidate:{candidate.foundation} 1 udp {candidate.priority} "
        f"{candidate.host} {candidate.port} typ host"
    )


def _default_address(candidates: tuple[Candidate, ...]) -> tuple[int, str]:
    """Port and connection address of the first candidate, or what RFC 8839 4.2.1.1 wants without any."""
    if not candidates:
        return 9, "IP4 0.0.0.0"
    host = candidates[0].host
    return candidates[0].port, f"IP6 {host}" if ":" in host else f"IP4 {host}"
