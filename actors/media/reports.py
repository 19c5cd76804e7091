"""A leg's RTCP: what it reports each second, what the peer's reports tell, and the counters made of both."""

from aiortc.rtp import RtcpReceiverInfo, RtcpSenderInfo

from actors.ids import LegId
from actors.media.engine_messages import LegCounters
from actors.media.inlet import Inlet
from actors.media.meter import Levels
from actors.media.reception import Reception
from actors.media.rtcp import goodbye, middle, ntp, parse_untrusted, report, round_trip
from actors.media.rtp import OutboundStream


class Reports:
    """`rtt` is what the peer's reports tell, `check_rtt` what ICE measured; in seconds."""

    __slots__ = ("_cname", "_sender_at", "_sender_middle", "_sender_ssrc", "check_rtt", "rtt")

    def __init__(self, cname: str) -> None:
        self._cname = cname
        self.check_rtt: float | None = None
        self.reset()

    def reset(self) -> None:
        """A new media session."""
        self.rtt: float | None = None
        self._sender_ssrc: int | None = None
        self._sender_middle = 0
        self._sender_at = 0.0

    def take(self, data: bytes, own_ssrc: int | None, reception: Reception, now: float) -> bool:
        """Read a compound packet about our stream `own_ssrc` and the one that is received.

        False for a goodbye: its sender was there and is no longer. Raises `InvalidDatagram`.
        """
        compound = parse_untrusted(data)
        for ssrc in compound.goodbyes:
            reception.end(ssrc)
        if compound.sender is not None:
            self._sender_ssrc = compound.sender.ssrc
            self._sender_middle = middle(compound.sender.sender_info.ntp_timestamp)
            self._sender_at = now
        for block in compound.blocks:
            if block.ssrc == own_ssrc:
                rtt = round_trip(block, now)
                self.rtt = self.rtt if rtt is None else rtt
        return not compound.goodbyes

    def compose(self, stream: OutboundStream, reception: Reception, now: float) -> bytes:
        """This second's compound packet."""
        sender = None
        if stream.packets:
            sender = RtcpSenderInfo(
                ntp(now),
                stream.timestamp_at(now),
                stream.packets & 0xFFFFFFFF,
                stream.octets & 0xFFFFFFFF,
            )
        return report(stream.ssrc, sender, self._block(reception, now), self._cname)

    def _block(self, reception: Reception, now: float) -> RtcpReceiverInfo | None:
        if reception.ssrc is None or reception.is_ended:
            return None
        has_sender = self._sender_ssrc == reception.ssrc
        return RtcpReceiverInfo(
            ssrc=reception.ssrc,
            fraction_lost=reception.take_fraction_lost(),
            packets_lost=reception.lost_of_stream,
            highest_sequence=reception.maximum & 0xFFFFFFFF,
            jitter=int(reception.jitter),
            lsr=self._sender_middle if has_sender else 0,
            dlsr=min(int((now - self._sender_at) * 65536), 0xFFFFFFFF) if has_sender else 0,
        )

    def goodbye(self, stream: OutboundStream) -> bytes:
        return goodbye(stream.ssrc, self._cname)

    def counters(
        self, leg: LegId, inlet: Inlet, stream: OutboundStream | None, levels: Levels, now: float
    ) -> LegCounters:
        """Cumulative counts of the media session, with the levels since the last time."""
        reception = inlet.reception
        rtt = self.check_rtt if self.rtt is None else self.rtt
        return LegCounters(
            leg=leg,
            at=now,
            bytes_sent=stream.octets if stream else 0,
            packets_sent=stream.packets if stream else 0,
            bytes_received=reception.octets,
            packets_received=reception.packets,
            packets_lost=reception.lost,
            jitter_ms=reception.jitter_ms,
            rtt_ms=None if rtt is None else rtt * 1000,
            input_levels=levels[0],
            output_levels=levels[1],
        )
