"""Targets for the shared UDP socket: STUN, DTLS, SRTP and noise, from anywhere and in any order."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from actors.ids import LegId
from actors.media import stun
from actors.media.answer_limit import AnswerLimit
from actors.media.datagram import MAX_DATAGRAM, Address, InvalidDatagram
from actors.media.dtls import DtlsEndpoint, process_identity
from actors.media.engine_messages import (
    Candidate,
    Codec,
    DtlsRole,
    EngineEvent,
    IceCredentials,
    Negotiate,
    Peer,
)
from actors.media.ice import MAX_ADDRESSES, MAX_GENERATIONS
from actors.media.ice_controlling import MAX_PAIRS, ControllingAgent, Transmit
from actors.media.leg import Leg, LegContext
from actors.media.lite_link import LiteLink
from actors.media.mux_table import MuxTable
from actors.media.receiver import Receiver
from actors.media.srtp import PacketBuffer, SrtpTransform, open_transform
from actors.media.traffic import Traffic
from tests.fuzz.media import records, rtcp_packets, rtp_packets, stun_messages, without_fingerprint
from tests.fuzz.target import MEBIBYTE, Cursor, Memory, Target, packed

LEGS = 3
MAX_STEPS = 300
MAX_REASONS = 40
ADDRESSES: tuple[Address, ...] = tuple((f"192.0.2.{host}", 5000) for host in range(1, 17))
CODEC = Codec("pcmu", 8000, 0, 0, 1, 101)
CANDIDATES = tuple(Candidate(*address) for address in ADDRESSES[:4])
THEIR_ICE = IceCredentials("them", "t" * 24)
TIE_BREAKER = 1 << 40


def credentials(leg: int, generation: int) -> IceCredentials:
    return IceCredentials(f"leg{leg}{generation % 100}", "o" * 24)


class FakeSocket:
    """Gives one datagram after another, and keeps the last that were sent."""

    def __init__(self) -> None:
        self.inbox: deque[tuple[bytes, Address]] = deque()
        self.outbox: deque[tuple[bytes, Address]] = deque(maxlen=64)

    def recvfrom_into(self, buffer: bytearray, size: int) -> tuple[int, Address]:
        if not self.inbox:
            raise BlockingIOError
        data, address = self.inbox.popleft()
        data = data[:size]
        buffer[: len(data)] = data
        return len(data), address

    def sendto(self, packet: bytes | memoryview, address: Address) -> int:
        self.outbox.append((bytes(packet), address))
        return len(packet)

    def getsockname(self) -> Address:
        return ADDRESSES[0]

    def ready(self) -> Iterator[tuple[Any, None]]:
        """As the set of all sockets."""
        yield self, None


class SharedPort:
    """A gateway's socket with its legs; behind each leg's peer there is a real DTLS client."""

    def __init__(self) -> None:
        self.now = 1.0
        self.mux = cast("Any", FakeSocket())
        self.traffic = Traffic()
        self.events: list[EngineEvent] = []
        self.table: MuxTable[LiteLink] = MuxTable()
        self.limit = AnswerLimit()
        self.receiver = Receiver(self.mux, self.table, self.traffic, is_ipv6=False)
        self.generations = [0] * LEGS
        identity = process_identity()
        context = LegContext(identity, PacketBuffer(), self.traffic, "cname", self.events.append)
        self.links = [self._open(index, context) for index in range(LEGS)]
        self.peers = [DtlsEndpoint(identity, DtlsRole.CLIENT, identity.fingerprint) for _ in range(LEGS)]
        self.flights: list[deque[bytes]] = [deque(maxlen=8) for _ in range(LEGS)]
        self.senders: dict[int, SrtpTransform] = {}

    def _open(self, index: int, context: LegContext) -> LiteLink:
        leg = Leg(LegId(f"L{index}"), index, context)
        return LiteLink(leg, credentials(index, 0), self.mux, self.table, self.traffic, self.limit)

    def negotiate(self, index: int) -> None:
        link = self.links[index]
        if link.leg.peer is None:
            peer = Peer(THEIR_ICE, process_identity().fingerprint)
            link.set_peer(peer.ice, (), self.now)
            link.leg.negotiate(Negotiate(link.leg.leg, peer, DtlsRole.SERVER, CODEC), self.now)
            link.leg.inlet.detect((400.0,))
            self.flights[index].extend(self.peers[index].start())

    def restart(self, index: int) -> None:
        self.generations[index] += 1
        self.links[index].restart(credentials(index, self.generations[index]), self.now)

    def check(self, index: int, *, is_nominating: bool) -> bytes:
        local = credentials(index, self.generations[index])
        request = stun.binding_request(
            bytes(stun.TRANSACTION_LENGTH),
            f"{local.ufrag}:{THEIR_ICE.ufrag}",
            local.pwd.encode(),
            priority=1,
            tie_breaker=TIE_BREAKER,
            is_controlling=True,
            is_nominating=is_nominating,
        )
        return without_fingerprint(request)

    def next_flight(self, index: int) -> bytes:
        return self.flights[index].popleft() if self.flights[index] else b""

    def media(self, index: int, content: bytes, *, is_report: bool) -> bytes:
        """What the peer would send once it has keys; before that, as it is."""
        content = content[: MAX_DATAGRAM - 32]
        sender = self._sender(index)
        if sender is None:
            return content
        buffer = PacketBuffer()
        buffer.view[: len(content)] = content
        length = (sender.protect_rtcp if is_report else sender.protect)(buffer, 0, len(content))
        return bytes(buffer.view[: max(length, 0)])

    def _sender(self, index: int) -> SrtpTransform | None:
        keys = self.peers[index].keys
        if index not in self.senders and keys is not None:
            self.senders[index] = open_transform(keys)
        return self.senders.get(index)

    def arrive(self, datagram: bytes, address: Address) -> None:
        self.mux.inbox.append((datagram, address))
        self.receiver.drain(self.now)
        self._pass_on()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for link in self.links:
            if link.leg.expire(self.now):
                link.each_second(self.now)
            link.leg.outlet.step(self.now)
        self._pass_on()

    def _pass_on(self) -> None:
        """Give the peers the DTLS that was sent to them."""
        while self.mux.outbox:
            packet, address = self.mux.outbox.popleft()
            link = self.table.by_address.get(address)
            if link is not None and packet[:1] and 20 <= packet[0] <= 63:
                index = self.links.index(link)
                with suppress(InvalidDatagram):
                    self.flights[index].extend(self.peers[index].receive(packet))

    def verify(self, steps: int) -> None:
        assert len(self.table.by_address) <= LEGS * MAX_ADDRESSES
        assert len(self.table.by_ufrag) <= LEGS * MAX_GENERATIONS
        assert all(len(link.agent.addresses) <= MAX_ADDRESSES for link in self.links)
        assert all(self.table.by_address[address] in self.links for address in self.table.by_address)
        assert len(self.traffic.dropped) <= MAX_REASONS
        assert len(self.events) <= 4 * LEGS * (steps + 1)


STEPS = ("raw", "check", "nominate", "dtls", "media", "report", "wait", "negotiate", "restart")


def drive_port(data: bytes) -> None:
    cursor, port, steps = Cursor(data), SharedPort(), 0
    while cursor and steps < MAX_STEPS:
        steps += 1
        kind, index, address = cursor.pick(STEPS), cursor.pick(range(LEGS)), cursor.pick(ADDRESSES)
        match kind:
            case "raw":
                port.arrive(cursor.chunk(), address)
            case "check" | "nominate":
                port.arrive(cursor.damage(port.check(index, is_nominating=kind == "nominate")), address)
            case "dtls":
                port.arrive(cursor.damage(port.next_flight(index)), address)
            case "media" | "report":
                sealed = port.media(index, cursor.chunk(), is_report=kind == "report")
                port.arrive(cursor.damage(sealed), address)
            case "wait":
                port.wait(cursor.pick((0.02, 0.5, 1.0, 5.0)))
            case "negotiate":
                port.negotiate(index)
            case _:
                port.restart(index)
    port.verify(steps)


def step(kind: str, index: int, address: int, more: bytes = b"") -> bytes:
    return bytes((STEPS.index(kind), index, address)) + more


def shaken(index: int = 0) -> bytes:
    """A leg that is up, by the steps that it takes."""
    up = step("negotiate", index, 0) + step("nominate", index, index, b"\0")
    return up + step("dtls", index, index, b"\0") * 8


def port_talks() -> Iterator[bytes]:
    yield shaken()
    sounds = b"".join(step("media", 0, 0, packed(packet) + b"\0") for packet in rtp_packets())
    reports = b"".join(step("report", 0, 0, packed(packet) + b"\0") for packet in rtcp_packets())
    digit = bytes.fromhex("80e5000300000140deadbeef") + bytes.fromhex("058a0280")
    sounds += step("media", 0, 0, packed(digit) + b"\0")
    yield shaken() + sounds + reports + step("wait", 0, 0, b"\2") + sounds
    yield shaken() + sounds + step("restart", 0, 0) + step("nominate", 0, 5, b"\0") + sounds
    yield shaken(0) + shaken(1) + step("check", 1, 0, b"\0") + sounds
    noise = b"".join(
        step("raw", 0, 0, packed(packet)) for packet in (*stun_messages(), *records(), *rtp_packets())
    )
    yield noise + shaken() + noise
    checks = b"".join(step("check", 0, address, b"\0") for address in range(len(ADDRESSES)))
    yield step("negotiate", 0, 0) + (checks + step("restart", 0, 0)) * 8


# --- the controlling agent --------------------------------------------------------------------------------


class ControlledPort:
    """A client's ICE agent, whose checks are answered well, badly or not at all."""

    def __init__(self) -> None:
        self.now = 0.0
        self.count = 0
        self.agent = ControllingAgent(credentials(0, 0), TIE_BREAKER, self._transaction)
        self.sent: deque[Transmit] = deque(maxlen=8)

    def _transaction(self) -> bytes:
        self.count += 1
        return self.count.to_bytes(stun.TRANSACTION_LENGTH, "big")

    def take(self, checks: list[Transmit]) -> None:
        assert len(checks) <= MAX_PAIRS + 1
        self.sent.extend(checks)

    def reply(self, kind: str) -> bytes:
        """An answer to the newest check."""
        if not self.sent:
            return b""
        last = self.sent[-1]
        message, pwd = stun.parse_untrusted(last.datagram), THEIR_ICE.pwd.encode()
        if kind == "conflict":
            return without_fingerprint(stun.binding_error(message.transaction, stun.ROLE_CONFLICT, pwd))
        return without_fingerprint(stun.binding_response(message.transaction, last.address, pwd))

    def request(self, *, is_controlling: bool) -> bytes:
        ours = credentials(0, 0)
        return without_fingerprint(
            stun.binding_request(
                bytes(stun.TRANSACTION_LENGTH),
                f"{ours.ufrag}:{THEIR_ICE.ufrag}",
                ours.pwd.encode(),
                priority=1,
                tie_breaker=1 << 41,
                is_controlling=is_controlling,
                is_nominating=is_controlling,
            )
        )

    def arrive(self, data: bytes, address: Address) -> None:
        with suppress(InvalidDatagram):
            self.take(self.agent.receive(stun.parse_untrusted(data), address, self.now))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.agent.expire(self.now))


REPLIES = ("response", "conflict", "request", "controlled", "raw", "wait", "peer")


def drive_agent(data: bytes) -> None:
    cursor, port, steps = Cursor(data), ControlledPort(), 0
    while cursor and steps < MAX_STEPS:
        steps += 1
        kind, address = cursor.pick(REPLIES), cursor.pick(ADDRESSES)
        match kind:
            case "response" | "conflict":
                port.arrive(cursor.damage(port.reply(kind)), address)
            case "request" | "controlled":
                port.arrive(cursor.damage(port.request(is_controlling=kind == "request")), address)
            case "raw":
                port.arrive(cursor.chunk(), address)
            case "wait":
                port.wait(cursor.pick((0.0, 0.1, 0.5, 4.0)))
            case _:
                port.take(port.agent.set_peer(THEIR_ICE, CANDIDATES, port.now))
        assert port.agent.path is None or port.agent.is_valid(port.agent.path)
    assert port.count <= (steps + 1) * (MAX_PAIRS + 1)


def agent_talks() -> Iterator[bytes]:
    def row(kind: str, address: int = 0, more: bytes = b"\0") -> bytes:
        return bytes((REPLIES.index(kind), address)) + more

    peer = row("peer", more=b"")
    answers = b"".join(row("response", address) for address in range(4))
    yield peer + answers * 3 + row("wait", more=b"\2") + answers
    yield peer + row("conflict", 3) + row("wait", more=b"\2") + answers
    yield row("controlled") + peer + row("request", 1) + row("request", 2) + answers
    yield peer + b"".join(row("request", address) for address in range(16)) * 3
    yield peer + b"".join(row("raw", 3, packed(message)) for message in stun_messages())


TARGETS = (
    Target(
        "shared_port",
        drive_port,
        port_talks,
        (
            "actors.media.stun.parse_untrusted",
            "actors.media.dtls_records.handshake_records_untrusted",
            "actors.media.srtp.InPlaceTransform.unprotect_untrusted",
            "actors.media.srtp.InPlaceTransform.unprotect_rtcp_untrusted",
            "actors.media.rtp.payload_range_untrusted",
            "actors.media.rtcp.parse_untrusted",
            "actors.media.telephone_event.parse_untrusted",
            "actors.media.codec._TableDecoder.decode_untrusted",
        ),
        memory=Memory(8 * MEBIBYTE, 1024),
    ),
    Target(
        "controlling_agent",
        drive_agent,
        agent_talks,
        ("actors.media.stun.parse_untrusted",),
        memory=Memory(MEBIBYTE, 1024),
    ),
)
