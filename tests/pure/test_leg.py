"""What shows a leg that its peer is there, and what does not."""

import pytest

from actors.ids import LegId
from actors.media.dtls import process_identity
from actors.media.engine_messages import (
    Codec,
    DtlsRole,
    EngineEvent,
    IceCredentials,
    Negotiate,
    PathUp,
    Peer,
)
from actors.media.leg import Leg, LegContext
from actors.media.liveness import LOST_AFTER
from actors.media.rtcp import goodbye, report
from actors.media.rtp import HEADER_LENGTH, write_header
from actors.media.srtp import PROFILES, PacketBuffer, SrtpTransform, open_transform, split_keys
from actors.media.traffic import Traffic

pytestmark = pytest.mark.pure

PCMU = Codec("pcmu", 8000, 0, 0)
SSRC = 7
LEG = LegId("L1")
PEER = Peer(IceCredentials("peer", "p" * 22), ":".join(["00"] * 32))
GOODBYE, REPORT = goodbye(SSRC, "peer"), report(SSRC, None, None, "peer")


class Wired:
    """A leg whose handshake is over, and what its peer sends."""

    def __init__(self) -> None:
        self.events: list[EngineEvent] = []
        self.traffic = Traffic()
        context = LegContext(process_identity(), PacketBuffer(), self.traffic, "cname", self.events.append)
        self.leg = Leg(LEG, 0, context)
        self.leg.negotiate(Negotiate(LEG, PEER, DtlsRole.SERVER, PCMU), 10.0)
        material = bytes(range(2 * (PROFILES[0].key_length + PROFILES[0].salt_length)))
        self.leg.srtp = open_transform(split_keys(PROFILES[0], material, is_client=False))
        self.peer: SrtpTransform = open_transform(split_keys(PROFILES[0], material, is_client=True))
        self.buffer = PacketBuffer()
        self.sequence = 0

    def report(self, data: bytes) -> bytes:
        self.buffer.view[: len(data)] = data
        return bytes(self.buffer.view[: self.peer.protect_rtcp(self.buffer, 0, len(data))])

    def audio(self) -> bytes:
        self.sequence += 1
        write_header(self.buffer.data, 0, 0, self.sequence, 160 * self.sequence, SSRC)
        return bytes(self.buffer.view[: self.peer.protect(self.buffer, 0, HEADER_LENGTH + 160)])

    def take(self, packet: bytes, now: float) -> bool:
        self.buffer.view[: len(packet)] = packet
        return self.leg.take_media(self.buffer, len(packet), now)


def test_a_report_shows_that_the_path_is_up_and_a_goodbye_does_not() -> None:
    wired = Wired()
    assert wired.take(wired.report(GOODBYE), 11.0), "authentic all the same"
    assert wired.events == []
    assert wired.take(wired.report(REPORT), 11.0)
    assert wired.events == [PathUp(LEG)]


def test_a_goodbye_keeps_no_path_alive() -> None:
    """Whoever leaves is not there: the two seconds run from what came before."""
    wired = Wired()
    wired.take(wired.audio(), 11.0)
    wired.take(wired.report(GOODBYE), 12.5)
    assert wired.leg.live.deadline == 11.0 + LOST_AFTER
    wired.take(wired.audio(), 12.6)
    assert wired.leg.live.deadline == 12.6 + LOST_AFTER


def test_a_packet_that_is_sent_again_counts_for_nothing() -> None:
    """Anybody on the way can repeat what is authentic."""
    wired = Wired()
    audio, told = wired.audio(), wired.report(REPORT)
    assert wired.take(audio, 11.0)
    assert wired.take(told, 11.0)
    for packet in (audio, told):
        assert not wired.take(packet, 12.0)
    assert wired.traffic.dropped == {"srtp": 2}
    assert wired.leg.inlet.reception.packets == 1
    assert wired.leg.live.heard_at == 11.0


def test_the_level_that_the_peer_tells_is_read_where_it_was_negotiated() -> None:
    """Also when a new description in the same session has moved it."""
    wired = Wired()
    assert wired.leg.inlet.level_extension is None
    for number in (3, 5):
        peer = Peer(PEER.ice, PEER.fingerprint, level_extension=number)
        wired.leg.negotiate(Negotiate(LEG, peer, DtlsRole.SERVER, PCMU), 10.0)
        assert wired.leg.inlet.level_extension == number
