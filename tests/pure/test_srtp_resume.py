"""A session that goes on where a killed engine's was: the peer never notices, and no nonce is used twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.media.rtp import write_header
from actors.media.srtp import FAILED, PROFILES, PacketBuffer, SrtpKeys, SrtpTransform, open_transform
from actors.media.srtp_resume import STRIDE, resume_transform

pytestmark = pytest.mark.pure

OURS, THEIRS = 11, 22
CYCLE = 1 << 16


def both_keys(profile: int = 0) -> tuple[SrtpKeys, SrtpKeys]:
    size = PROFILES[profile].key_length + PROFILES[profile].salt_length
    one, other = bytes(range(size)), bytes(range(100, 100 + size))
    return SrtpKeys(PROFILES[profile], one, other), SrtpKeys(PROFILES[profile], other, one)


def protect(transform: SrtpTransform, ssrc: int, index: int) -> bytes:
    buffer = PacketBuffer()
    write_header(buffer.data, 0, 0, index, 0, ssrc)
    buffer.view[12:17] = b"voice"
    length = transform.protect(buffer, 0, 17)
    return bytes(buffer.view[:length])


def opens(transform: SrtpTransform, packet: bytes) -> bool:
    buffer = PacketBuffer()
    buffer.view[: len(packet)] = packet
    return transform.unprotect_untrusted(buffer, len(packet)) != FAILED


def walk(sender: SrtpTransform, receiver: SrtpTransform, ssrc: int, until: int) -> None:
    """As a call of many hours would, in few packets."""
    for index in range(0, until, STRIDE):
        assert opens(receiver, protect(sender, ssrc, index))


@pytest.mark.parametrize("profile", [0, 1])
@settings(max_examples=30, deadline=None)
@given(sent=st.integers(1, 5 * CYCLE), received=st.integers(1, 5 * CYCLE))
def test_both_directions_go_on_whatever_has_rolled_over(profile: int, sent: int, received: int) -> None:
    our_keys, their_keys = both_keys(profile)
    ours, theirs = open_transform(our_keys), open_transform(their_keys)
    walk(ours, theirs, OURS, sent)
    walk(theirs, ours, THEIRS, received)
    resumed = resume_transform(
        our_keys,
        ssrc=OURS,
        next_index=sent + 64,
        reports_sent=0,
        received_ssrc=THEIRS,
        received_index=received,
    )
    assert opens(theirs, protect(resumed, OURS, sent + 64))
    assert opens(resumed, protect(theirs, THEIRS, received + 1))


def test_a_session_without_resumption_would_be_deaf_and_mute_after_a_rollover() -> None:
    """What the above is for; without this it could not fail."""
    our_keys, their_keys = both_keys()
    ours, theirs = open_transform(our_keys), open_transform(their_keys)
    walk(ours, theirs, OURS, 3 * CYCLE)
    walk(theirs, ours, THEIRS, 3 * CYCLE)
    fresh = open_transform(our_keys)
    assert not opens(theirs, protect(fresh, OURS, 3 * CYCLE + 64))
    assert not opens(fresh, protect(theirs, THEIRS, 3 * CYCLE + 1))


def test_no_report_index_is_used_twice() -> None:
    """SRTCP counts its packets in the packet: a number that came before is a replay to the peer."""
    our_keys, their_keys = both_keys()
    ours, theirs = open_transform(our_keys), open_transform(their_keys)

    def report_opens(transform: SrtpTransform) -> bool:
        buffer = PacketBuffer()
        buffer.view[:8] = b"\x81\xc9\x00\x01" + OURS.to_bytes(4, "big")
        length = transform.protect_rtcp(buffer, 0, 8)
        return theirs.unprotect_rtcp_untrusted(buffer, length) != FAILED

    assert all(report_opens(ours) for _ in range(20))
    assert not report_opens(open_transform(our_keys))
    resumed = resume_transform(
        our_keys, ssrc=OURS, next_index=1, reports_sent=24, received_ssrc=None, received_index=0
    )
    assert report_opens(resumed)
