"""What of a datagram is let through to OpenSSL, and how its output is cut into datagrams (RFC 6347)."""

from collections.abc import Iterator

from actors.media.datagram import InvalidDatagram

MAX_RECORDS = 32
MAX_HANDSHAKE_MESSAGE = 16384
RECORD_HEADER = 13
_MESSAGE_HEADER = 12

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_VERSIONS = {b"\xfe\xff", b"\xfe\xfd"}
_MESSAGE_TYPES = frozenset({0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 22})


def handshake_records_untrusted(datagram: bytes) -> bytes:
    """The records of a datagram that can belong to a handshake; the others are cut out.

    A plaintext alert is not let through: anyone who can send a datagram could end the handshake with it.
    Raises `InvalidDatagram` when nothing is left.
    """
    kept = b"".join(record for record in _records(datagram) if _is_plausible(record))
    if not kept:
        raise InvalidDatagram("dtls_record")
    return kept


def _records(datagram: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(MAX_RECORDS):
        if len(datagram) - at < RECORD_HEADER:
            return
        end = at + RECORD_HEADER + int.from_bytes(datagram[at + 11 : at + 13], "big")
        if end > len(datagram):
            return
        yield datagram[at:end]
        at = end


def _is_plausible(record: bytes) -> bool:
    if record[1:3] not in _VERSIONS:
        return False
    if record[3:5] != b"\0\0":
        return record[0] in {_ALERT, _HANDSHAKE, _APPLICATION}
    if record[0] == _CHANGE_CIPHER_SPEC:
        return record[RECORD_HEADER:] == b"\x01"
    return record[0] == _HANDSHAKE and _is_message(record[RECORD_HEADER:])


def _is_message(fragments: bytes) -> bool:
    """Whether the body of a plaintext handshake record is a row of well-formed fragments."""
    at = 0
    while at < len(fragments):
        if len(fragments) - at < _MESSAGE_HEADER or fragments[at] not in _MESSAGE_TYPES:
            return False
        length = int.from_bytes(fragments[at + 1 : at + 4], "big")
        offset = int.from_bytes(fragments[at + 6 : at + 9], "big")
        size = int.from_bytes(fragments[at + 9 : at + 12], "big")
        if length > MAX_HANDSHAKE_MESSAGE or offset + size > length:
            return False
        at += _MESSAGE_HEADER + size
    return at == len(fragments) and at > 0


def datagrams(flight: bytes, mtu: int) -> list[bytes]:
    """Cut OpenSSL's output at record borders into datagrams of at most `mtu` bytes."""
    out: list[bytes] = []
    at = start = 0
    while at < len(flight):
        end = at + RECORD_HEADER + int.from_bytes(flight[at + 11 : at + 13], "big")
        if end - start > mtu and at > start:
            out.append(flight[start:at])
            start = at
        at = end
    if start < len(flight):
        out.append(flight[start:])
    return out
