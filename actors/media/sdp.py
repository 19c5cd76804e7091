"""Reads session descriptions of WebRTC peers (RFC 8866, 8839, 8122, 9143)."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from actors.media.description import (
    SHAPES,
    DescriptionError,
    Direction,
    Kind,
    Layout,
    RemoteCodec,
    RemoteDescription,
    Section,
    Setup,
)
from actors.media.engine_messages import Candidate, IceCredentials
from actors.media.header_extension import KNOWN, Extension

MAX_SDP_BYTES: Final = 64 * 1024
MAX_MEDIA_SECTIONS: Final = 4
MAX_CANDIDATES: Final = 50
MAX_FORMATS: Final = 128
MAX_FMTP_LENGTH: Final = 1024
MAX_EXTENSION_NUMBER: Final = 14
"""What fits into the short form of header extensions; the long form is not offered (RFC 8285 section 5)."""

_PROTOCOLS = ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP")
_STATIC = {"0": ("pcmu", 8000, 1), "8": ("pcma", 8000, 1), "9": ("g722", 8000, 1)}

_TOKEN = re.compile(r"[!-~]{1,64}")
_PAYLOAD_TYPE = re.compile(r"[0-9]{1,2}|1[01][0-9]|12[0-7]")
_PORT = re.compile(r"[0-9]{1,5}")
_RTPMAP = re.compile(r"([0-9]{1,3}) +([A-Za-z0-9_.+-]{1,32})/([0-9]{1,6})(?:/([0-9]{1,2}))?")
_UFRAG = re.compile(r"[A-Za-z0-9+/=_-]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/=_-]{22,256}")
_SHA256 = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){31}")
_FOUNDATION = re.compile(r"[A-Za-z0-9+/]{1,32}")
_EXTMAP = re.compile(r"([0-9]{1,3})(?:/([a-z]{1,16}))? +([!-~]{1,256})(?: |$)")
_PRIORITY = re.compile(r"[0-9]{1,10}")


@dataclass(slots=True)
class _Part:
    """The attributes of the session (no m-line), or of one section."""

    line: str = ""
    attributes: dict[str, list[str]] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        return self.attributes.get(name, [])

    def first(self, name: str) -> str | None:
        values = self.values(name)
        return values[0] if values else None

    def has(self, name: str) -> bool:
        return name in self.attributes


def parse_description_untrusted(sdp: str, kind: Kind | None = None) -> RemoteDescription:
    """The audio session that `sdp` describes; its first audio section with a port counts.

    `kind` is what the description came as; None takes what its `a=setup` makes it. Raises only
    DescriptionError.
    """
    if len(sdp) > MAX_SDP_BYTES or len(sdp.encode("utf-8", "surrogatepass")) > MAX_SDP_BYTES:
        raise DescriptionError(f"more than {MAX_SDP_BYTES} bytes")
    session, *media = _split(sdp)
    sections = tuple(_read_section(part) for part in media)
    index = _find_audio(media, sections)
    audio = media[index]
    if not audio.has("rtcp-mux"):
        raise DescriptionError("RTP and RTCP must be multiplexed (a=rtcp-mux)")
    codecs = tuple(_read_codecs(audio, sections[index].formats))
    return RemoteDescription(
        ice=_read_credentials(session, audio),
        fingerprint=_read_fingerprint(session, audio),
        setup=_read_setup(session, audio, kind),
        codecs=tuple(codec for codec in codecs if codec.name in SHAPES),
        telephone_events=_find_telephone_events(codecs),
        layout=Layout(
            sections,
            index,
            is_bundled=_is_bundled(session, sections[index].mid),
            extensions=_read_extensions(audio),
        ),
        candidates=_read_candidates(audio.values("candidate")),
        is_lite=session.has("ice-lite") or audio.has("ice-lite"),
        direction=_read_direction(session, audio),
    )


def _split(sdp: str) -> list[_Part]:
    """Split at LF only: browsers' additions may leave a CR within an `a=fmtp`."""
    lines = [line.strip(" \r") for line in sdp.split("\n")]
    if lines[0] != "v=0":
        raise DescriptionError("not a session description")
    parts = [_Part()]
    for line in lines:
        if line.startswith("m="):
            if len(parts) > MAX_MEDIA_SECTIONS:
                raise DescriptionError(f"more than {MAX_MEDIA_SECTIONS} media sections")
            parts.append(_Part(line[2:]))
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            parts[-1].attributes.setdefault(name, []).append(value.strip(" "))
    return parts


def _read_section(part: _Part) -> Section:
    media, port, protocol, *formats = [*part.line.split(), "", "", ""][: 3 + MAX_FORMATS]
    formats = [name for name in formats if name]
    tokens = (media, protocol, *formats)
    if not formats or not _PORT.fullmatch(port.partition("/")[0]) or not all(map(_TOKEN.fullmatch, tokens)):
        raise DescriptionError("malformed m-line")
    mid = part.first("mid")
    if mid is not None and not _TOKEN.fullmatch(mid):
        raise DescriptionError("malformed a=mid")
    return Section(media, protocol, tuple(dict.fromkeys(formats)), mid)


def _find_audio(media: list[_Part], sections: tuple[Section, ...]) -> int:
    for index, (part, section) in enumerate(zip(media, sections, strict=True)):
        port = part.line.split()[1].partition("/")[0]
        if section.media == "audio" and int(port) != 0:
            if section.protocol not in _PROTOCOLS:
                raise DescriptionError("audio without DTLS-SRTP")
            return index
    raise DescriptionError("no audio")


def _is_bundled(session: _Part, mid: str | None) -> bool:
    groups = (group.split() for group in session.values("group"))
    return mid is not None and any(group[:1] == ["BUNDLE"] and mid in group[1:] for group in groups)


def _read_credentials(session: _Part, audio: _Part) -> IceCredentials:
    ufrag = audio.first("ice-ufrag") or session.first("ice-ufrag") or ""
    pwd = audio.first("ice-pwd") or session.first("ice-pwd") or ""
    if not _UFRAG.fullmatch(ufrag) or not _PWD.fullmatch(pwd):
        raise DescriptionError("ICE credentials are missing or malformed")
    return IceCredentials(ufrag, pwd)


def _read_fingerprint(session: _Part, audio: _Part) -> str:
    lines = audio.values("fingerprint") or session.values("fingerprint")
    for line in lines:
        algorithm, _, digest = line.partition(" ")
        if algorithm.lower() == "sha-256" and _SHA256.fullmatch(digest.strip(" ").upper()):
            return digest.strip(" ").upper()
    if lines:
        raise DescriptionError("the certificate fingerprint is not a SHA-256")
    raise DescriptionError("no certificate fingerprint")


def _read_setup(session: _Part, audio: _Part, kind: Kind | None) -> Setup:
    value = audio.first("setup") or session.first("setup") or ("actpass" if kind is Kind.OFFER else "")
    if value not in tuple(Setup):
        raise DescriptionError("a=setup is missing or not actpass, active or passive")
    setup = Setup(value)
    if kind is Kind.ANSWER and setup is Setup.ACTPASS:
        raise DescriptionError("an answer must decide who begins DTLS")
    return setup


def _read_direction(session: _Part, audio: _Part) -> Direction:
    for part in (audio, session):
        for direction in Direction:
            if part.has(direction):
                return direction
    return Direction.SENDRECV


def _read_codecs(audio: _Part, formats: tuple[str, ...]) -> Iterator[RemoteCodec]:
    maps: dict[str, tuple[str, int, int]] = {}
    for value in audio.values("rtpmap"):
        if match := _RTPMAP.fullmatch(value):
            maps.setdefault(match[1], (match[2].lower(), int(match[3]), int(match[4] or "1")))
    parameters: dict[str, str] = {}
    for value in audio.values("fmtp"):
        number, _, text = value.partition(" ")
        parameters.setdefault(number, _tidy_fmtp(text))
    for number in formats:
        shape = maps.get(number) or _STATIC.get(number)
        if shape is not None and _PAYLOAD_TYPE.fullmatch(number):
            name, clock, channels = shape
            yield RemoteCodec(int(number), name, clock, channels, parameters.get(number, ""))


def _tidy_fmtp(text: str) -> str:
    if len(text) > MAX_FMTP_LENGTH:
        raise DescriptionError("a=fmtp is too long")
    return ";".join(part.strip() for part in text.split(";") if part.strip())


def _find_telephone_events(codecs: Iterable[RemoteCodec]) -> dict[int, int]:
    """Payload type by clock rate, the first for each."""
    events: dict[int, int] = {}
    for codec in codecs:
        if codec.name == "telephone-event":
            events.setdefault(codec.clock_rate, codec.payload_type)
    return events


def _read_extensions(audio: _Part) -> tuple[Extension, ...]:
    """Those that we know and that the peer sends; of a number or name that comes twice, the first."""
    found: dict[int, str] = {}
    for value in audio.values("extmap"):
        match = _EXTMAP.match(value)
        if match and match[3] in KNOWN and match[3] not in found.values():
            number, direction = int(match[1]), match[2]
            if 0 < number <= MAX_EXTENSION_NUMBER and direction in {None, "sendrecv", "sendonly"}:
                found.setdefault(number, match[3])
    return tuple(Extension(number, uri) for number, uri in found.items())


def _read_candidates(values: list[str]) -> tuple[Candidate, ...]:
    if len(values) > MAX_CANDIDATES:
        raise DescriptionError(f"more than {MAX_CANDIDATES} candidates")
    found = (_read_candidate(value.split()) for value in values)
    return tuple(candidate for candidate in found if candidate is not None)


def _read_candidate(words: list[str]) -> Candidate | None:
    """None for what we cannot use: TCP, a separate RTCP component, names (mDNS) and the malformed."""
    if len(words) < 8:
        return None
    foundation, component, transport, priority, host, port, _, kind = words[:8]
    is_usable = (
        component == "1"
        and transport.lower() == "udp"
        and kind in ("host", "srflx", "prflx", "relay")
        and _FOUNDATION.fullmatch(foundation)
        and _PRIORITY.fullmatch(priority)
        and _PORT.fullmatch(port)
        and 0 < int(port) < 65536
        and 0 < int(priority) < 2**32
        and _is_peer_address(host)
    )
    return Candidate(host, int(port), int(priority), foundation) if is_usable else None


def _is_peer_address(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or "%" in host)
