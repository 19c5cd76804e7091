"""STUN binding messages as ICE uses them (RFC 8489, RFC 8445 section 7): parsing, checking, building."""

import binascii
import functools
import hmac
import ipaddress
import struct
from dataclasses import dataclass
from enum import IntEnum

from actors.media.datagram import Address, InvalidDatagram

COOKIE = 0x2112A442
HEADER_LENGTH = 20
MAX_MESSAGE = 1024
MAX_ATTRIBUTES = 32
TRANSACTION_LENGTH = 12

_BINDING_METHOD = 0x0001
_CLASS_MASK = 0x0110
_METHOD_MASK = 0x3EEF
_FINGERPRINT_XOR = 0x5354554E
_INTEGRITY_LENGTH = 20
_COOKIE_BYTES = COOKIE.to_bytes(4, "big")

_USERNAME = 0x0006
_MESSAGE_INTEGRITY = 0x0008
_ERROR_CODE = 0x0009
_XOR_MAPPED_ADDRESS = 0x0020
_PRIORITY = 0x0024
_USE_CANDIDATE = 0x0025
_FINGERPRINT = 0x8028
_ICE_CONTROLLED = 0x8029
_ICE_CONTROLLING = 0x802A

ROLE_CONFLICT = 487

_header = struct.Struct("!HHI12s")
_attribute = struct.Struct("!HH")


class MessageClass(IntEnum):
    REQUEST = 0x000
    INDICATION = 0x010
    RESPONSE = 0x100
    ERROR = 0x110


@dataclass(slots=True)
class BindingMessage:
    """A parsed binding message. Nothing in it is to be trusted before `has_integrity` said so."""

    kind: MessageClass
    transaction: bytes
    data: bytes
    username: str = ""
    priority: int = 0
    error_code: int = 0
    mapped: Address | None = None
    controlling: int | None = None
    controlled: int | None = None
    is_use_candidate: bool = False
    integrity_at: int = 0

    @property
    def local_ufrag(self) -> str:
        """The receiver's half of USERNAME (RFC 8445 section 7.2.2)."""
        return self.username.partition(":")[0]

    @property
    def remote_ufrag(self) -> str:
        """The sender's half of USERNAME."""
        return self.username.partition(":")[2]


def parse_untrusted(data: bytes) -> BindingMessage:
    """Read a binding message; a FINGERPRINT is verified when there is one.

    Raises `InvalidDatagram`. Attributes after MESSAGE-INTEGRITY are ignored (RFC 8489 section 14.5).
    """
    if not HEADER_LENGTH <= len(data) <= MAX_MESSAGE:
        raise InvalidDatagram("stun_length")
    kind, length, cookie, transaction = _header.unpack_from(data)
    if cookie != COOKIE or length & 3 or length + HEADER_LENGTH != len(data):
        raise InvalidDatagram("stun_header")
    if kind & _METHOD_MASK != _BINDING_METHOD or kind & 0xC000:
        raise InvalidDatagram("stun_method")
    message = BindingMessage(MessageClass(kind & _CLASS_MASK), transaction, data)
    _read_attributes(message)
    return message


def _read_attributes(message: BindingMessage) -> None:
    data, at, end = message.data, HEADER_LENGTH, len(message.data)
    for _ in range(MAX_ATTRIBUTES):
        if at == end:
            return
        kind, length = _attribute.unpack_from(data, at)
        start = at + 4
        if start + length > end:
            raise InvalidDatagram("stun_attribute")
        if kind == _FINGERPRINT:
            _check_fingerprint(data, at, length)
        elif not message.integrity_at:
            _read_attribute(message, kind, at, length)
        at = start + length + (-length & 3)
    raise InvalidDatagram("stun_attributes")


def _read_attribute(message: BindingMessage, kind: int, at: int, length: int) -> None:
    value = message.data[at + 4 : at + 4 + length]
    if kind == _MESSAGE_INTEGRITY:
        _expect(length, _INTEGRITY_LENGTH)
        message.integrity_at = at
    elif kind == _USERNAME:
        if not value.isascii():
            raise InvalidDatagram("stun_username")
        message.username = value.decode("ascii")
    elif kind == _USE_CANDIDATE:
        message.is_use_candidate = True
    elif kind == _PRIORITY:
        _expect(length, 4)
        message.priority = int.from_bytes(value, "big")
    elif kind == _ICE_CONTROLLING:
        _expect(length, 8)
        message.controlling = int.from_bytes(value, "big")
    elif kind == _ICE_CONTROLLED:
        _expect(length, 8)
        message.controlled = int.from_bytes(value, "big")
    elif kind == _XOR_MAPPED_ADDRESS:
        message.mapped = _unpack_address(value, message.transaction)
    elif kind == _ERROR_CODE and length >= 4:
        message.error_code = (value[2] & 7) * 100 + value[3]


def _expect(length: int, wanted: int) -> None:
    if length != wanted:
        raise InvalidDatagram("stun_attribute")


def _check_fingerprint(data: bytes, at: int, length: int) -> None:
    _expect(length, 4)
    wanted = binascii.crc32(data[:at]) ^ _FINGERPRINT_XOR
    if at + 8 != len(data) or wanted.to_bytes(4, "big") != data[at + 4 : at + 8]:
        raise InvalidDatagram("stun_fingerprint")


def has_integrity(message: BindingMessage, pwd: bytes) -> bool:
    """Whether MESSAGE-INTEGRITY is there and was made with `pwd` (RFC 8489 section 14.5)."""
    at = message.integrity_at
    if not at:
        return False
    data = message.data
    length = at + 4 + _INTEGRITY_LENGTH - HEADER_LENGTH
    covered = b"".join((data[:2], length.to_bytes(2, "big"), data[4:at]))
    return hmac.compare_digest(hmac.digest(pwd, covered, "sha1"), data[at + 4 : at + 24])


def binding_request(
    transaction: bytes,
    username: str,
    pwd: bytes,
    *,
    priority: int,
    tie_breaker: int,
    is_controlling: bool,
    is_nominating: bool,
) -> bytes:
    """A connectivity check (RFC 8445 section 7.2.2)."""
    role = _ICE_CONTROLLING if is_controlling else _ICE_CONTROLLED
    attributes = [
        _pack(_USERNAME, username.encode()),
        _pack(_PRIORITY, priority.to_bytes(4, "big")),
        _pack(role, tie_breaker.to_bytes(8, "big")),
    ]
    if is_nominating:
        attributes.append(_pack(_USE_CANDIDATE, b""))
    return _seal(MessageClass.REQUEST, transaction, b"".join(attributes), pwd)


def binding_response(transaction: bytes, address: Address, pwd: bytes) -> bytes:
    """The answer to a check that came from `address`."""
    body = _pack(_XOR_MAPPED_ADDRESS, _pack_address(address, transaction))
    return _seal(MessageClass.RESPONSE, transaction, body, pwd)


def binding_error(transaction: bytes, code: int, pwd: bytes) -> bytes:
    """A refusal with an empty reason phrase."""
    body = _pack(_ERROR_CODE, bytes((0, 0, code // 100, code % 100)))
    return _seal(MessageClass.ERROR, transaction, body, pwd)


def _pack(kind: int, value: bytes) -> bytes:
    return _attribute.pack(kind, len(value)) + value + bytes(-len(value) & 3)


def _seal(kind: MessageClass, transaction: bytes, body: bytes, pwd: bytes) -> bytes:
    """Add header, MESSAGE-INTEGRITY and FINGERPRINT; each is made with the length that ends with it."""
    number = _BINDING_METHOD | kind
    length = len(body) + 4 + _INTEGRITY_LENGTH
    covered = _header.pack(number, length, COOKIE, transaction) + body
    signed = body + _attribute.pack(_MESSAGE_INTEGRITY, _INTEGRITY_LENGTH) + hmac.digest(pwd, covered, "sha1")
    whole = _header.pack(number, length + 8, COOKIE, transaction) + signed
    crc = binascii.crc32(whole) ^ _FINGERPRINT_XOR
    return whole + _attribute.pack(_FINGERPRINT, 4) + crc.to_bytes(4, "big")


def _pack_address(address: Address, transaction: bytes) -> bytes:
    host = _packed_host(address[0])
    family = 1 if len(host) == 4 else 2
    port = address[1] ^ (COOKIE >> 16)
    return bytes((0, family)) + port.to_bytes(2, "big") + _xor(host, _COOKIE_BYTES + transaction)


@functools.lru_cache(maxsize=1024)
def _packed_host(host: str) -> bytes:
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    # A socket for both families tells IPv4 peers in a form that the peer itself does not know.
    return (mapped or address).packed


def _unpack_address(value: bytes, transaction: bytes) -> Address:
    if len(value) not in {8, 20} or value[1] != (1 if len(value) == 8 else 2):
        raise InvalidDatagram("stun_address")
    host = ipaddress.ip_address(_xor(value[4:], _COOKIE_BYTES + transaction))
    return str(host), int.from_bytes(value[2:4], "big") ^ (COOKIE >> 16)


def _xor(value: bytes, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(value, mask, strict=False))
