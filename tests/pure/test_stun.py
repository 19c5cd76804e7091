"""Binding messages: ours agree with aioice's, and nothing from the network raises anything else."""

import contextlib

import aioice.stun
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.media.datagram import InvalidDatagram
from actors.media.stun import (
    MAX_MESSAGE,
    MessageClass,
    binding_error,
    binding_request,
    binding_response,
    has_integrity,
    parse_untrusted,
)

pytestmark = pytest.mark.pure

PWD = b"a-password-of-enough-length"
TRANSACTION = bytes(range(12))
FINGERPRINT_LENGTH = 8


def check(username: str = "remote:local") -> bytes:
    return binding_request(
        TRANSACTION, username, PWD, priority=77, tie_breaker=1 << 63, is_controlling=True, is_nominating=True
    )


def test_request_reads_back() -> None:
    message = parse_untrusted(check())
    assert message.kind is MessageClass.REQUEST
    assert (message.local_ufrag, message.remote_ufrag) == ("remote", "local")
    assert (message.priority, message.controlling, message.controlled) == (77, 1 << 63, None)
    assert message.is_use_candidate
    assert has_integrity(message, PWD)
    assert not has_integrity(message, PWD + b"x")


@pytest.mark.parametrize("username", ["a:b", "ab:c", "abc:d", "abcd:e"])
def test_aioice_accepts_our_request(username: str) -> None:
    """Each length modulo four: attributes are padded."""
    message = aioice.stun.parse_message(check(username))
    assert message.attributes["USERNAME"] == username
    assert message.check_message_integrity(PWD)


@pytest.mark.parametrize("address", [("192.0.2.7", 40000), ("2001:db8::7", 1)])
def test_aioice_reads_our_response(address: tuple[str, int]) -> None:
    data = binding_response(TRANSACTION, address, PWD)
    message = aioice.stun.parse_message(data)
    assert message.attributes["XOR-MAPPED-ADDRESS"] == address
    assert message.check_message_integrity(PWD)
    assert parse_untrusted(data).mapped == address


def test_a_peer_of_ipv4_is_told_its_address_as_it_knows_it() -> None:
    """A socket for both families has a form of its own; a peer that reads it would make up a candidate."""
    data = binding_response(TRANSACTION, ("::ffff:192.0.2.7", 40000), PWD)
    assert parse_untrusted(data).mapped == ("192.0.2.7", 40000)


def test_we_read_aioice() -> None:
    message = aioice.stun.Message(aioice.stun.Method.BINDING, aioice.stun.Class.REQUEST, TRANSACTION)
    message.attributes["USERNAME"] = "x:y"
    message.attributes["PRIORITY"] = 5
    message.attributes["ICE-CONTROLLED"] = 9
    message.add_message_integrity(PWD)
    ours = parse_untrusted(bytes(message))
    assert (ours.username, ours.priority, ours.controlled) == ("x:y", 5, 9)
    assert has_integrity(ours, PWD)


def test_error_reads_back() -> None:
    message = parse_untrusted(binding_error(TRANSACTION, 487, PWD))
    assert (message.kind, message.error_code) == (MessageClass.ERROR, 487)


def test_attributes_after_integrity_are_not_believed() -> None:
    unsigned = aioice.stun.Message(aioice.stun.Method.BINDING, aioice.stun.Class.REQUEST, TRANSACTION)
    unsigned.attributes["USERNAME"] = "x:y"
    unsigned.add_message_integrity(PWD)
    del unsigned.attributes["FINGERPRINT"]
    data = bytearray(bytes(unsigned)) + b"\x00\x25\x00\x00"
    data[3] += 4
    message = parse_untrusted(bytes(data))
    assert not message.is_use_candidate
    assert has_integrity(message, PWD)


def test_message_without_integrity_has_none() -> None:
    bare = aioice.stun.Message(aioice.stun.Method.BINDING, aioice.stun.Class.REQUEST, TRANSACTION)
    assert not has_integrity(parse_untrusted(bytes(bare)), PWD)


def test_oversized_message_is_refused() -> None:
    with pytest.raises(InvalidDatagram, match="stun_length"):
        parse_untrusted(bytes(MAX_MESSAGE + 4))


@given(position=st.integers(0, len(check()) - FINGERPRINT_LENGTH - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_is_never_accepted(position: int, bit: int) -> None:
    data = bytearray(check())
    data[position] ^= 1 << bit
    try:
        message = parse_untrusted(bytes(data))
    except InvalidDatagram:
        return
    assert not has_integrity(message, PWD)


@settings(max_examples=200)
@given(body=st.binary(max_size=120))
def test_only_the_protocol_error_is_raised(body: bytes) -> None:
    body = body[: len(body) & ~3]
    header = b"\x00\x01" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + TRANSACTION
    for data in (body, header + body):
        with contextlib.suppress(InvalidDatagram):
            has_integrity(parse_untrusted(data), PWD)
