"""Calls on virtual time: paths come up at once, peers only describe, sockets only keep."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from actors import events
from actors.call.calls import Calls, LiveCall, Surroundings, open_calls
from actors.call.state import CallState, Direction, Received, Role, Send
from actors.events import Record
from actors.ids import LegId, new_call_sid, new_temp_sid
from actors.journal import Clock
from actors.media.actor import new_credentials
from actors.media.attachment import step
from actors.media.engine_messages import EngineCommand, IceRole, LegCounters, Negotiate, PathUp
from actors.media.messages import AnswerOffer, CreateOffer
from actors.media.negotiation_state import Attached, Input, Negotiation, ToCall
from actors.signaling import messages as wire
from supervisor import Channel, ScriptedFaults
from tests.fakes.engine import FakeEngine


class HealthyEngine(FakeEngine):
    """Media flows as soon as a leg is negotiated."""

    def post(self, command: EngineCommand) -> None:
        super().post(command)
        if isinstance(command, Negotiate):
            self.tell(PathUp(command.leg))

    def count(self, leg: LegId, second: int) -> None:
        """What an engine tells of a leg each second."""
        sent = (8000 * second, 50 * second)
        self.tell(LegCounters(leg, float(second), *sent, *sent, 0, 1.0, 20.0))


class Describer:
    """The other end's descriptions, made by the machine that every leg runs."""

    def __init__(self, role: IceRole) -> None:
        self._state = Negotiation(LegId("peer"), role)
        self._take(Attached(":".join(["CD"] * 32), FakeEngine.candidates))

    def offer(self, *codecs: str) -> str:
        return self._take(CreateOffer(codecs))

    def answer(self, offer: str) -> str:
        return self._take(AnswerOffer(offer))

    def _take(self, happened: Input) -> str:
        self._state, effects = step(self._state, happened, new_credentials())
        return "".join(getattr(effect.report, "sdp", "") for effect in effects if isinstance(effect, ToCall))


def client_offer() -> str:
    return Describer(IceRole.CONTROLLING).offer("pcmu", "opus")


def gateway_offer() -> str:
    return Describer(IceRole.LITE).offer("pcmu", "opus")


def answer_to(offer: str) -> str:
    role = IceRole.CONTROLLING if "a=ice-lite" in offer else IceRole.LITE
    return Describer(role).answer(offer)


@dataclass(eq=False)
class FakeOutlet:
    """A way to the peer that keeps what it was given."""

    is_open: bool = True
    posted: list[wire.Envelope] = field(default_factory=list)

    def post(self, message: wire.Envelope) -> None:
        self.posted.append(message)

    @property
    def bodies(self) -> list[wire.CallMessage]:
        return [envelope.body for envelope in self.posted]

    def of(self, kind: type) -> list[wire.CallMessage]:
        return [body for body in self.bodies if isinstance(body, kind)]


@dataclass
class Bench:
    """All calls of a node or device, and everything that they published."""

    calls: Calls
    engine: HealthyEngine
    faults: ScriptedFaults
    records: list[Record]
    adjourned: list[wire.Envelope] = field(default_factory=list)

    def call(self, role: Role, direction: Direction, outlet: FakeOutlet, **changes: object) -> LiveCall:
        is_incoming = direction is Direction.INCOMING
        offer = client_offer() if role is Role.GATEWAY else gateway_offer()
        given: dict[str, object] = {
            "temp_sid": new_temp_sid(),
            "call_sid": new_call_sid() if is_incoming or role is Role.GATEWAY else None,
            "remote_offer": offer if is_incoming else None,
            "token": "token" if is_incoming and role is Role.CLIENT else None,
        }
        return self.calls.open(
            CallState(role, direction, **(given | changes)),  # type: ignore[arg-type]
            identity="alice",
            links=(outlet,),
            stamp=_as_it_is,
            adjourn=self.adjourned.append,
        )

    async def opened(
        self, outlet: FakeOutlet, role: Role = Role.GATEWAY, direction: Direction = Direction.INCOMING
    ) -> LiveCall:
        """An open call with media."""
        live = self.call(role, direction, outlet)
        live.call.accept()
        if direction is Direction.OUTGOING:
            await settle()
            sdp = answer_to(outlet.bodies[-1].sdp)  # type: ignore[union-attr]
            live.call.core.post(
                Received(wire.Answer(sdp, "token"), live.call.core.state.call_sid or new_call_sid())
            )
        await live.call.answered()
        await settle()
        return live

    async def gone(self, live: LiveCall) -> None:
        """Wait until this call has left nothing behind."""
        while self.calls.find(live.call.core.id) is not None:  # noqa: ASYNC110 - the table tells only of all
            await trio.sleep(0.1)

    def of(self, live: LiveCall, *kinds: type) -> list[object]:
        return [r.event for r in self.records if r.source == live.call.core.id and isinstance(r.event, kinds)]

    def outages(self, live: LiveCall) -> list[str]:
        seen = self.of(live, events.Reconnecting, events.Reconnected)
        return [getattr(event, "part", "reconnected") for event in seen]


@asynccontextmanager
async def open_bench() -> AsyncIterator[Bench]:
    records: list[Record] = []
    engine, faults = HealthyEngine(), ScriptedFaults()
    clock = Clock(trio.current_time, lambda: 0.0)
    async with open_calls(Surroundings(Channel(records.append), clock, engine, faults)) as calls:
        yield Bench(calls, engine, faults, records)


async def settle() -> None:
    """Let everything happen that needs no time; on a clock that jumps nothing else can be running then."""
    await trio.testing.wait_all_tasks_blocked()


def _as_it_is(send: Send) -> wire.CallMessage:
    return send.body
