"""SRTP in place gives what the public API gives, whichever profile, and refuses what is not fresh."""

import pytest

from actors.media import srtp
from actors.media.srtp import FAILED, PROFILES, CopyingTransform, PacketBuffer, SrtpProfile, split_keys

pytestmark = pytest.mark.pure

RTP = bytes.fromhex("8000000100000000000000ff") + b"voice" * 32
RTCP = bytes.fromhex("80c90001000000ff")


def pair(profile: SrtpProfile, transform: type) -> tuple[srtp.SrtpTransform, srtp.SrtpTransform]:
    material = bytes(range(2 * (profile.key_length + profile.salt_length)))
    keys = [split_keys(profile, material, is_client=is_client) for is_client in (True, False)]
    if transform is CopyingTransform:
        return CopyingTransform(keys[0]), CopyingTransform(keys[1])
    return srtp.open_transform(keys[0]), srtp.open_transform(keys[1])


def fill(packet: bytes, at: int = 0) -> PacketBuffer:
    buffer = PacketBuffer()
    buffer.view[at : at + len(packet)] = packet
    return buffer


def sequence(number: int) -> bytes:
    return RTP[:2] + number.to_bytes(2, "big") + RTP[4:]


def test_installed_pylibsrtp_has_the_binding_that_works_in_place() -> None:
    """Without it calls still work but cost a third more: an upgrade must not lose it unnoticed."""
    keys = split_keys(PROFILES[0], bytes(56), is_client=True)
    assert isinstance(srtp.open_transform(keys), srtp.InPlaceTransform)


def test_client_and_server_split_the_same_material_crosswise() -> None:
    client, server = (split_keys(PROFILES[1], bytes(range(60)), is_client=c) for c in (True, False))
    assert client.sending == server.receiving == bytes(range(16)) + bytes(range(32, 46))
    assert client.receiving == server.sending == bytes(range(16, 32)) + bytes(range(46, 60))
    assert "1011" not in repr(client)


@pytest.mark.parametrize("at", [0, 8, 40])
@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.openssl_name.decode())
def test_in_place_equals_the_bytes_api(profile: SrtpProfile, at: int) -> None:
    fast, slow = pair(profile, srtp.InPlaceTransform)[0], pair(profile, CopyingTransform)[0]
    one, two = fill(RTP, at), fill(RTP, at)
    length = fast.protect(one, at, len(RTP))
    assert length == slow.protect(two, at, len(RTP)) > len(RTP)
    assert one.view[at : at + length] == two.view[at : at + length]


@pytest.mark.parametrize("transform", [srtp.InPlaceTransform, CopyingTransform])
@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.openssl_name.decode())
def test_round_trip_and_replay(profile: SrtpProfile, transform: type) -> None:
    client, server = pair(profile, transform)
    buffer = fill(RTP)
    length = client.protect(buffer, 0, len(RTP))
    wire = bytes(buffer.view[:length])
    assert server.unprotect_untrusted(buffer, length) == len(RTP)
    assert buffer.view[: len(RTP)] == RTP
    assert server.unprotect_untrusted(fill(wire), length) == FAILED, "replayed"
    tampered = wire[:-1] + bytes([wire[-1] ^ 1])
    assert server.unprotect_untrusted(fill(tampered), length) == FAILED


@pytest.mark.parametrize("transform", [srtp.InPlaceTransform, CopyingTransform])
def test_reports_are_protected_too(transform: type) -> None:
    client, server = pair(PROFILES[0], transform)
    buffer = fill(RTCP)
    length = client.protect_rtcp(buffer, 0, len(RTCP))
    wire = bytes(buffer.view[:length])
    assert server.unprotect_rtcp_untrusted(buffer, length) == len(RTCP)
    assert buffer.view[: len(RTCP)] == RTCP
    assert server.unprotect_rtcp_untrusted(fill(wire), length) == FAILED, "replayed"


def test_late_packet_within_the_window_is_taken() -> None:
    client, server = pair(PROFILES[0], srtp.InPlaceTransform)
    wires = []
    for number in range(1, 1100):
        buffer = fill(sequence(number))
        length = client.protect(buffer, 0, len(RTP))
        wires.append(bytes(buffer.view[:length]))
    for wire in wires[1:50:2] + wires[50:1001]:
        assert server.unprotect_untrusted(fill(wire), len(wire)) == len(RTP)
    assert server.unprotect_untrusted(fill(wires[20]), len(wires[20])) == len(RTP)
    assert server.unprotect_untrusted(fill(wires[1098]), len(wires[1098])) == len(RTP)
    assert server.unprotect_untrusted(fill(wires[22]), len(wires[22])) == FAILED, "older than the window"


@pytest.mark.parametrize("transform", [srtp.InPlaceTransform, CopyingTransform])
@pytest.mark.parametrize("length", [0, 1, 11, 12, 20, 1500])
def test_garbage_is_refused(transform: type, length: int) -> None:
    server = pair(PROFILES[0], transform)[1]
    for first in (0x80, 0x9F, 0xBF):
        garbage = bytes([first]) + b"\xc9" * 1499
        assert server.unprotect_untrusted(fill(garbage), length) == FAILED
        assert server.unprotect_rtcp_untrusted(fill(garbage), length) == FAILED
