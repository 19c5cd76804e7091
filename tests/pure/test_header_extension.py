"""What is read of RTP header extensions, and that nothing behind them is."""

import aiortc.rtp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.media.datagram import InvalidDatagram
from actors.media.header_extension import AUDIO_LEVEL, audio_level_untrusted
from actors.media.rtp import EXTENDED, payload_range_untrusted

pytestmark = pytest.mark.pure

HEADER = bytes((0x80 | EXTENDED, 0)) + bytes(10)
ONE_BYTE, TWO_BYTES = b"\xbe\xde", b"\x10\x00"


def packet(profile: bytes, elements: bytes, sources: int = 0) -> bytes:
    elements += bytes(-len(elements) & 3)
    length = (len(elements) // 4).to_bytes(2, "big")
    header = bytes((HEADER[0] | sources,)) + HEADER[1:] + bytes(4 * sources)
    return header + profile + length + elements + b"payload"


@pytest.mark.parametrize(
    ("profile", "elements", "level"),
    [
        (ONE_BYTE, b"\x30\x94", 20),
        (ONE_BYTE, b"\x30\x14", 20),
        (ONE_BYTE, b"\x22abc\0\0\x30\x7f", 127),
        (ONE_BYTE, b"\x42abc\xf0\x30\x14", None),
        (ONE_BYTE, b"\x20\x14", None),
        (ONE_BYTE, b"\0\0\0\x30", None),
        (ONE_BYTE, b"\x3fab", None),
        (ONE_BYTE, b"", None),
        (TWO_BYTES, b"\x03\x01\x14", 20),
        (b"\x10\x0f", b"\x02\x00\0\x09\x02ab\x03\x01\x94", 20),
        (TWO_BYTES, b"\x03\x00", None),
        (TWO_BYTES, b"\x03\x09a", None),
        (b"\x12\x34", b"\x30\x14", None),
    ],
)
@pytest.mark.parametrize("sources", [0, 2])
def test_level_is_found_in_either_form(
    profile: bytes, elements: bytes, level: int | None, sources: int
) -> None:
    assert audio_level_untrusted(packet(profile, elements, sources), 3) == level


def test_aiortc_packets_are_read() -> None:
    numbers = aiortc.rtp.HeaderExtensionsMap()
    numbers.configure(
        aiortc.RTCRtpParameters(
            headerExtensions=[
                aiortc.RTCRtpHeaderExtensionParameters(id=5, uri="urn:ietf:params:rtp-hdrext:sdes:mid"),
                aiortc.RTCRtpHeaderExtensionParameters(id=9, uri=AUDIO_LEVEL),
            ]
        )
    )
    sent = aiortc.rtp.RtpPacket(payload_type=0, sequence_number=1, timestamp=2, ssrc=3, payload=b"x" * 160)
    sent.extensions.mid = "audio"
    sent.extensions.audio_level = (True, 33)
    data = sent.serialize(numbers)
    assert audio_level_untrusted(data, 9) == 33
    assert data[slice(*payload_range_untrusted(data, len(data)))] == b"x" * 160


@given(st.binary(max_size=40), st.sampled_from([ONE_BYTE, TWO_BYTES, b"\0\0"]), st.integers(1, 14))
def test_any_bytes_are_read_within_their_packet(rest: bytes, profile: bytes, number: int) -> None:
    data = HEADER + profile + rest
    try:
        payload_range_untrusted(data, len(data))
    except InvalidDatagram:
        return
    level = audio_level_untrusted(data, number)
    assert level is None or 0 <= level <= 127
