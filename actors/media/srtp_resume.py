"""An SRTP session that goes on where another one was: with its rollover counters (RFC 3711 section 3.3.1).

libsrtp cannot be told where a session stands, but it follows packets. So a new session is led there by
packets that nobody else sees.
"""

from collections.abc import Iterator
from typing import Final

from actors.media.rtp import HEADER_LENGTH, write_header
from actors.media.srtp import FAILED, PacketBuffer, SrtpKeys, SrtpTransform, open_transform

STRIDE: Final = 30_000
"""Libsrtp takes a step of less than 2^15 as forwards."""
_RTCP: Final = b"\x81\xc9\x00\x01"


class ResumptionFailed(Exception):
    """The session could not be led to its position."""


def resume_transform(
    keys: SrtpKeys,
    *,
    ssrc: int,
    next_index: int,
    reports_sent: int,
    received_ssrc: int | None,
    received_index: int,
) -> SrtpTransform:
    """A session that sends its next packet under `next_index`, an extended sequence number, or a later one.

    `reports_sent`: how many RTCP packets were sent at most. `received_index`: the newest that was received
    of `received_ssrc`. Raises `ResumptionFailed`.
    """
    transform = open_transform(keys)
    buffer = PacketBuffer()
    _wind(transform, buffer, ssrc, next_index - 1)
    for _ in range(reports_sent):
        buffer.view[:8] = _RTCP + ssrc.to_bytes(4, "big")
        _check(transform.protect_rtcp(buffer, 0, 8))
    if received_ssrc is not None:
        peer = open_transform(SrtpKeys(keys.profile, sending=keys.receiving, receiving=keys.sending))
        for length in _wind_steps(peer, buffer, received_ssrc, received_index):
            _check(transform.unprotect_untrusted(buffer, length))
    return transform


def _wind(transform: SrtpTransform, buffer: PacketBuffer, ssrc: int, index: int) -> None:
    for _ in _wind_steps(transform, buffer, ssrc, index):
        pass


def _wind_steps(transform: SrtpTransform, buffer: PacketBuffer, ssrc: int, index: int) -> Iterator[int]:
    """Protect packets up to `index`, each in `buffer`; yields their lengths."""
    for at in (*range(index % STRIDE, index, STRIDE), index):
        write_header(buffer.data, 0, 0, at & 0xFFFF, 0, ssrc)
        yield _check(transform.protect(buffer, 0, HEADER_LENGTH))


def _check(length: int) -> int:
    if length == FAILED:
        raise ResumptionFailed("libsrtp refused a packet")
    return length
