"""Two DTLS endpoints back to back in memory, over a link into which strangers inject."""

import contextlib
import functools
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from actors.media.datagram import InvalidDatagram
from actors.media.dtls import (
    MAX_FRESH_STARTS,
    MTU,
    DtlsEndpoint,
    Identity,
    load_identity,
    new_portable_identity,
)
from actors.media.dtls_records import datagrams, handshake_records_untrusted
from actors.media.engine_messages import DtlsRole

pytestmark = pytest.mark.pure


@functools.cache
def identities() -> tuple[Identity, Identity]:
    """Made once: a certificate per test would be most of the run."""
    return load_identity(new_portable_identity()), load_identity(new_portable_identity())


def endpoints(near_role: DtlsRole = DtlsRole.CLIENT) -> tuple[DtlsEndpoint, DtlsEndpoint]:
    near, far = identities()
    far_role = DtlsRole.SERVER if near_role is DtlsRole.CLIENT else DtlsRole.CLIENT
    return DtlsEndpoint(near, near_role, far.fingerprint), DtlsEndpoint(far, far_role, near.fingerprint)


def deliver(endpoint: DtlsEndpoint, flight: Iterable[bytes]) -> list[bytes]:
    out: list[bytes] = []
    for datagram in flight:
        try:
            out += endpoint.receive(datagram)
        except InvalidDatagram:
            continue
    return out


def shake(near: DtlsEndpoint, far: DtlsEndpoint, garbage: Iterable[bytes] = ()) -> None:
    to_far, to_near = near.start(), far.start()
    while to_far or to_near:
        assert all(len(datagram) <= MTU for datagram in to_far + to_near)
        replies = deliver(near, to_near)
        to_far, to_near = replies, deliver(far, to_far)
        to_near += deliver(far, garbage)
        to_far += deliver(near, garbage)


def assert_agreed(near: DtlsEndpoint, far: DtlsEndpoint) -> None:
    assert near.keys is not None
    assert far.keys is not None
    assert near.keys.sending == far.keys.receiving
    assert near.keys.receiving == far.keys.sending


@pytest.mark.parametrize("role", list(DtlsRole))
def test_either_role_agrees_on_keys(role: DtlsRole) -> None:
    near, far = endpoints(role)
    shake(near, far)
    assert_agreed(near, far)
    assert near.keys is not None
    assert near.keys.profile.openssl_name == b"SRTP_AEAD_AES_128_GCM"


def test_wrong_fingerprint_fails() -> None:
    near, far = identities()
    client = DtlsEndpoint(near, DtlsRole.CLIENT, near.fingerprint)
    server = DtlsEndpoint(far, DtlsRole.SERVER, near.fingerprint)
    shake(client, server)
    assert client.failure == "dtls_fingerprint"
    assert client.keys is None
    assert client.timeout is None


def hostile() -> list[bytes]:
    """What a stranger might send: noise, cut and grown records, plaintext alerts."""
    chance = random.Random(7)
    noise = [bytes([first]) + chance.randbytes(chance.randrange(200)) for first in range(20, 64)]
    alert = bytes.fromhex("15fefd000000000000000f00020228")
    close = bytes.fromhex("15fefd000000000000000f00020100")
    huge = bytes.fromhex("16fefd0000000000000001ffff") + bytes(100)
    message = bytes.fromhex("16fefd000000000000000200180500ffff00000000000000000c") + bytes(12)
    fragment = bytes.fromhex("16fefd0000000000000003000c0100000100000000ff000001")
    secret = bytes.fromhex("17fefd00010000000000090010") + chance.randbytes(16)
    finished = bytes.fromhex("16fefd00010000000000090030") + chance.randbytes(48)
    return [*noise, alert, close, huge, message, fragment, secret, finished]


def test_bad_records_never_end_a_handshake() -> None:
    near, far = endpoints()
    shake(near, far, hostile())
    assert_agreed(near, far)


def test_well_formed_but_misplaced_messages_before_the_handshake_are_survived() -> None:
    """OpenSSL takes these for a fatal error of the peer and would never accept its hello afterwards."""
    near, far = endpoints()
    finished = bytes.fromhex("16fefd0000000000000000001814") + bytes.fromhex(
        "00000c000000000000 00000c".replace(" ", "")
    )
    assert handshake_records_untrusted(finished + bytes(12))
    for _ in range(MAX_FRESH_STARTS):
        deliver(far, [finished + bytes(12)])
    shake(near, far)
    assert_agreed(near, far)


def test_bad_records_never_end_an_association() -> None:
    near, far = endpoints()
    shake(near, far)
    deliver(near, hostile())
    assert near.failure is None
    assert near.keys is not None


def application_records(endpoint: DtlsEndpoint, count: int) -> bytes:
    """What only the peer itself can make: protected records, all in one datagram."""
    for _ in range(count):
        endpoint._connection.send(b"x")
    return endpoint._connection.bio_read(MTU)


def test_what_a_peer_sends_besides_the_handshake_does_not_pile_up() -> None:
    """Nobody reads it, so what OpenSSL is given and does not take would stay in memory for good."""
    near, far = endpoints()
    shake(near, far)
    deliver(far, [application_records(near, 8)])
    with pytest.raises(SSL.WantReadError):
        far._connection.recv(1)


def test_nothing_is_given_to_openssl_after_the_peers_goodbye() -> None:
    near, far = endpoints()
    shake(near, far)
    late = application_records(near, 1)
    near._connection.shutdown()
    deliver(far, [near._connection.bio_read(MTU)])
    far._connection = None  # whoever used it now would fail
    assert deliver(far, [late]) == []
    assert far.failure is None


@given(st.lists(st.integers(0, 1500), max_size=12))
def test_flights_are_cut_between_records(sizes: list[int]) -> None:
    records = [b"\x16\xfe\xfd" + bytes(8) + size.to_bytes(2, "big") + bytes(size) for size in sizes]
    cut = datagrams(b"".join(records), MTU)
    assert b"".join(cut) == b"".join(records)
    assert all(len(datagram) <= MTU or datagram in records for datagram in cut)


@settings(max_examples=200)
@given(st.binary(max_size=80), st.sampled_from([b"", b"\x16\xfe\xfd\0\0\0\0\0\0\0\0"]))
def test_only_the_protocol_error_is_raised(data: bytes, head: bytes) -> None:
    with contextlib.suppress(InvalidDatagram):
        assert handshake_records_untrusted(head + data)
