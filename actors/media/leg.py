"""One leg's transport: the path that ICE found, DTLS, SRTP, reports, and the verdict on the peer."""

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from actors.ids import LegId
from actors.media.datagram import InvalidDatagram
from actors.media.dtls import DtlsEndpoint, Identity
from actors.media.engine_messages import EngineEvent, LegPlaybackEnded, Negotiate, PathLost, PathUp, Peer
from actors.media.inlet import Inlet
from actors.media.liveness import Liveness, Phase
from actors.media.outlet import Outlet
from actors.media.ports import Path
from actors.media.reports import Reports
from actors.media.rtp import OutboundStream
from actors.media.srtp import PacketBuffer, SrtpTransform, open_transform
from actors.media.traffic import Traffic

MAX_EARLY_DTLS: Final = 2
"""Datagrams kept from a validated address until the peer's fingerprint is known."""
SECOND: Final = 1.0


@dataclass(frozen=True, slots=True)
class LegContext:
    """What the legs of an engine share. `outbound` is where packets are written that a leg makes itself."""

    identity: Identity
    outbound: PacketBuffer
    traffic: Traffic
    cname: str
    emit: Callable[[EngineEvent], None]


class Leg:
    """Knows nothing of ICE but its result: the engine's links call `set_path` and feed what they receive.

    `turn_at` is when `expire` wants to run; setting it to 0 asks for the next turn.
    """

    __slots__ = (
        "_context",
        "_dtls",
        "_dtls_at",
        "_early",
        "_is_dtls_started",
        "_second_at",
        "inlet",
        "leg",
        "live",
        "number",
        "outlet",
        "path",
        "peer",
        "reports",
        "srtp",
        "turn_at",
    )

    def __init__(self, leg: LegId, number: int, context: LegContext) -> None:
        self.leg = leg
        self.number = number
        self._context = context
        self.path: Path | None = None
        self.peer: Peer | None = None
        self.srtp: SrtpTransform | None = None
        self.live = Liveness()
        self.inlet = Inlet(leg, number, context.emit, context.outbound, context.traffic)
        self.outlet = Outlet(context.outbound, context.traffic, self.transmit, self._end_clip)
        self.reports = Reports(context.cname)
        self.turn_at = 0.0
        self._dtls: DtlsEndpoint | None = None
        self._dtls_at = inf
        self._is_dtls_started = False
        self._early: deque[bytes] = deque(maxlen=MAX_EARLY_DTLS)
        self._second_at = inf

    def __repr__(self) -> str:
        return f"<Leg {self.leg} {self.live.phase.value}>"

    @property
    def is_flowing(self) -> bool:
        """Authenticated media flows."""
        return self.live.phase is Phase.FLOWING

    # --- sending --------------------------------------------------------------------------------

    def transmit(self, packet: memoryview | bytes) -> None:
        """Send on the path; a failure is counted, for UDP may lose anything."""
        path, traffic = self.path, self._context.traffic
        if path is None or path.is_holed:
            traffic.drop("no_path")
            return
        try:
            path.sock.sendto(packet, path.address)
        except OSError:
            traffic.drop("send_error")
        else:
            traffic.packets_out += 1

    def set_path(self, path: Path | None, now: float) -> None:
        """ICE has chosen a path, or has none."""
        self.path = path
        self.turn_at = 0.0
        self._begin_dtls(now)

    # --- the media session ----------------------------------------------------------------------

    def negotiate(self, command: Negotiate, now: float) -> None:
        """Begin a media session, or change codec within it; another fingerprint begins it anew."""
        former, self.peer = self.peer, command.peer
        self.turn_at = 0.0
        if former is not None and former.fingerprint == command.peer.fingerprint:
            self.inlet.set_codec(command.codec)
            self.outlet.set_codec(command.codec)
            return
        if former is not None:
            self._early.clear()
        self.srtp = None
        self.outlet.close_stream()
        self.live.negotiate(now)
        self._dtls = DtlsEndpoint(self._context.identity, command.dtls, command.peer.fingerprint)
        self._is_dtls_started = False
        self._dtls_at = inf
        # Staggered over the second, or all legs would report at once.
        self._second_at = now + SECOND * (1 + self.number % 50 / 50)
        self.inlet.reset(command.codec)
        self.outlet.set_codec(command.codec)
        self._begin_dtls(now)

    def take_dtls(self, datagram: bytes, now: float) -> None:
        """A DTLS datagram from a validated address."""
        if self._dtls is None:
            self._early.append(datagram)
            return
        if not self._is_dtls_started:
            self._begin_dtls(now)
        try:
            flight = self._dtls.receive(datagram)
        except InvalidDatagram as error:
            self._context.traffic.drop(error.reason)
            return
        self._follow_dtls(flight, now)

    def _begin_dtls(self, now: float) -> None:
        if self._dtls is None or self._is_dtls_started or self.path is None:
            return
        self._is_dtls_started = True
        self._follow_dtls(self._dtls.start(), now)
        early, self._early = tuple(self._early), deque(maxlen=MAX_EARLY_DTLS)
        for datagram in early:
            self.take_dtls(datagram, now)

    def _follow_dtls(self, flight: list[bytes], now: float) -> None:
        dtls = self._dtls
        assert dtls is not None
        for datagram in flight:
            self.transmit(datagram)
        timeout = dtls.timeout
        self._dtls_at = inf if timeout is None else now + timeout
        self.turn_at = 0.0
        if dtls.failure is not None:
            self._context.traffic.drop(dtls.failure)
            self._lose(self.live.fail(now))
        elif dtls.keys is not None and self.srtp is None:
            self.srtp = open_transform(dtls.keys)
            self.outlet.open_stream(self.srtp, self._new_stream())
            self.reports.reset()

    def _new_stream(self) -> OutboundStream:
        codec = self.outlet.codec
        assert codec is not None
        # Low numbers: a receiver that misses the first packets must not miss a wrap (RFC 3711 section 3.3.1).
        return OutboundStream(
            ssrc=secrets.randbits(32),
            sequence=secrets.randbits(15),
            timestamp=secrets.randbits(32),
            clock_rate=codec.clock_rate,
        )

    # --- receiving ------------------------------------------------------------------------------

    def take_media(self, buffer: PacketBuffer, length: int, now: float) -> bool:
        """An RTP or RTCP packet from a validated address; True when it was authentic."""
        srtp = self.srtp
        if srtp is None:
            self._context.traffic.drop("early_media")
            return False
        is_rtcp = 192 <= buffer.data[1] <= 223
        length = srtp.unprotect_rtcp(buffer, length) if is_rtcp else srtp.unprotect(buffer, length)
        if length < 0:
            self._context.traffic.drop("srtp")
            return False
        live = self.live
        live.heard_at = now
        if live.phase is not Phase.FLOWING and live.take_media(now):
            self.turn_at = 0.0
            self._context.emit(PathUp(self.leg))
        if is_rtcp:
            self._take_report(bytes(buffer.view[:length]), now)
        else:
            self.inlet.receive(buffer, length, now)
        return True

    def _take_report(self, data: bytes, now: float) -> None:
        stream = self.outlet.stream
        try:
            self.reports.take(data, None if stream is None else stream.ssrc, now)
        except InvalidDatagram as error:
            self._context.traffic.drop(error.reason)

    # --- time -----------------------------------------------------------------------------------

    def expire(self, now: float) -> bool:
        """Do what is due; True once a second, for what the leg's link does then."""
        if self._dtls is not None and self._dtls_at <= now:
            self._follow_dtls(self._dtls.expire(), now)
        self._lose(self.live.expire(now))
        is_second = self._second_at <= now
        if is_second:
            self._second_at = max(self._second_at + SECOND, now + SECOND / 2)
            self._report(now)
        self.turn_at = min(self._dtls_at, self._second_at, self.live.deadline or inf)
        return is_second

    def _report(self, now: float) -> None:
        self.inlet.expire(now)
        stream, codec = self.outlet.stream, self.outlet.codec
        if stream is None or codec is None:
            self._context.emit(self.reports.counters(self.leg, self.inlet, None, now))
            return
        self._send_rtcp(self.reports.compose(stream, self.inlet.reception, now))
        self._context.emit(self.reports.counters(self.leg, self.inlet, stream, now))

    def _send_rtcp(self, data: bytes) -> None:
        assert self.srtp is not None
        outbound = self._context.outbound
        outbound.view[: len(data)] = data
        length = self.srtp.protect_rtcp(outbound, 0, len(data))
        if length >= 0:
            self.transmit(outbound.view[:length])

    def _lose(self, idle: float | None) -> None:
        if idle is not None:
            self._context.emit(PathLost(self.leg, idle))

    def _end_clip(self) -> None:
        self._context.emit(LegPlaybackEnded(self.leg))

    def close(self) -> None:
        """Say goodbye; nothing is sent afterwards."""
        if self.srtp is not None and self.outlet.stream is not None:
            self._send_rtcp(self.reports.goodbye(self.outlet.stream))
        self.srtp = None
        self.outlet.close_stream()
        self.path = None
        self._dtls = None
        self.turn_at = inf
