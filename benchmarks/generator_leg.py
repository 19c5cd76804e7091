"""One leg of the load generator: a full WebRTC peer made of the product's own pieces, on its own socket."""

import secrets
import socket
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from functools import partial
from math import inf
from typing import Final

from aiortc.rtp import RtcpReceiverInfo, RtcpSenderInfo

from actors.media.actor import new_credentials
from actors.media.datagram import Address, InvalidDatagram
from actors.media.description import OFFERED_PAYLOAD_TYPES, Kind, choose_codec, choose_dtls_role
from actors.media.dtls import DtlsEndpoint, process_identity
from actors.media.engine_messages import Candidate, IceRole
from actors.media.ice_controlling import ControllingAgent, Transmit
from actors.media.ports import open_socket
from actors.media.rtcp import ntp, report
from actors.media.rtp import HEADER_LENGTH, header
from actors.media.sdp import parse_description_untrusted
from actors.media.sdp_write import LocalSession, write_offer
from actors.media.srtp import PacketBuffer, SrtpTransform, open_transform
from actors.media.stun import TRANSACTION_LENGTH, parse_untrusted
from benchmarks.arrivals import FRAME_TICKS

CODEC: Final = "opus"
CNAME: Final = "generator"
SO_TIMESTAMPNS: Final = 35
SO_RXQ_OVFL: Final = 40
RECEIVE_BUFFER: Final = 256 << 10
_VERSION_2, _LAST_STUN, _LAST_DTLS = 0x80, 3, 63


class Phase(Enum):
    NEW = "new"
    CONNECTING = "connecting"
    UP = "up"
    FAILED = "failed"


class GeneratorLeg:
    """The kernel stamps what arrives, so that the generator need not be quick to read it.

    `turn_at` is when `expire` wants to run; `failure` says why the leg cannot come up.
    """

    def __init__(self, number: int, host: str) -> None:
        identity = process_identity()
        self.number = number
        self.phase = Phase.NEW
        self.failure = ""
        self.turn_at = inf
        self.sock = open_socket(host, buffer=RECEIVE_BUFFER)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        self.sequence = secrets.randbits(15)
        self.timestamp = secrets.randbits(32)
        self.ssrc = secrets.randbits(32)
        self.payload_type = OFFERED_PAYLOAD_TYPES[CODEC]
        self.peer_ssrc: int | None = None
        self.peer_sequence = 0
        self.srtp: SrtpTransform | None = None
        self._sent = self._octets = 0
        self._local = new_credentials()
        self._fingerprint = identity.fingerprint
        self._agent = ControllingAgent(
            self._local, secrets.randbits(64), partial(secrets.token_bytes, TRANSACTION_LENGTH)
        )
        self._dtls: DtlsEndpoint | None = None
        self._dtls_at = inf
        self._is_dtls_started = False

    def offer(self) -> str:
        """A browser's in short: with a candidate, and the SSRC without which Janus takes no audio."""
        host, port = self.sock.getsockname()
        local = LocalSession(self.number, 1, self._local, self._fingerprint, (Candidate(host, port),))
        self.phase = Phase.CONNECTING
        return f"{write_offer(local, (CODEC,))}a=ssrc:{self.ssrc} cname:{CNAME}\r\n"

    def take_answer(self, sdp: str, now: float) -> None:
        """Begin checks, with IPv4 only. Raises `DescriptionError`."""
        remote = parse_description_untrusted(sdp, Kind.ANSWER)
        self.payload_type = choose_codec(remote, (CODEC,), OFFERED_PAYLOAD_TYPES).payload_type
        role = choose_dtls_role(remote, IceRole.CONTROLLING)
        self._dtls = DtlsEndpoint(process_identity(), role, remote.fingerprint)
        candidates = [candidate for candidate in remote.candidates if ":" not in candidate.host]
        self._send_checks(self._agent.set_peer(remote.ice, candidates, now))
        self._set_turn()

    # --- receiving what is no media -------------------------------------------------------------

    def take_control(self, datagram: bytes, address: Address, now: float) -> None:
        """STUN or DTLS; what does not fit is dropped."""
        if not datagram:
            return
        try:
            if datagram[0] <= _LAST_STUN:
                self._send_checks(self._agent.receive(parse_untrusted(datagram), address, now))
            elif datagram[0] <= _LAST_DTLS and self._dtls is not None and self._agent.is_valid(address):
                self._start_dtls(address, now)
                self._follow_dtls(self._dtls.receive(datagram), now)
        except InvalidDatagram:
            return
        if self._agent.path is not None:
            self._start_dtls(self._agent.path, now)
        self._set_turn()

    def _start_dtls(self, address: Address, now: float) -> None:
        if self._dtls is None or self._is_dtls_started:
            return
        self._is_dtls_started = True
        self.sock.connect(address)
        self._follow_dtls(self._dtls.start(), now)

    def _follow_dtls(self, flight: list[bytes], now: float) -> None:
        dtls = self._dtls
        assert dtls is not None
        with suppress(OSError):
            for datagram in flight:
                self.sock.send(datagram)
        timeout = dtls.timeout
        self._dtls_at = inf if timeout is None else now + timeout
        if dtls.failure is not None:
            self.phase, self.failure = Phase.FAILED, dtls.failure
        elif dtls.keys is not None and self.srtp is None:
            self.srtp = open_transform(dtls.keys)
            self.phase = Phase.UP

    def _send_checks(self, checks: Iterable[Transmit]) -> None:
        with suppress(OSError):
            for check in checks:
                self.sock.sendto(check.datagram, check.address)

    # --- time -----------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """Consent checks and DTLS' repetitions."""
        deadline = self._agent.deadline
        if deadline is not None and deadline <= now:
            self._send_checks(self._agent.expire(now))
        if self._dtls is not None and self._dtls_at <= now:
            self._follow_dtls(self._dtls.expire(), now)
        self._set_turn()

    def _set_turn(self) -> None:
        deadline = self._agent.deadline
        self.turn_at = min(self._dtls_at, inf if deadline is None else deadline)

    # --- media ----------------------------------------------------------------------------------

    def send_frame(self, buffer: PacketBuffer, frame: int, payload: bytes) -> None:
        """Send the packet whose number and time on the RTP clock are those of `frame`. Raises OSError."""
        srtp = self.srtp
        assert srtp is not None
        end = HEADER_LENGTH + len(payload)
        header.pack_into(
            buffer.data,
            0,
            _VERSION_2,
            self.payload_type,
            (self.sequence + frame) & 0xFFFF,
            (self.timestamp + frame * FRAME_TICKS) & 0xFFFFFFFF,
            self.ssrc,
        )
        buffer.view[HEADER_LENGTH:end] = payload
        self.sock.send(buffer.view[: srtp.protect(buffer, 0, end)])
        self._sent += 1
        self._octets += len(payload)

    def send_report(self, buffer: PacketBuffer, frame: int, now: float) -> None:
        """A sender report with a block about the peer, as a browser sends them. Raises OSError."""
        srtp = self.srtp
        if srtp is None or not self._sent:
            return
        clock = (self.timestamp + frame * FRAME_TICKS) & 0xFFFFFFFF
        sender = RtcpSenderInfo(ntp(now), clock, self._sent & 0xFFFFFFFF, self._octets & 0xFFFFFFFF)
        block = None
        if self.peer_ssrc is not None:
            block = RtcpReceiverInfo(self.peer_ssrc, 0, 0, self.peer_sequence, 0, 0, 0)
        data = report(self.ssrc, sender, block, CNAME)
        buffer.view[: len(data)] = data
        self.sock.send(buffer.view[: srtp.protect_rtcp(buffer, 0, len(data))])

    def close(self) -> None:
        self.srtp = None
        self.turn_at = inf
        self.sock.close()
