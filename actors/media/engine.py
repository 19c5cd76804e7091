"""The media engine: all legs of a process on one loop. Commands in, events out, packets between.

It never decides about calls: a leg lives until `CloseLeg`.
"""

import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias, assert_never

import trio

from actors.ids import LegId
from actors.media.answer_limit import AnswerLimit
from actors.media.controlling_link import ControllingLink, OwnPort
from actors.media.dtls import Identity, process_identity
from actors.media.engine_messages import (
    Blackhole,
    Candidate,
    CloseLeg,
    Detect,
    EngineCommand,
    EngineEvent,
    Feed,
    IceRole,
    InsertDigits,
    LegStatus,
    MeasureLeg,
    MuteLeg,
    Negotiate,
    OpenLeg,
    Probe,
    RestartLeg,
    RestartPeer,
)
from actors.media.inlet import Listener
from actors.media.leg import Leg, LegContext
from actors.media.lite_link import LiteLink
from actors.media.messages import FromLeg, Source
from actors.media.mux_table import MuxTable
from actors.media.notes import Adoption, Note
from actors.media.pacing import GROUPS, FrameClock, Linger
from actors.media.ports import PortSet, host_candidates, open_socket
from actors.media.receiver import Receiver
from actors.media.srtp import PacketBuffer
from actors.media.srtp_resume import ResumptionFailed
from actors.media.traffic import EngineStatistics, Traffic
from supervisor import (
    NO_FAULTS,
    Backoff,
    ChildSpec,
    Faults,
    MailboxFull,
    Notice,
    Policy,
    Ready,
    Restart,
    open_supervisor,
)

Link: TypeAlias = LiteLink | ControllingLink

LOOP_POLICY: Final = Policy(Restart.PERMANENT, intensity=20, period=10.0, backoff=Backoff(initial=0.0))
STALL_ROUNDS: Final = 16
"""Budgets drained before peers are judged after a stall of our own."""


@asynccontextmanager
async def open_engine(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    sock: socket.socket | None = None,
    advertised: Sequence[str] = (),
    identity: Identity | None = None,
    keep: Callable[[Note], bool] | None = None,
    deliver: Callable[[EngineEvent], None] | None = None,
    adopted: Sequence[Adoption] = (),
    notify: Callable[[Notice], None] = lambda _: None,
    faults: Faults = NO_FAULTS,
) -> "AsyncIterator[Engine]":
    """Run an engine; on leaving, its legs are closed with a goodbye.

    `host` and `port` are what it binds unless it is given a socket, `advertised` the addresses that its
    candidates name instead. `identity` is what its legs prove themselves with, by default the process' own;
    `keep` takes what another engine needs to go on with a leg (see `LegContext`), `deliver` the events that
    nobody has attached to; the legs of an engine that is gone are `adopted` before the first packet is read.
    Its two loops are supervised: one that crashes goes on with the next packet, and `notify` hears of it.
    Raises OSError if the socket cannot be opened.
    """
    mux = open_socket(host, port) if sock is None else sock
    engine = Engine(mux, advertised, identity or process_identity(), keep, deliver, faults)
    try:
        for adoption in adopted:
            engine.adopt(adoption)
        async with open_supervisor(notify, name="media engine", faults=faults) as loops:
            await loops.start(ChildSpec("receive", engine.receive, LOOP_POLICY, significant=True))
            await loops.start(ChildSpec("pace", engine.pace, LOOP_POLICY, significant=True))
            yield engine
    finally:
        engine.close()


class Engine:
    """`fingerprint` and `candidates` are for the descriptions of its legs."""

    def __init__(
        self,
        mux: socket.socket,
        advertised: Sequence[str],
        identity: Identity,
        keep: Callable[[Note], bool] | None,
        deliver: Callable[[EngineEvent], None] | None,
        faults: Faults,
    ) -> None:
        host, port, *_ = mux.getsockname()
        self._faults = faults
        self._host = host
        self._traffic = Traffic()
        self._limit = AnswerLimit()
        self._ports: PortSet[OwnPort | None] = PortSet()
        self._table: MuxTable[LiteLink] = MuxTable()
        self._links: dict[LegId, Link] = {}
        self._groups: list[list[Link]] = [[] for _ in range(GROUPS)]
        self._opened = 0
        self._posts: dict[LegId, Callable[[EngineEvent], None]] = {}
        self._listeners: dict[LegId, Listener] = {}
        self._deliver = deliver
        self._has_legs = trio.Event()
        self._mux = mux
        self._ports.add(self._mux, None)
        self._receiver = Receiver(self._ports, self._table, self._traffic, is_ipv6=":" in host)
        self._context = LegContext(
            identity, PacketBuffer(), self._traffic, secrets.token_urlsafe(12), self._emit, keep
        )
        self.fingerprint = identity.fingerprint
        self.candidates = host_candidates(advertised or (host,), port)

    def __repr__(self) -> str:
        return f"<Engine {len(self._links)} legs>"

    @property
    def ports(self) -> tuple[int, ...]:
        """The UDP ports of ICE-lite legs."""
        return (self._mux.getsockname()[1],)

    def place(self, leg: LegId, near: LegId | None = None) -> "Engine":
        """See `MediaEngines`: there is but this one."""
        del leg, near
        return self

    def attach(self, leg: LegId, post: Callable[[EngineEvent], None]) -> None:
        """Where the leg's events go; a later attach replaces it. The leg need not be open."""
        self._posts[leg] = post

    def detach(self, leg: LegId) -> None:
        """The leg's events go nowhere."""
        self._posts.pop(leg, None)

    def listen(self, leg: LegId, listener: Listener | None) -> None:
        """Have what a leg receives heard in this process, or no more; the leg need not be open yet."""
        if listener is None:
            self._listeners.pop(leg, None)
        else:
            self._listeners[leg] = listener
        link = self._links.get(leg)
        if link is not None:
            link.leg.inlet.listener = listener

    def local_candidates(self, leg: LegId) -> tuple[Candidate, ...]:
        """The host candidates of one leg: its own socket's if it is controlling."""
        link = self._links.get(leg)
        return (
            host_candidates((self._host,), link.port_number)
            if isinstance(link, ControllingLink)
            else self.candidates
        )

    def statistics(self) -> EngineStatistics:
        traffic = self._traffic
        return EngineStatistics(
            len(self._links), traffic.packets_in, traffic.packets_out, dict(traffic.dropped)
        )

    def post(self, command: EngineCommand) -> None:
        """Takes effect before it returns. A command for an unknown leg is counted and ignored.

        Raises OSError if a controlling leg's socket cannot be opened.
        """
        now = trio.current_time()
        if isinstance(command, OpenLeg):
            self._open(command)
            return
        link = self._links.get(command.leg)
        if isinstance(command, Probe):
            is_flowing = link is not None and link.leg.is_flowing
            self._emit(LegStatus(command.leg, link is not None, is_flowing))
        elif link is None:
            self._traffic.drop("unknown_leg")
        else:
            self._apply(link, command, now)

    def adopt(self, adoption: Adoption) -> None:
        """Go on with a leg of an engine that is gone, on the same socket.

        Its times have to be of this engine's clock. A session that cannot go on is a lost path.
        """
        now = trio.current_time()
        for command in adoption.commands:
            self.post(command)
        link = self._links.get(adoption.leg)
        if not isinstance(link, LiteLink):
            return
        if adoption.path is not None:
            link.go_on(adoption.path, now)
        if adoption.keys is not None:
            try:
                link.leg.go_on(adoption.keys, adoption.progress, now)
            except ResumptionFailed:
                self._traffic.drop("not_resumed")

    def _apply(self, link: Link, command: "_LegCommand", now: float) -> None:
        match command:
            case Negotiate():
                self._negotiate(link, command, now)
            case RestartLeg(_, local):
                link.restart(local, now)
            case RestartPeer(_, ice, candidates):
                link.set_peer(ice, candidates, now)
            case Feed(_, source):
                self._feed(link, source)
            case Detect(_, hz):
                link.leg.inlet.detect(hz)
            case MeasureLeg(_, metering):
                link.leg.meter.set_metering(metering, now)
                link.leg.turn_at = 0.0
            case MuteLeg(_, muted):
                link.leg.outlet.is_muted = muted
            case InsertDigits(_, digits):
                link.leg.outlet.add_digits(digits)
            case Blackhole():
                link.blackhole()
            case CloseLeg():
                self._close(link)
            case _:
                assert_never(command)

    def _open(self, command: OpenLeg) -> None:
        former = self._links.get(command.leg)
        if former is not None:
            self._close(former)
        leg = Leg(command.leg, self._opened, self._context)
        leg.inlet.listener = self._listeners.get(command.leg)
        link: Link
        if command.role is IceRole.LITE:
            link = LiteLink(leg, command.local, self._mux, self._table, self._traffic, self._limit)
        else:
            link = ControllingLink(leg, command.local, self._host, self._ports, self._traffic, self._limit)
        self._opened += 1
        self._links[command.leg] = link
        self._groups[leg.number % GROUPS].append(link)
        self._wire(command.leg)
        self._has_legs.set()

    def _negotiate(self, link: Link, command: Negotiate, now: float) -> None:
        former, peer = link.leg.peer, command.peer
        if former is not None and former.fingerprint != peer.fingerprint:
            link.replace_peer(peer.ice, peer.candidates, now)
        else:
            link.set_peer(peer.ice, peer.candidates, now)
        link.leg.negotiate(command, now)
        # Who has which codec decides what is relayed and what is transcoded.
        self._wire(command.leg)
        source = link.leg.outlet.source
        if isinstance(source, FromLeg) and source.leg != command.leg:
            self._wire(source.leg)

    def _feed(self, link: Link, source: Source) -> None:
        former = link.leg.outlet.source
        link.leg.outlet.play(source)
        for changed in (former, source):
            if isinstance(changed, FromLeg):
                self._wire(changed.leg)

    def _wire(self, source: LegId) -> None:
        """Tell a leg who is fed from it."""
        link = self._links.get(source)
        if link is not None:
            wanted = FromLeg(source)
            outlets = (other.leg.outlet for other in self._links.values())
            link.leg.inlet.feed(tuple(outlet for outlet in outlets if outlet.source == wanted))

    def _close(self, link: Link) -> None:
        leg = link.leg
        leg.close()
        link.close()
        del self._links[leg.leg]
        self._groups[leg.number % GROUPS].remove(link)
        if isinstance(leg.outlet.source, FromLeg):
            self._wire(leg.outlet.source.leg)
        if not self._links:
            self._has_legs = trio.Event()

    def _emit(self, event: EngineEvent) -> None:
        post = self._posts.get(event.leg, self._deliver)
        if post is None:
            return
        try:
            post(event)
        except MailboxFull:
            # An actor that does not keep up must not take the other calls' media down.
            self._traffic.drop("mailbox_full")

    async def receive(self, ready: Ready) -> None:
        """Take packets as they come; under load they are left to gather for a moment."""
        ready()
        linger = Linger()
        fileno = self._ports.fileno()
        while True:
            await trio.lowlevel.wait_readable(fileno)
            await self._faults.point("engine.receive")
            now = trio.current_time()
            pause = linger.pause(self._receiver.drain(now), now)
            if pause:
                await trio.sleep(pause)

    async def pace(self, ready: Ready) -> None:
        """Give each leg its turn each 20 ms."""
        ready()
        while True:
            await self._has_legs.wait()
            clock = FrameClock(trio.current_time())
            while self._links:
                await trio.sleep_until(clock.deadline)
                await self._faults.point("engine.pace")
                self._serve(clock, trio.current_time())

    def _serve(self, clock: FrameClock, now: float) -> None:
        due = clock.take(now)
        if due.stalled or due.missed_frames:
            self._receiver.drain(now, STALL_ROUNDS)
            for link in self._links.values():
                link.leg.live.forgive(due.stalled, now)
                link.leg.outlet.skip(due.missed_frames, now)
        for tick in due.ticks:
            for link in tuple(self._groups[tick % GROUPS]):
                self._turn(link, now)

    def _turn(self, link: Link, now: float) -> None:
        leg = link.leg
        if link.turn_at <= now:
            link.expire(now)
        if leg.turn_at <= now and leg.expire(now):
            link.each_second(now)
        leg.outlet.step(now)
        transcoder = leg.inlet.transcoder
        if transcoder is not None:
            transcoder.step(now)

    def close(self) -> None:
        """Close the legs and the sockets."""
        for link in tuple(self._links.values()):
            self._close(link)
        self._ports.close()


_LegCommand: TypeAlias = (
    Negotiate
    | RestartLeg
    | RestartPeer
    | Feed
    | Detect
    | MeasureLeg
    | MuteLeg
    | InsertDigits
    | Blackhole
    | CloseLeg
)
