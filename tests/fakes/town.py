"""A gateway with its clients, on virtual time and without a network."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from actors import events
from actors.call import Call, CallStatus
from actors.gateway.gateway import Gateway, GatewayOptions
from actors.ids import new_temp_sid
from actors.journal import Clock, Journal
from actors.signaling import messages as wire
from supervisor import Channel, Notice, open_supervisor
from tests.fakes.exchange import Bench, answer_to, client_offer, open_bench, settle
from tests.fakes.sockets import FakeLink

Application = Callable[[Call], Awaitable[None]]


@dataclass
class Town:
    """A gateway with its clients."""

    gateway: Gateway
    bench: Bench
    records: list[object] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def link(self, identity: str = "alice", **changes: object) -> FakeLink:
        link = FakeLink(identity, **changes)  # type: ignore[arg-type]
        self.gateway.opened(link, link.token)
        return link

    def registered(self, identity: str, **changes: object) -> FakeLink:
        link = self.link(identity, **changes)
        self.gateway.registered(link)
        return link

    def close(self, link: FakeLink) -> None:
        link.is_open = False
        self.gateway.closed(link)

    def say(self, link: FakeLink, sid: str | None, body: wire.CallMessage) -> None:
        self.gateway.route(link, wire.Envelope(sid, body))

    async def invited(self, link: FakeLink, to: str = "", temp_sid: str = "TJS1") -> Call:
        """A call that `link` places."""
        before = set(self.gateway.live_calls)
        self.say(link, temp_sid, wire.Invite(client_offer(), {"To": to}))
        [call] = set(self.gateway.live_calls) - before
        await settle()
        return call

    async def dialled(self, link: FakeLink, to: str) -> Call:
        """A call to a test number; it has begun."""
        return await self.invited(link, to, new_temp_sid())

    def accept(self, link: FakeLink) -> str:
        """`link` answers the call that it is rung for last; returns the CallSid."""
        offers = [m for m in link.posted if isinstance(m, wire.Envelope) and isinstance(m.body, wire.Offer)]
        [*_, envelope] = offers
        assert isinstance(envelope.body, wire.Offer)
        self.say(link, envelope.call_sid, wire.Answer(answer_to(envelope.body.sdp)))
        return envelope.call_sid or ""

    async def opened(self, link: FakeLink) -> Call:
        call = await self.invited(link)
        assert call.status() is CallStatus.OPEN
        return call

    def refusals(self) -> list[tuple[str, str]]:
        return [(e.kind, e.reason) for e in self.records if isinstance(e, events.MessageRefused)]

    def is_clean(self) -> bool:
        """No table holds anything of a call."""
        gateway = self.gateway
        return not (gateway._entries or gateway._invited or len(self.bench.calls) or self.bench.engine.open)


@asynccontextmanager
async def open_town(application: Application, **options: object) -> AsyncIterator[Town]:
    async with open_bench() as bench:
        records: list[object] = []
        notices: list[Notice] = []
        channel = Channel(lambda record: records.append(record.event))
        journal = Journal("node", channel, Clock(trio.current_time, lambda: 0.0))
        async with open_supervisor(notices.append) as supervisor:
            given = GatewayOptions("AC1", **options)  # type: ignore[arg-type]
            gateway = Gateway(given, bench.calls, journal, application, supervisor)
            yield Town(gateway, bench, records, notices)


async def answering(call: Call) -> None:
    call.accept()
    await call.ended()


async def waiting(call: Call) -> None:
    await call.ended()


def codes(link: FakeLink) -> list[int | None]:
    return [body.error.code if body.error else None for body in link.of(wire.Hangup)]  # type: ignore[union-attr]


def token_of(link: FakeLink) -> str:
    """The reconnect token that this socket got last."""
    got = [body.reconnect for body in (*link.of(wire.Offer), *link.of(wire.Answer))]  # type: ignore[union-attr]
    return [token for token in got if token][-1]
