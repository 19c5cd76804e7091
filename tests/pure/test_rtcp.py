"""Reports: aiortc reads what we write, we read what it writes, and the round trip comes out right."""

import contextlib

import aiortc.rtp
import pytest
from aiortc.rtp import RtcpReceiverInfo, RtcpSenderInfo
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.media.datagram import InvalidDatagram
from actors.media.reception import Reception
from actors.media.reports import Reports
from actors.media.rtcp import (
    goodbye,
    middle,
    ntp,
    parse_untrusted,
    report,
    round_trip,
)
from actors.media.rtp import OutboundStream

pytestmark = pytest.mark.pure

BLOCK = RtcpReceiverInfo(2, 12, -3, 65536 + 7, 44, 0xABCDEF01, 65536)
SENDER = RtcpSenderInfo(ntp(1234.5), 999, 10, 1600)


def test_aiortc_reads_our_sender_report() -> None:
    packets = aiortc.rtp.RtcpPacket.parse(report(1, SENDER, BLOCK, "name"))
    sender, description = packets
    assert (sender.ssrc, sender.sender_info.packet_count, sender.sender_info.octet_count) == (1, 10, 1600)
    assert (sender.reports[0].packets_lost, sender.reports[0].highest_sequence) == (-3, 65543)
    assert description.chunks[0].items == [(1, b"name")]


def test_aiortc_reads_our_goodbye() -> None:
    assert aiortc.rtp.RtcpPacket.parse(goodbye(5, "x"))[-1].sources == [5]


@pytest.mark.parametrize("block", [BLOCK, None])
@pytest.mark.parametrize("sender", [SENDER, None])
@pytest.mark.parametrize("cname", ["", "a", "ab", "abc", "abcd"])
def test_report_reads_back(sender: RtcpSenderInfo | None, block: RtcpReceiverInfo | None, cname: str) -> None:
    compound = parse_untrusted(report(1, sender, block, cname))
    assert (compound.sender.sender_info if compound.sender else None) == sender
    assert compound.blocks == ([] if block is None else [block])


def test_round_trip_is_without_the_peers_delay() -> None:
    block = RtcpReceiverInfo(1, 0, 0, 0, 0, lsr=middle(ntp(100.0)), dlsr=65536 * 2)
    assert round_trip(block, 102.25) == pytest.approx(0.25, abs=1e-4)


def test_round_trip_is_unknown_before_the_first_report() -> None:
    assert round_trip(RtcpReceiverInfo(1, 0, 0, 0, 0, lsr=0, dlsr=0), 5.0) is None


def test_round_trip_is_never_negative() -> None:
    block = RtcpReceiverInfo(1, 0, 0, 0, 0, lsr=middle(ntp(100.0)), dlsr=65536)
    assert round_trip(block, 100.5) == 0.0


@settings(max_examples=200)
@given(st.binary(max_size=80), st.sampled_from([200, 201, 203, 205]), st.integers(0, 31))
def test_only_the_protocol_error_is_raised(body: bytes, kind: int, count: int) -> None:
    body = body[: len(body) & ~3]
    for data in (body, bytes((0x80 | count, kind, 0, len(body) // 4)) + body):
        with contextlib.suppress(InvalidDatagram):
            parse_untrusted(data)


# --- what a leg makes of reports ----------------------------------------------------------------

OWN, THEIRS = 11, 22


def received(*sequences: int) -> Reception:
    reception = Reception(8000)
    for sequence in sequences:
        reception.receive(THEIRS, sequence, 160)
    return reception


def stream() -> OutboundStream:
    return OutboundStream(ssrc=OWN, index=1, timestamp=0, clock_rate=8000)


def test_a_source_that_said_goodbye_is_no_longer_reported_on() -> None:
    """RFC 3550 section 6.3.4; what was counted of it stays counted."""
    reports, reception = Reports("name"), received(1, 2, 4)
    before = parse_untrusted(reports.compose(stream(), reception, 5.0))
    assert [block.ssrc for block in before.blocks] == [THEIRS]
    assert not reports.take(goodbye(THEIRS, "peer"), OWN, reception, 6.0)
    assert parse_untrusted(reports.compose(stream(), reception, 7.0)).blocks == []
    assert (reception.packets, reception.lost) == (3, 1)


@pytest.mark.parametrize("ssrc", [THEIRS, THEIRS + 1])
def test_a_source_that_sends_after_its_goodbye_is_back(ssrc: int) -> None:
    """The same one, whose last packets were overtaken, or the one that follows it."""
    reports, reception = Reports("name"), received(1, 2, 4)
    reports.take(goodbye(THEIRS, "peer"), OWN, reception, 6.0)
    reception.receive(ssrc, 5, 160)
    blocks = parse_untrusted(reports.compose(stream(), reception, 7.0)).blocks
    assert [block.ssrc for block in blocks] == [ssrc]


def test_goodbye_of_somebody_else_ends_nothing() -> None:
    reports, reception = Reports("name"), received(1)
    reports.take(goodbye(THEIRS + 1, "peer"), OWN, reception, 6.0)
    assert not reception.is_ended


def test_a_report_tells_that_its_sender_is_there() -> None:
    assert Reports("name").take(report(THEIRS, SENDER, BLOCK, "peer"), OWN, received(1), 6.0)


def test_delay_since_the_last_report_is_in_ours() -> None:
    reports, reception = Reports("name"), received(1)
    reports.take(report(THEIRS, SENDER, None, "peer"), OWN, reception, 10.0)
    (block,) = parse_untrusted(reports.compose(stream(), reception, 10.5)).blocks
    assert (block.lsr, block.dlsr) == (middle(SENDER.ntp_timestamp), 32768)
