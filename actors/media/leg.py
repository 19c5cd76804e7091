"""One leg's transport: the path that ICE found, DTLS, SRTP, reports, and the verdict on the peer."""

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from actors.ids import LegId
from actors.media.custody import Custody, kept_keys
from actors.media.datagram import InvalidDatagram
from actors.media.dtls import DtlsEndpoint, Identity
from actors.media.engine_messages import (
    Candidate,
    EngineEvent,
    LegPlaybackEnded,
    LegSecured,
    LegVolume,
    Negotiate,
    PathLost,
    PathUp,
    Peer,
)
from actors.media.ice_controlling import PRFLX_PRIORITY
from actors.media.inlet import Inlet
from actors.media.liveness import Liveness, Phase
from actors.media.meter import Meter
from actors.media.notes import Note, Progress, SessionKeys
from actors.media.outlet import Outlet
from actors.media.ports import Path, local_host, plain_host
from actors.media.reports import Reports
from actors.media.rtp import OutboundStream
from actors.media.srtp import PacketBuffer, SrtpTransform, open_transform
from actors.media.traffic import Traffic

MAX_EARLY_DTLS: Final = 2
"""Datagrams kept from a validated address until the peer's fingerprint is known."""
SECOND: Final = 1.0


@dataclass(frozen=True, slots=True)
class LegContext:
    """What the legs of an engine share. `outbound` is where packets are written that a leg makes itself.

    `keep` is for their `Custody`; None when the engine dies with all that it belongs to.
    """

    identity: Identity
    outbound: PacketBuffer
    traffic: Traffic
    cname: str
    emit: Callable[[EngineEvent], None]
    keep: Callable[[Note], bool] | None = None


class Leg:
    """Knows nothing of ICE but its result: the engine's links call `set_path` and feed what they receive.

    `turn_at` is when `expire` wants to run; setting it to 0 asks for the next turn.
    """

    __slots__ = (
        "_began_at",
        "_context",
        "_dtls",
        "_dtls_at",
        "_early",
        "_found_at",
        "_is_dtls_started",
        "_second_at",
        "custody",
        "inlet",
        "leg",
        "live",
        "meter",
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
        self.custody = Custody(leg, context.keep)
        self.inlet = Inlet(leg, number, context.emit, context.outbound, context.traffic)
        self.outlet = Outlet(context.outbound, context.traffic, self.transmit, self._end_clip, self._reserve)
        self.meter = Meter(self.inlet, self.outlet)
        self.reports = Reports(context.cname)
        self.turn_at = 0.0
        self._dtls: DtlsEndpoint | None = None
        self._dtls_at = inf
        self._is_dtls_started = False
        self._early: deque[bytes] = deque(maxlen=MAX_EARLY_DTLS)
        self._second_at = inf
        self._began_at = 0.0
        self._found_at = 0.0

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
        if self.path is None:
            self._found_at = now
        self.path = path
        self.turn_at = 0.0
        self._begin_dtls(now)

    # --- the media session ----------------------------------------------------------------------

    def negotiate(self, command: Negotiate, now: float) -> None:
        """Begin a media session, or change codec within it; another fingerprint begins it anew."""
        former, self.peer = self.peer, command.peer
        self.inlet.level_extension = command.peer.level_extension
        self.turn_at = 0.0
        if former is not None and former.fingerprint == command.peer.fingerprint:
            self.inlet.set_codec(command.codec)
            self.outlet.set_codec(command.codec)
            self.meter.set_codec(command.codec, now)
            return
        if former is not None:
            self._early.clear()
        self.srtp = None
        self.outlet.close_stream()
        self.live.negotiate(now)
        self._began_at = now
        self._dtls = DtlsEndpoint(self._context.identity, command.dtls, command.peer.fingerprint)
        self._is_dtls_started = False
        self._dtls_at = inf
        # Staggered over the second, or all legs would report at once.
        self._second_at = now + SECOND * (1 + self.number % 50 / 50)
        self.inlet.reset(command.codec)
        self.outlet.set_codec(command.codec)
        self.meter.set_codec(command.codec, now)
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
            self.custody.begin(dtls.keys)
            self._open_streams(open_transform(dtls.keys), self._new_stream())
            if self.path is not None and self.peer is not None:
                self._context.emit(self._tell_secured(self.path, self.peer, now))

    def _open_streams(self, srtp: SrtpTransform, stream: OutboundStream) -> None:
        self.srtp = srtp
        self.custody.watch(stream)
        self.outlet.open_stream(srtp, stream)
        self.reports.reset()

    def _tell_secured(self, path: Path, peer: Peer, now: float) -> LegSecured:
        """A path may have been found before the peer's description came."""
        found_at = max(self._found_at, self._began_at)
        host, port = plain_host(path.address[0]), path.address[1]
        reflexive = Candidate(host, port, priority=PRFLX_PRIORITY)
        remote = next(
            (known for known in peer.candidates if (known.host, known.port) == (host, port)), reflexive
        )
        local = Candidate(local_host(path.sock, path.address), path.sock.getsockname()[1])
        return LegSecured(self.leg, found_at - self._began_at, now - found_at, local, remote, peer.candidates)

    def _new_stream(self) -> OutboundStream:
        codec = self.outlet.codec
        assert codec is not None
        # Low numbers: a receiver that misses the first packets must not miss a wrap (RFC 3711 section 3.3.1).
        return OutboundStream(
            ssrc=secrets.randbits(32),
            index=secrets.randbits(15),
            timestamp=secrets.randbits(32),
            clock_rate=codec.clock_rate,
        )

    def _reserve(self) -> bool:
        stream = self.outlet.stream
        return stream is not None and self.custody.reserve(stream, self.inlet.reception)

    def go_on(self, keys: SessionKeys, progress: Progress | None, now: float) -> None:
        """Take over a session from an engine that is gone; it was negotiated anew with the same peer before.

        Raises `ResumptionFailed`.
        """
        srtp_keys = kept_keys(keys)
        self._dtls, self._dtls_at = None, inf
        self.live.go_on(now)
        self.turn_at = 0.0
        if progress is None:
            self._open_streams(open_transform(srtp_keys), self._new_stream())
        else:
            self._open_streams(*self.custody.resume(srtp_keys, progress, self.inlet.reception, now))

    # --- receiving ------------------------------------------------------------------------------

    def take_media(self, buffer: PacketBuffer, length: int, now: float) -> bool:
        """An RTP or RTCP packet from a validated address; True when it was authentic."""
        srtp = self.srtp
        if srtp is None:
            self._context.traffic.drop("early_media")
            return False
        is_rtcp = 192 <= buffer.data[1] <= 223
        unprotect = srtp.unprotect_rtcp_untrusted if is_rtcp else srtp.unprotect_untrusted
        length = unprotect(buffer, length)
        if length < 0:
            self._context.traffic.drop("srtp")
            return False
        if is_rtcp and not self._take_report(bytes(buffer.view[:length]), now):
            return True
        live = self.live
        live.heard_at = now
        if live.phase is not Phase.FLOWING and live.take_media(now):
            self.turn_at = 0.0
            self._context.emit(PathUp(self.leg))
        if not is_rtcp:
            self.inlet.receive(buffer, length, now)
        return True

    def _take_report(self, data: bytes, now: float) -> bool:
        """Whether its sender is still there: a goodbye does not show that a path lives."""
        stream = self.outlet.stream
        ssrc = None if stream is None else stream.ssrc
        try:
            return self.reports.take(data, ssrc, self.inlet.reception, now)
        except InvalidDatagram as error:
            self._context.traffic.drop(error.reason)
            return True

    # --- time -----------------------------------------------------------------------------------

    def expire(self, now: float) -> bool:
        """Do what is due; True once a second, for what the leg's link does then."""
        if self._dtls is not None and self._dtls_at <= now:
            self._follow_dtls(self._dtls.expire(), now)
        self._lose(self.live.expire(now))
        volumes = self.meter.expire(now)
        if volumes is not None:
            self._context.emit(LegVolume(self.leg, *volumes))
        is_second = self._second_at <= now
        if is_second:
            self._second_at = max(self._second_at + SECOND, now + SECOND / 2)
            self._report(now)
        self.turn_at = min(self._dtls_at, self._second_at, self.meter.deadline, self.live.deadline or inf)
        return is_second

    def _report(self, now: float) -> None:
        self.inlet.expire(now)
        stream, codec = self.outlet.stream, self.outlet.codec
        if stream is None or codec is None:
            self._context.emit(
                self.reports.counters(self.leg, self.inlet, None, self.meter.take_levels(), now)
            )
            return
        self._send_rtcp(self.reports.compose(stream, self.inlet.reception, now))
        self._context.emit(self.reports.counters(self.leg, self.inlet, stream, self.meter.take_levels(), now))

    def _send_rtcp(self, data: bytes) -> None:
        assert self.srtp is not None
        self.custody.reports_sent += 1
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
