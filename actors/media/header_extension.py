"""The RTP header extensions that we understand, and what they say (RFC 8285, RFC 6464)."""

from dataclasses import dataclass
from typing import Final

AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
KNOWN: Final = (AUDIO_LEVEL,)
"""Without the MID of RFC 9143: a browser with which it was agreed on drops packets that have none."""

_FIXED_HEADER, _OWN_HEADER = 12, 4
_ONE_BYTE, _TWO_BYTES = 0xBEDE, 0x1000
_RESERVED = 15
_LEVEL_MASK = 0x7F


@dataclass(frozen=True, slots=True)
class Extension:
    """What the peer sends under `number`; we send none, so that `a=extmap` of ours says `recvonly`."""

    number: int
    uri: str


def audio_level_untrusted(data: bytearray | bytes, number: int) -> int | None:
    """How far below full scale the sender says that its audio is, 0..127 dB; None where it says nothing.

    `data` is a packet with a header extension; `payload_range_untrusted` has seen that it ends within.
    """
    start = _FIXED_HEADER + 4 * (data[0] & 0x0F)
    profile = data[start] << 8 | data[start + 1]
    at = start + _OWN_HEADER
    end = at + 4 * (data[start + 2] << 8 | data[start + 3])
    if profile == _ONE_BYTE:
        found = _find_one_byte(data, at, end, number)
    elif profile & 0xFFF0 == _TWO_BYTES:
        found = _find_two_bytes(data, at, end, number)
    else:
        return None
    return None if found is None else data[found] & _LEVEL_MASK


def _find_one_byte(data: bytearray | bytes, at: int, end: int, number: int) -> int | None:
    """Where the value of `number` begins (RFC 8285 section 4.2)."""
    while at + 1 < end:
        first = data[at]
        if first == 0:
            at += 1
            continue
        if first >> 4 == number:
            return at + 1 if at + 2 + (first & 0x0F) <= end else None
        if first >> 4 == _RESERVED:
            return None
        at += 2 + (first & 0x0F)
    return None


def _find_two_bytes(data: bytearray | bytes, at: int, end: int, number: int) -> int | None:
    """As `_find_one_byte`, for longer elements (section 4.3)."""
    while at + 2 < end:
        if data[at] == 0:
            at += 1
            continue
        length = data[at + 1]
        if data[at] == number:
            return at + 2 if 0 < length <= end - at - 2 else None
        at += 2 + length
    return None
