"""Reports: aiortc reads what we write, we read what it writes, and the round trip comes out right."""

import contextlib

import aiortc.rtp
import pytest
from aiortc.rtp import RtcpReceiverInfo, RtcpSenderInfo
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.media.datagram import InvalidDatagram
from actors.media.rtcp import (
    goodbye,
    middle,
    ntp,
    parse_untrusted,
    report,
    round_trip,
)

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
