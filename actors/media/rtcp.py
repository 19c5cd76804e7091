"""RTCP compound packets: sender and receiver reports, SDES, BYE (RFC 3550 section 6).

aiortc's codec reads and writes them; they come once a second.
"""

import struct
from dataclasses import dataclass, field

from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)

from actors.media.datagram import MAX_DATAGRAM, InvalidDatagram

MAX_CNAME = 255
SDES_CNAME = 1


@dataclass(slots=True)
class Compound:
    """What is of use in a compound packet."""

    sender: RtcpSrPacket | None = None
    blocks: list[RtcpReceiverInfo] = field(default_factory=list)
    goodbyes: list[int] = field(default_factory=list)


def ntp(now: float) -> int:
    """A 64-bit NTP timestamp from any steady clock (section 4 allows the time since start)."""
    return int(now * 4294967296.0) & 0xFFFFFFFFFFFFFFFF


def middle(timestamp: int) -> int:
    """The middle 32 bits: 1/65536 s, as LSR carries them."""
    return (timestamp >> 16) & 0xFFFFFFFF


def round_trip(block: RtcpReceiverInfo, now: float) -> float | None:
    """Seconds from our report to its echo in `block` without the peer's delay, or None (section 6.4.1)."""
    if block.lsr == 0:
        return None
    ticks = (middle(ntp(now)) - block.lsr - block.dlsr) & 0xFFFFFFFF
    return ticks / 65536 if ticks < 0x80000000 else 0.0


def parse_untrusted(data: bytes) -> Compound:
    """Read a compound packet; what is not a report or a goodbye is skipped. Raises `InvalidDatagram`."""
    if len(data) > MAX_DATAGRAM:
        raise InvalidDatagram("rtcp")
    try:
        packets = RtcpPacket.parse(data)
    except (ValueError, IndexError, struct.error):
        raise InvalidDatagram("rtcp") from None
    compound = Compound()
    for packet in packets:
        if isinstance(packet, RtcpSrPacket):
            compound.sender = packet
        if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
            compound.blocks += packet.reports
        if isinstance(packet, RtcpByePacket):
            compound.goodbyes += packet.sources
    return compound


def report(ssrc: int, sender: RtcpSenderInfo | None, block: RtcpReceiverInfo | None, cname: str) -> bytes:
    """A compound packet: SR when we have sent, else RR; one report block at most; SDES CNAME."""
    blocks = [] if block is None else [block]
    if sender is None:
        return bytes(RtcpRrPacket(ssrc, blocks)) + _description(ssrc, cname)
    return bytes(RtcpSrPacket(ssrc, sender, blocks)) + _description(ssrc, cname)


def goodbye(ssrc: int, cname: str) -> bytes:
    """An empty receiver report, SDES and BYE (section 6.6)."""
    return bytes(RtcpRrPacket(ssrc, [])) + _description(ssrc, cname) + bytes(RtcpByePacket([ssrc]))


def _description(ssrc: int, cname: str) -> bytes:
    name = cname.encode()[:MAX_CNAME]
    return bytes(RtcpSdesPacket([RtcpSourceInfo(ssrc, [(SDES_CNAME, name)])]))
