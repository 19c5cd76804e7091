"""Targets for what comes in datagrams, for session descriptions and for sound files."""

import io
import struct
import wave
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from aiortc.rtp import RtcpReceiverInfo, RtcpSenderInfo

from actors.media import rtcp, stun, telephone_event
from actors.media.codec import open_decoder, open_encoder, samples_per_frame, ticks_untrusted
from actors.media.datagram import MAX_DATAGRAM, InvalidDatagram
from actors.media.description import DescriptionError, Kind, choose_codec
from actors.media.dtls_records import handshake_records_untrusted
from actors.media.engine_messages import Candidate, Codec, DtlsRole, IceCredentials
from actors.media.header_extension import audio_level_untrusted
from actors.media.reception import Reception
from actors.media.reports import Reports
from actors.media.rtp import EXTENDED, HEADER_LENGTH, payload_range_untrusted
from actors.media.sdp import MAX_CANDIDATES, MAX_MEDIA_SECTIONS, MAX_SDP_BYTES, parse_description_untrusted
from actors.media.sdp_write import LocalSession, write_answer, write_offer
from actors.media.srtp import FAILED, PROFILES, CopyingTransform, PacketBuffer, open_transform, split_keys
from actors.media.wav import SourceError, parse_wav_untrusted
from tests.fuzz.target import MEBIBYTE, Cursor, Memory, Target, packed

DATA = Path(__file__).parents[1] / "data"
PWD = "p" * 24
TRANSACTION = b"transaction."
OWN_SSRC = 0xDEADBEEF
MAX_OPUS_SAMPLES = 48 * 120
KINDS = (None, *Kind)
CODECS = (
    Codec("opus", 48000, 111, 111, 2),
    Codec("pcmu", 8000, 0, 0),
    Codec("pcma", 8000, 8, 8),
    Codec("g722", 8000, 9, 9),
)

GATEWAY = LocalSession(
    session_id=1,
    version=1,
    ice=IceCredentials("ours", PWD),
    fingerprint=":".join(["AB"] * 32),
    candidates=(Candidate("127.0.0.1", 3478),),
)


# --- session descriptions ---------------------------------------------------------------------------------


def read_description(data: bytes) -> None:
    """What is accepted can be answered, and the answer be read."""
    cursor = Cursor(data)
    kind = cursor.pick(KINDS)
    remote = parse_description_untrusted(cursor.rest().decode("utf-8", "surrogateescape"), kind)
    assert len(remote.layout.sections) <= MAX_MEDIA_SECTIONS
    assert len(remote.candidates) <= MAX_CANDIDATES
    answer = write_answer(GATEWAY, remote, choose_codec(remote), DtlsRole.SERVER)
    assert len(parse_description_untrusted(answer).layout.sections) == len(remote.layout.sections)


def descriptions() -> Iterator[bytes]:
    for path in sorted(DATA.glob("*.sdp")):
        for kind in range(len(KINDS)):
            yield bytes((kind,)) + path.read_bytes()
    yield b"\1" + write_offer(GATEWAY, ("opus", "pcmu", "pcma")).encode()


def large_descriptions() -> Iterator[bytes]:
    head = b"\1" + write_offer(GATEWAY, ("pcmu",)).encode()
    for line in (b"a\r\n", b"a=\r\n", b"a=x\r\n", b"a=candidate:\r\n", b"a=rtpmap:0 x/8000\r\n", b"m=\r\n"):
        room = MAX_SDP_BYTES - len(head) + 1
        yield head + line * (room // len(line))
        yield b"\1v=0\r\n" + line * (room // len(line))
    yield head + b"a=different%d\r\n" * 4000
    yield b"\1v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF" + b" 0" * 32000
    yield head + b"a=group:BUNDLE" + b" 0" * 30000
    yield b"\1" + b"v" * (2 * MAX_SDP_BYTES)


# --- datagrams --------------------------------------------------------------------------------------------


def read_stun(data: bytes) -> None:
    message = stun.parse_untrusted(data)
    stun.has_integrity(message, PWD.encode())


def stun_messages() -> Iterator[bytes]:
    for is_controlling in (True, False):
        yield stun.binding_request(
            TRANSACTION,
            "ours:theirs",
            PWD.encode(),
            priority=1,
            tie_breaker=2,
            is_controlling=is_controlling,
            is_nominating=is_controlling,
        )
    for host in ("192.0.2.7", "2001:db8::7"):
        yield stun.binding_response(TRANSACTION, (host, 5004), PWD.encode())
    yield stun.binding_error(TRANSACTION, stun.ROLE_CONFLICT, PWD.encode())
    yield without_fingerprint(stun.binding_error(TRANSACTION, stun.ROLE_CONFLICT, PWD.encode()))


def without_fingerprint(message: bytes) -> bytes:
    """So that an edit is not refused for its checksum alone."""
    return message[:2] + (len(message) - 28).to_bytes(2, "big") + message[4:-8]


def read_records(data: bytes) -> None:
    kept = handshake_records_untrusted(data)
    assert 0 < len(kept) <= len(data)


def records() -> Iterator[bytes]:
    fragment = bytes.fromhex("140000000000000000000000")
    yield b"\x16\xfe\xfd" + bytes(8) + len(fragment).to_bytes(2, "big") + fragment
    yield bytes.fromhex("14fefd0000000000000001000101")
    yield bytes.fromhex("16fefd00010000000000090030") + bytes(48)
    yield bytes.fromhex("17fefd00010000000000090010") + bytes(16)
    yield bytes.fromhex("15fefd00010000000000090010") + bytes(16)


def read_rtp(data: bytes) -> None:
    start, end = payload_range_untrusted(data, len(data))
    assert HEADER_LENGTH <= start <= end <= len(data)
    if data[0] & EXTENDED:
        level = audio_level_untrusted(data, 1)
        assert level is None or 0 <= level <= 127


def rtp_packets() -> Iterator[bytes]:
    fixed = bytes.fromhex("000000a0deadbeef")
    yield b"\x80\0\0\1" + fixed + b"payload"
    yield b"\x90\0\0\4" + fixed + bytes.fromhex("bede0001") + b"\x10\x94\0\0" + b"payload"
    yield b"\x90\0\0\5" + fixed + bytes.fromhex("10000001") + b"\x01\x01\x94\0" + b"payload"
    yield b"\xb2\0\0\2" + fixed + bytes(8) + bytes.fromhex("bede0001") + b"ext." + b"payload\0\0\3"


def read_rtcp(data: bytes) -> None:
    """What a peer reports changes nothing that its next report cannot change, and never our own."""
    reports = Reports("cname")
    reports.take(data, OWN_SSRC, Reception(8000), now=5.0)
    assert reports.rtt is None or reports.rtt >= 0.0


def rtcp_packets() -> Iterator[bytes]:
    block = RtcpReceiverInfo(OWN_SSRC, 3, -4, 5, 6, 7, 8)
    sender = RtcpSenderInfo(rtcp.ntp(4.0), 1, 2, 3)
    yield rtcp.report(7, sender, block, "them")
    yield rtcp.report(7, None, block, "them")
    yield rtcp.goodbye(7, "them")
    yield bytes.fromhex("8fce000300000007000000005d0000aa")
    yield bytes.fromhex("81cd00030000000700000000") + bytes(4)


def large_rtcp() -> Iterator[bytes]:
    yield bytes.fromhex("80cb0000") * (MAX_DATAGRAM // 4)
    yield bytes.fromhex("80c90001") + bytes(4)
    yield (bytes.fromhex("81ca0002") + bytes(8)) * (MAX_DATAGRAM // 12)
    yield bytes.fromhex("80cb0000") * MAX_DATAGRAM


def read_events(data: bytes) -> None:
    """Digits come out one at most for each packet that goes in."""
    reader, cursor, packets, told = telephone_event.DigitReader(), Cursor(data), 0, 0
    while cursor:
        packets += 1
        ssrc, timestamp = cursor.pick(range(3)), cursor.pick(range(5)) << 30
        event = telephone_event.parse_untrusted(cursor.take(4))
        if event is not None:
            told += len(reader.read(event, ssrc, timestamp, float(packets)))
    told += len(reader.expire(1e9))
    assert told <= packets


def events() -> Iterator[bytes]:
    step = struct.Struct("!BBBBH")
    yield b"".join(step.pack(1, 0, 5, 10, ticks) for ticks in (160, 320)) + step.pack(1, 0, 5, 0x8A, 480) * 3
    yield step.pack(1, 0, 5, 10, 160) + step.pack(1, 1, 11, 0x8A, 160) + step.pack(2, 1, 99, 0, 0)


def unprotect(data: bytes) -> None:
    """Authentic packets of any content and packets that are not: in place and by the public API alike."""
    cursor = Cursor(data)
    profile, is_report = cursor.pick(PROFILES), bool(cursor.pick((0, 1)))
    material = bytes(2 * (profile.key_length + profile.salt_length))
    sender = open_transform(split_keys(profile, material, is_client=True))
    keys = split_keys(profile, material, is_client=False)
    receivers = open_transform(keys), CopyingTransform(keys)
    protect = sender.protect_rtcp if is_report else sender.protect
    while cursor:
        packet = PacketBuffer()
        content = cursor.chunk()[: MAX_DATAGRAM - 32]
        packet.view[: len(content)] = content
        length = protect(packet, 0, len(content)) if cursor.pick((1, 0)) else len(content)
        wire = cursor.damage(bytes(packet.view[: max(length, 0)]))[:MAX_DATAGRAM]
        results = []
        for receiver in receivers:
            buffer = PacketBuffer()
            buffer.view[: len(wire)] = wire
            read = receiver.unprotect_rtcp_untrusted if is_report else receiver.unprotect_untrusted
            length = read(buffer, len(wire))
            results.append((length, bytes(buffer.view[: max(length, 0)])))
            assert length == FAILED or 0 <= length <= len(wire)
        assert results[0] == results[1]


def sealed_packets() -> Iterator[bytes]:
    for profile in range(len(PROFILES)):
        yield bytes((profile, 0)) + b"".join(packed(content) + b"\0\0" for content in rtp_packets())
        yield bytes((profile, 1)) + b"".join(packed(content) + b"\0\0" for content in rtcp_packets())


# --- sound ------------------------------------------------------------------------------------------------


def decode(data: bytes) -> None:
    """Each payload becomes sound, however it looks, and as much as a packet can hold at most."""
    cursor = Cursor(data)
    codec = cursor.pick(CODECS)
    decoder = open_decoder(codec)
    while cursor:
        payload = cursor.chunk()[:MAX_DATAGRAM]
        samples = decoder.decode_untrusted(payload)
        assert samples.dtype.name == "int16"
        assert 0 < samples.size <= max(MAX_OPUS_SAMPLES, 2 * len(payload))
        assert 0 <= ticks_untrusted(codec, payload) <= max(MAX_OPUS_SAMPLES, len(payload))


@cache
def opus_frames() -> tuple[bytes, ...]:
    codec = CODECS[0]
    encoder, sound = open_encoder(codec), open_decoder(CODECS[1]).decode_untrusted(bytes(range(256)) * 8)
    size = samples_per_frame(codec)
    return tuple(encoder.encode(sound[at : at + size]) for at in range(0, sound.size - size, size))


def payloads() -> Iterator[bytes]:
    yield b"\0" + b"".join(packed(frame) for frame in opus_frames())
    yield b"\1" + packed(bytes(range(160))) + packed(b"")
    yield b"\2" + packed(bytes(range(160)))
    yield b"\3" + packed(bytes(range(160)))


def read_wav(data: bytes) -> None:
    wav = parse_wav_untrusted(io.BytesIO(data), "clip")
    assert wav.resample(0, 160, 8000).size == 160


def recordings() -> Iterator[bytes]:
    for channels, width in ((1, 1), (2, 2)):
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setparams((channels, width, 8000, 0, "NONE", ""))
            writer.writeframes(bytes(range(64)))
        yield file.getvalue()


DATAGRAM = (InvalidDatagram,)
SDP_WORDS = (
    b"v=0\r\n",
    b"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0",
    b"\r\nm=video 0 UDP/TLS/RTP/SAVPF 96",
    b"\r\na=rtcp-mux",
    b"\r\na=setup:actpass",
    b"\r\na=mid:0",
    b"\r\na=group:BUNDLE 0",
    b"\r\na=ice-ufrag:abcd",
    b"\r\na=ice-lite",
    b"\r\na=ice-pwd:" + PWD.encode(),
    b"\r\na=fingerprint:sha-256 ",
    b"\r\na=rtpmap:0 opus/48000/2",
    b"\r\na=fmtp:0 maxaveragebitrate=",
    b"\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host",
    b"telephone-event/8000",
)

TARGETS = (
    Target(
        "sdp",
        read_description,
        descriptions,
        ("actors.media.sdp.parse_description_untrusted",),
        (DescriptionError,),
        large_descriptions,
        SDP_WORDS,
        max_bytes=16384,
        memory=Memory(2 * MEBIBYTE, 256),
    ),
    Target(
        "stun",
        read_stun,
        stun_messages,
        ("actors.media.stun.parse_untrusted",),
        DATAGRAM,
        lambda: (bytes(MAX_DATAGRAM),),
        (
            b"\x21\x12\xa4\x42",
            b"\0\x06\0\4",
            b"\0\x08\0\x14",
            b"\x80\x28\0\4",
            b"\0\x20\0\x08",
            b"\0\x25\0\0",
        ),
        max_bytes=MAX_DATAGRAM,
    ),
    Target(
        "dtls_records",
        read_records,
        records,
        ("actors.media.dtls_records.handshake_records_untrusted",),
        DATAGRAM,
        lambda: (bytes(MAX_DATAGRAM), bytes.fromhex("17fefd00010000000000000000") * 115),
        (b"\x16\xfe\xfd", b"\x14\xfe\xfd", b"\x17\xfe\xff"),
        max_bytes=MAX_DATAGRAM,
    ),
    Target(
        "rtp",
        read_rtp,
        rtp_packets,
        (
            "actors.media.rtp.payload_range_untrusted",
            "actors.media.header_extension.audio_level_untrusted",
        ),
        DATAGRAM,
    ),
    Target(
        "rtcp",
        read_rtcp,
        rtcp_packets,
        ("actors.media.rtcp.parse_untrusted",),
        DATAGRAM,
        large_rtcp,
        tuple(bytes((0x81, kind, 0, 1)) for kind in range(200, 208)),
        max_bytes=MAX_DATAGRAM + 64,
        memory=Memory(MEBIBYTE, 128),
    ),
    Target(
        "telephone_event",
        read_events,
        events,
        ("actors.media.telephone_event.parse_untrusted",),
        DATAGRAM,
        max_bytes=600,
    ),
    Target(
        "srtp",
        unprotect,
        sealed_packets,
        tuple(
            f"actors.media.srtp.{kind}Transform.{name}"
            for kind in ("Copying", "InPlace")
            for name in ("unprotect_untrusted", "unprotect_rtcp_untrusted")
        ),
        memory=Memory(MEBIBYTE, 8192),
    ),
    Target(
        "payload",
        decode,
        payloads,
        (
            "actors.media.codec._G722Decoder.decode_untrusted",
            "actors.media.codec._LibavDecoder.decode_untrusted",
            "actors.media.codec._OpusDecoder.decode_untrusted",
            "actors.media.codec._TableDecoder.decode_untrusted",
            "actors.media.codec.ticks_untrusted",
        ),
        max_bytes=2000,
    ),
    Target(
        "wav",
        read_wav,
        recordings,
        ("actors.media.wav.parse_wav_untrusted",),
        (SourceError,),
        words=(b"RIFF", b"WAVE", b"fmt ", b"data", b"\1\0", b"\xfe\xff"),
    ),
)
