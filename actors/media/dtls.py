"""DTLS-SRTP (RFC 5764) through OpenSSL and memory buffers: datagrams in, datagrams and SRTP keys out."""

import datetime as dt
import functools
import hmac
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from OpenSSL import SSL

from actors.media.dtls_records import datagrams, handshake_records_untrusted
from actors.media.engine_messages import DtlsRole
from actors.media.srtp import PROFILES, SrtpKeys, split_keys

MTU = 1200
MAX_FRESH_STARTS = 8
"""A handshake that bad messages have confused starts anew so often."""
EARLY_REPEATS = (0.2, 0.4)
"""Seconds after which a flight is repeated; OpenSSL's own timer, which cannot be set from here, waits 1 s."""
MAX_LAST_REPEATS = 8
"""So often the last flight is repeated at the most, which no timer guards."""

_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)
_DTLS_1_2 = 0xFEFD
_MODE_RELEASE_BUFFERS = 0x10
_FLIGHT = 65536


@dataclass(frozen=True)
class Identity:
    """The certificate that all legs of the process share, in the one context that they share."""

    context: SSL.Context
    fingerprint: str


@dataclass(frozen=True)
class PortableIdentity:
    """Certificate and private key as PEM, for another process."""

    certificate: bytes
    key: bytes = field(repr=False)


@functools.cache
def process_identity() -> Identity:
    """Made once: a certificate or a context per call would double the cost of each handshake."""
    return load_identity(new_portable_identity())


def new_portable_identity() -> PortableIdentity:
    """A fresh key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return PortableIdentity(_self_signed(key).public_bytes(Encoding.PEM), private)


def load_identity(portable: PortableIdentity) -> Identity:
    """The context that the legs share."""
    certificate = x509.load_pem_x509_certificate(portable.certificate)
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_QUERY_MTU)
    context.set_mode(_MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # Who the peer is tells its fingerprint (RFC 8122), not a chain of trust.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(certificate)
    key = load_pem_private_key(portable.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    context.use_privatekey(key)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(b":".join(profile.openssl_name for profile in PROFILES))
    return Identity(context, _fingerprint(certificate))


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "WebRTC")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # It is known by its fingerprint and lives as long as the process, so its dates mean nothing.
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2049, 12, 31, tzinfo=dt.UTC))
    )
    return builder.sign(key, hashes.SHA256())


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


class DtlsEndpoint:
    """One DTLS association. `keys` are there once the peer has proven its `fingerprint`.

    `start`, `receive` and `expire` return the datagrams to send. `failure` is a static word when the
    association can never come up.
    """

    def __init__(self, identity: Identity, role: DtlsRole, fingerprint: str) -> None:
        self._identity = identity
        self._role = role
        self._fingerprint = fingerprint.upper()
        self._fresh_starts = 0
        self._is_over = False
        self._connection = self._connect()
        self._flight: list[bytes] = []
        self._repeats = 0
        self._last_repeats = 0
        self.keys: SrtpKeys | None = None
        self.failure: str | None = None

    def __repr__(self) -> str:
        state = self.failure or ("up" if self.keys else "handshake")
        return f"<DtlsEndpoint {self._role} {state}>"

    @property
    def timeout(self) -> float | None:
        """Seconds until `expire` is due, or None when nothing waits for an answer."""
        if self.failure is not None:
            return None
        seconds: float | None = self._connection.DTLSv1_get_timeout()
        if seconds is None or self._repeats >= len(EARLY_REPEATS):
            return seconds
        return min(seconds, EARLY_REPEATS[self._repeats])

    def start(self) -> list[bytes]:
        """Begin: a client sends its first flight, a server waits."""
        return self._advance()

    def receive(self, datagram: bytes) -> list[bytes]:
        """Take a datagram; one that does not fit is dropped. Raises `InvalidDatagram` for no DTLS at all."""
        if self.failure is not None or self._is_over:
            return []
        self._connection.bio_write(handshake_records_untrusted(datagram))
        return self._advance() if self.keys is None else self._absorb()

    def expire(self) -> list[bytes]:
        """Send the last flight again when its time has come.

        The first times as it was: to a peer that has it the records are replays, which it drops.
        """
        if self.failure is not None:
            return []
        if self._repeats < len(EARLY_REPEATS) and self._connection.DTLSv1_get_timeout():
            self._repeats += 1
            return self._flight
        self._repeats = len(EARLY_REPEATS)
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self.failure = "dtls_timeout"
            return []
        return self._take_output()

    def _connect(self) -> SSL.Connection:
        connection = SSL.Connection(self._identity.context)
        connection.set_ciphertext_mtu(MTU)
        if self._role is DtlsRole.SERVER:
            connection.set_accept_state()
        else:
            connection.set_connect_state()
        return connection

    def _advance(self) -> list[bytes]:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return self._flush()
        except SSL.Error:
            return self._start_anew()
        self._verify()
        return self._flush() if self.failure is None else []

    def _start_anew(self) -> list[bytes]:
        """OpenSSL never leaves a failed handshake, so one bad message would end the leg."""
        self._fresh_starts += 1
        if self._fresh_starts > MAX_FRESH_STARTS:
            self.failure = "dtls_handshake"
            return []
        self._connection = self._connect()
        self._flight = []
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return self._flush()
        raise AssertionError("a handshake without input always waits")

    def _absorb(self) -> list[bytes]:
        """After the handshake: a repeated last flight of the peer makes OpenSSL repeat ours.

        What else the peer sends is read and dropped, or it would pile up in memory. OpenSSL reads no more
        after the peer's goodbye.
        """
        try:
            while True:
                self._connection.recv(MTU)
        except SSL.WantReadError:
            pass
        except SSL.Error:
            self._is_over = True
        return self._flush() or self._repeat_last()

    def _repeat_last(self) -> list[bytes]:
        """A client that repeats its flight word for word has not got ours; OpenSSL takes it for a replay."""
        if self._role is DtlsRole.CLIENT or self._is_over or self._last_repeats >= MAX_LAST_REPEATS:
            return []
        self._last_repeats += 1
        return self._flight

    def _flush(self) -> list[bytes]:
        """A new flight, if there is one."""
        flight = self._take_output()
        if flight:
            self._flight, self._repeats = flight, 0
        return flight

    def _take_output(self) -> list[bytes]:
        try:
            flight = self._connection.bio_read(_FLIGHT)
        except SSL.WantReadError:
            return []
        return datagrams(flight, MTU)

    def _verify(self) -> None:
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        profile = self._connection.get_selected_srtp_profile()
        if certificate is None or not hmac.compare_digest(_fingerprint(certificate), self._fingerprint):
            self.failure = "dtls_fingerprint"
            return
        for known in PROFILES:
            if known.openssl_name == profile:
                material = self._connection.export_keying_material(
                    b"EXTRACTOR-dtls_srtp", 2 * (known.key_length + known.salt_length)
                )
                self.keys = split_keys(known, material, is_client=self._role is DtlsRole.CLIENT)
                return
        self.failure = "dtls_srtp_profile"
