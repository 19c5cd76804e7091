"""SRTP (RFC 3711, RFC 7714) over one preallocated buffer, through libsrtp.

libsrtp works in place; pylibsrtp's public API copies twice. So its private binding is used where it
looks as expected, and the public API otherwise.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import pylibsrtp
from pylibsrtp import Policy, Session

from actors.media.datagram import MAX_DATAGRAM

try:
    from pylibsrtp import _binding as _private
except ImportError:
    _private = None

REPLAY_WINDOW = 1024
BUFFER_SIZE = 2048
"""`MAX_DATAGRAM` and room for libsrtp's largest trailer."""

FAILED = -1


@dataclass(frozen=True, slots=True)
class SrtpProfile:
    openssl_name: bytes
    libsrtp_profile: int
    key_length: int
    salt_length: int


PROFILES = (
    SrtpProfile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    SrtpProfile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
)


def profile_named(openssl_name: str) -> SrtpProfile:
    """One of `PROFILES`. Raises KeyError."""
    return {profile.openssl_name.decode(): profile for profile in PROFILES}[openssl_name]


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master key and salt of each direction."""

    profile: SrtpProfile
    sending: bytes
    receiving: bytes

    def __repr__(self) -> str:
        return f"SrtpKeys({self.profile.openssl_name.decode()}, …)"


def split_keys(profile: SrtpProfile, material: bytes, *, is_client: bool) -> SrtpKeys:
    """Cut exported keying material (RFC 5764 section 4.2): keys of client and server, then their salts."""
    key, salt = profile.key_length, profile.salt_length
    client = material[:key] + material[2 * key : 2 * key + salt]
    server = material[key : 2 * key] + material[2 * key + salt : 2 * (key + salt)]
    return SrtpKeys(profile, client, server) if is_client else SrtpKeys(profile, server, client)


def _session(profile: SrtpProfile, key: bytes, ssrc_type: int) -> Session:
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=profile.libsrtp_profile)
    policy.window_size = REPLAY_WINDOW
    return Session(policy)


class PacketBuffer:
    """Where packets are received or written and then protected or unprotected in place."""

    __slots__ = ("base", "data", "view")

    def __init__(self) -> None:
        self.data = bytearray(BUFFER_SIZE)
        self.view = memoryview(self.data)
        self.base: Any = _binding.ffi.from_buffer("char[]", self.data) if _binding is not None else None


class SrtpTransform(Protocol):
    """Each takes a packet at `offset` of `length` bytes, and returns its new length or `FAILED`."""

    def unprotect_untrusted(self, buffer: PacketBuffer, length: int) -> int: ...
    def unprotect_rtcp_untrusted(self, buffer: PacketBuffer, length: int) -> int: ...
    def protect(self, buffer: PacketBuffer, offset: int, length: int) -> int: ...
    def protect_rtcp(self, buffer: PacketBuffer, offset: int, length: int) -> int: ...


class CopyingTransform:
    """The public API of pylibsrtp: about a third more CPU for the whole engine."""

    __slots__ = ("_receiving", "_sending")

    def __init__(self, keys: SrtpKeys) -> None:
        self._receiving = _session(keys.profile, keys.receiving, Policy.SSRC_ANY_INBOUND)
        self._sending = _session(keys.profile, keys.sending, Policy.SSRC_ANY_OUTBOUND)

    def unprotect_untrusted(self, buffer: PacketBuffer, length: int) -> int:
        return _transform(self._receiving.unprotect, buffer, 0, length)

    def unprotect_rtcp_untrusted(self, buffer: PacketBuffer, length: int) -> int:
        return _transform(self._receiving.unprotect_rtcp, buffer, 0, length)

    def protect(self, buffer: PacketBuffer, offset: int, length: int) -> int:
        return _transform(self._sending.protect, buffer, offset, length)

    def protect_rtcp(self, buffer: PacketBuffer, offset: int, length: int) -> int:
        return _transform(self._sending.protect_rtcp, buffer, offset, length)


def _transform(function: Any, buffer: PacketBuffer, offset: int, length: int) -> int:
    try:
        out: bytes = function(bytes(buffer.view[offset : offset + length]))
    except (pylibsrtp.Error, ValueError):
        return FAILED
    buffer.view[offset : offset + len(out)] = out
    return len(out)


class InPlaceTransform:
    """libsrtp on the buffer itself, through pylibsrtp's private binding."""

    __slots__ = ("_binding", "_inbound", "_length", "_outbound", "_sessions")

    def __init__(self, keys: SrtpKeys, binding: "_Binding") -> None:
        receiving = _session(keys.profile, keys.receiving, Policy.SSRC_ANY_INBOUND)
        sending = _session(keys.profile, keys.sending, Policy.SSRC_ANY_OUTBOUND)
        # The sessions own what the raw handles point at.
        self._sessions = (receiving, sending)
        self._inbound = receiving._srtp[0]  # noqa: SLF001
        self._outbound = sending._srtp[0]  # noqa: SLF001
        self._binding = binding
        self._length = binding.ffi.new("int *")

    def unprotect_untrusted(self, buffer: PacketBuffer, length: int) -> int:
        cell = self._length
        cell[0] = length
        return FAILED if self._binding.unprotect(self._inbound, buffer.base, cell) else cell[0]

    def unprotect_rtcp_untrusted(self, buffer: PacketBuffer, length: int) -> int:
        cell = self._length
        cell[0] = length
        return FAILED if self._binding.unprotect_rtcp(self._inbound, buffer.base, cell) else cell[0]

    def protect(self, buffer: PacketBuffer, offset: int, length: int) -> int:
        cell = self._length
        cell[0] = length
        return FAILED if self._binding.protect(self._outbound, buffer.base + offset, cell) else cell[0]

    def protect_rtcp(self, buffer: PacketBuffer, offset: int, length: int) -> int:
        cell = self._length
        cell[0] = length
        return FAILED if self._binding.protect_rtcp(self._outbound, buffer.base + offset, cell) else cell[0]


@dataclass(frozen=True, slots=True)
class _Binding:
    ffi: Any
    protect: Any
    unprotect: Any
    protect_rtcp: Any
    unprotect_rtcp: Any


def _find_binding() -> _Binding | None:
    """The private binding, if what it does in place is what the public API gives."""
    try:
        lib = _private.lib
        binding = _Binding(
            _private.ffi, lib.srtp_protect, lib.srtp_unprotect, lib.srtp_protect_rtcp, lib.srtp_unprotect_rtcp
        )
        return binding if _works(binding) else None
    except (AttributeError, TypeError):
        return None


def _works(binding: _Binding) -> bool:
    profile = PROFILES[1]
    key = bytes(profile.key_length + profile.salt_length)
    packet = bytes((0x80, 0, 0, 1)) + bytes(8) + b"payload."
    data = bytearray(MAX_DATAGRAM)
    data[: len(packet)] = packet
    length = binding.ffi.new("int *", len(packet))
    session = _session(profile, key, Policy.SSRC_ANY_OUTBOUND)
    status = binding.protect(session._srtp[0], binding.ffi.from_buffer("char[]", data), length)  # noqa: SLF001
    wanted = _session(profile, key, Policy.SSRC_ANY_OUTBOUND).protect(packet)
    return status == 0 and bytes(data[: length[0]]) == wanted


_binding = _find_binding()


def open_transform(keys: SrtpKeys) -> SrtpTransform:
    """The fastest transform that works with the installed pylibsrtp."""
    return InPlaceTransform(keys, _binding) if _binding is not None else CopyingTransform(keys)
