"""A leg and what it tells, and pairs of legs that talk to each other over loopback."""

import secrets
from collections.abc import Callable
from typing import TypeVar

import trio

from actors.ids import LegId, new_leg_id
from actors.media.engine import Engine
from actors.media.engine_messages import (
    Candidate,
    Codec,
    DtlsRole,
    EngineEvent,
    IceCredentials,
    IceRole,
    Negotiate,
    OpenLeg,
    PathUp,
    Peer,
    RestartLeg,
    RestartPeer,
)
from actors.media.stun import binding_request

PCMU = Codec("pcmu", 8000, 0, 0, dtmf_payload_type=101)
OPUS = Codec("opus", 48000, 111, 111, channels=2, dtmf_payload_type=110)
E = TypeVar("E", bound=EngineEvent)


def new_credentials() -> IceCredentials:
    return IceCredentials(secrets.token_hex(4), secrets.token_hex(12))


def check(to: IceCredentials, sender: IceCredentials) -> bytes:
    return binding_request(
        bytes(12),
        f"{to.ufrag}:{sender.ufrag}",
        to.pwd.encode(),
        priority=1,
        tie_breaker=1,
        is_controlling=True,
        is_nominating=True,
    )


class Watched:
    """A leg and the events it has caused."""

    def __init__(self, engine: Engine, role: IceRole) -> None:
        self.engine = engine
        self.leg: LegId = new_leg_id()
        self.role = role
        self.local = new_credentials()
        self.events: list[EngineEvent] = []
        self._news = trio.Event()
        engine.attach(self.leg, self._take)
        engine.post(OpenLeg(self.leg, role, self.local))

    def _take(self, event: EngineEvent) -> None:
        self.events.append(event)
        news, self._news = self._news, trio.Event()
        news.set()

    def peer(self, *candidates: Candidate) -> Peer:
        """What the other side is told; `candidates` are told instead of the engine's."""
        is_lite = self.role is IceRole.LITE
        return Peer(
            self.local,
            self.engine.fingerprint,
            (candidates or self.engine.candidates) if is_lite else (),
            is_lite=is_lite,
        )

    def negotiate(self, peer: "Watched", dtls: DtlsRole, codec: Codec = PCMU) -> None:
        self.engine.post(Negotiate(self.leg, peer.peer(), dtls, codec))

    async def wait(
        self, kind: type[E], wanted: Callable[[E], bool] = lambda _: True, within: float = 6.0, after: int = 0
    ) -> E:
        with trio.fail_after(within):
            while True:
                for event in self.events[after:]:
                    if isinstance(event, kind) and wanted(event):
                        return event
                await self._news.wait()


class Pair:
    """A controlling leg and the ICE-lite leg that it talks to; `via` is told of in place of the latter."""

    def __init__(self, client: Engine, server: Engine, codec: Codec = PCMU) -> None:
        self.near = Watched(client, IceRole.CONTROLLING)
        self.far = Watched(server, IceRole.LITE)
        self.codec = codec
        self.via: tuple[Candidate, ...] = ()

    async def connect(self) -> None:
        self.start()
        await self.near.wait(PathUp)
        await self.far.wait(PathUp)

    def start(self) -> None:
        self.far.negotiate(self.near, DtlsRole.SERVER, self.codec)
        far = self.far.peer(*self.via)
        self.near.engine.post(Negotiate(self.near.leg, far, DtlsRole.CLIENT, self.codec))

    def restart(self, *via: Candidate) -> None:
        self.near.local, self.far.local = new_credentials(), new_credentials()
        self.near.engine.post(RestartLeg(self.near.leg, self.near.local))
        self.far.engine.post(RestartLeg(self.far.leg, self.far.local))
        self.far.engine.post(RestartPeer(self.far.leg, self.near.local))
        self.near.engine.post(RestartPeer(self.near.leg, self.far.local, via or self.far.engine.candidates))
