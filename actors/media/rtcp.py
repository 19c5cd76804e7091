"""RTCP compound packets: sender and receiver reports, SDES, BYE (RFC 3550 section 6)."""

import struct
from dataclasses import dataclass, field

from actors.media.datagram import InvalidDatagram

SR, RR, SDES, BYE = 200, 201, 202, 203
MAX_BLOCKS = 31
MAX_PACKETS = 16
MAX_CNAME = 255

_head = struct.Struct("!BBH")
_sender = struct.Struct("!IQIII")
_block = struct.Struct("!IIIIII")
_ssrc = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver tells about the stream `ssrc`; `lsr` and `dlsr` are in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    lsr: int
    dlsr: int


@dataclass(frozen=True, slots=True)
class SenderInfo:
    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(slots=True)
class Compound:
    """What is of use in a compound packet."""

    sender: SenderInfo | None = None
    blocks: list[ReportBlock] = field(default_factory=list)
    goodbyes: list[int] = field(default_factory=list)


def ntp(now: float) -> int:
    """A 64-bit NTP timestamp from any steady clock (section 4 allows the time since start)."""
    return int(now * 4294967296.0) & 0xFFFFFFFFFFFFFFFF


def middle(timestamp: int) -> int:
    """The middle 32 bits: 1/65536 s, as LSR carries them."""
    return (timestamp >> 16) & 0xFFFFFFFF


def round_trip(block: ReportBlock, now: float) -> float | None:
    """Seconds from our report to its echo in `block` without the peer's delay, or None (section 6.4.1)."""
    if block.lsr == 0:
        return None
    ticks = (middle(ntp(now)) - block.lsr - block.dlsr) & 0xFFFFFFFF
    return ticks / 65536 if ticks < 0x80000000 else 0.0


def parse_untrusted(data: bytes) -> Compound:
    """Read a compound packet; unknown packet types are skipped. Raises `InvalidDatagram`."""
    compound = Compound()
    at = 0
    for _ in range(MAX_PACKETS):
        if at == len(data):
            return compound
        if at + 4 > len(data):
            break
        first, kind, words = _head.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            break
        _read(compound, kind, first & 0x1F, data[at + 4 : end])
        at = end
    raise InvalidDatagram("rtcp_header")


def _read(compound: Compound, kind: int, count: int, body: bytes) -> None:
    if kind == SR:
        _need(body, _sender.size + count * _block.size)
        compound.sender = SenderInfo(*_sender.unpack_from(body))
        _read_blocks(compound, count, body, _sender.size)
    elif kind == RR:
        _need(body, 4 + count * _block.size)
        _read_blocks(compound, count, body, 4)
    elif kind == BYE:
        _need(body, 4 * count)
        compound.goodbyes += [_ssrc.unpack_from(body, 4 * i)[0] for i in range(count)]


def _need(body: bytes, length: int) -> None:
    if len(body) < length:
        raise InvalidDatagram("rtcp_length")


def _read_blocks(compound: Compound, count: int, body: bytes, at: int) -> None:
    for i in range(count):
        ssrc, loss, highest, jitter, lsr, dlsr = _block.unpack_from(body, at + i * _block.size)
        lost = loss & 0xFFFFFF
        lost -= (lost & 0x800000) << 1
        compound.blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, lsr, dlsr))


def report(ssrc: int, sender: SenderInfo | None, block: ReportBlock | None, cname: str) -> bytes:
    """A compound packet: SR when we have sent, else RR; one report block at most; SDES CNAME."""
    blocks = b"" if block is None else _pack_block(block)
    count = 0 if block is None else 1
    if sender is None:
        head = _packet(RR, count, _ssrc.pack(ssrc) + blocks)
    else:
        info = _sender.pack(ssrc, sender.ntp, sender.rtp_timestamp, sender.packets, sender.octets)
        head = _packet(SR, count, info + blocks)
    return head + _description(ssrc, cname)


def goodbye(ssrc: int, cname: str) -> bytes:
    """An empty receiver report, SDES and BYE (section 6.6)."""
    return _packet(RR, 0, _ssrc.pack(ssrc)) + _description(ssrc, cname) + _packet(BYE, 1, _ssrc.pack(ssrc))


def _description(ssrc: int, cname: str) -> bytes:
    name = cname.encode()[:MAX_CNAME]
    chunk = _ssrc.pack(ssrc) + bytes((1, len(name))) + name
    return _packet(SDES, 1, chunk + bytes(4 - len(chunk) % 4))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _head.pack(0x80 | count, kind, len(body) // 4) + body


def _pack_block(block: ReportBlock) -> bytes:
    loss = (block.fraction_lost << 24) | (block.lost & 0xFFFFFF)
    return _block.pack(
        block.ssrc, loss, block.highest_sequence & 0xFFFFFFFF, block.jitter, block.lsr, block.dlsr
    )
