"""A device without a network: which call a message is for, and what a device does with its calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock

from actors import events
from actors.call import Call, CallStatus
from actors.call.state import CallState, Direction, Role
from actors.device import machine
from actors.device.core import DeviceCore
from actors.device.options import DeviceOptions
from actors.device.stream import StreamPort
from actors.emitter import Emitter
from actors.ids import new_temp_sid
from actors.journal import Clock, Journal
from actors.signaling import messages as wire
from actors.signaling.client_events import Lost
from supervisor import Channel
from tests.fakes.exchange import answer_to, gateway_offer, open_bench, settle

pytestmark = pytest.mark.actor

ONE, TWO = "CA" + "1" * 32, "CA" + "2" * 32
UP = wire.Connected("alice", 3600.0)


@dataclass
class Phone:
    """A device's core with its calls; `heard` are its events."""

    core: DeviceCore
    emitter: Emitter
    rung: list[Call] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    async def take(self, *arrived: wire.Message | machine.StreamDown) -> None:
        for event in arrived:
            self.core.handle(event, trio.current_time())  # type: ignore[arg-type]
            await settle()

    async def ring(self, sid: str) -> Call:
        await self.take(wire.Envelope(sid, wire.Offer(gateway_offer(), {"From": "client:bob"}, "token")))
        return self.rung[-1]

    async def place(self) -> Call:
        call = self.core.open_call(
            CallState(Role.CLIENT, Direction.OUTGOING, new_temp_sid(), custom_parameters={})
        )
        self.core.apply(machine.CallPlaced(call.core.id))
        call.accept()
        await settle()
        return call

    def sent(self) -> list[wire.CallMessage]:
        """What the calls have said to the gateway since the last time."""
        mailbox, said = self.core._stream._mailbox, []
        while len(mailbox):
            request = mailbox.receive_nowait()
            if isinstance(request, wire.Envelope):
                said.append(request.body)
        return said


@asynccontextmanager
async def open_phone(**options: object) -> AsyncIterator[Phone]:
    async with open_bench() as bench:
        given = DeviceOptions("127.0.0.1:1", **options)  # type: ignore[arg-type]
        journal = Journal("device-1", Channel(), Clock(trio.current_time, lambda: 0.0))
        emitter = Emitter()
        core = DeviceCore(given, journal, StreamPort(given, wire.Listen("token")), emitter)
        core.calls = bench.calls
        phone = Phone(core, emitter)
        emitter.on("incoming", phone.rung.append)
        for name in ("registering", "registered", "unregistered", "error", "tokenWillExpire"):
            emitter.on(name, lambda *_, name=name: phone.heard.append(name))
        await phone.take(UP)
        yield phone


async def test_the_first_answer_of_a_placed_call_brings_its_callsid(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        call = await phone.place()
        [invite] = phone.sent()
        await phone.take(wire.Envelope(ONE, wire.Answer(answer_to(invite.sdp), "token")))  # type: ignore[union-attr]
        assert (call.sid, call.status()) == (ONE, CallStatus.OPEN)


async def test_a_hangup_of_a_call_that_is_gone_does_not_end_the_next_one(autojump_clock: MockClock) -> None:
    """Both ends hung up at once, and the user has dialled again already."""
    async with open_phone() as phone:
        call = await phone.place()
        for late in (wire.Hangup(wire.WireError(31000)), wire.Cancel()):
            await phone.take(wire.Envelope(ONE, late))
        assert (call.status(), call.sid) == (CallStatus.CONNECTING, call.outbound_connection_id)


async def test_a_hangup_under_the_temporary_id_ends_the_call(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        call = await phone.place()
        await phone.take(
            wire.Envelope(call.outbound_connection_id, wire.Hangup(wire.WireError(31404, "no such number")))
        )
        assert call.failure == (31404, "no such number")
        assert phone.core.state.active is None


async def test_a_hangup_without_an_id_ends_all_calls_but_those_that_ring(autojump_clock: MockClock) -> None:
    async with open_phone(allow_incoming_while_busy=True) as phone:
        first = await phone.ring(ONE)
        first.accept()
        await settle()
        ringing = await phone.ring(TWO)
        placed = phone.core.open_call(CallState(Role.CLIENT, Direction.OUTGOING, new_temp_sid()))
        placed.accept()
        await settle()
        await phone.take(wire.Envelope(None, wire.Hangup()))
        statuses = [call.status() for call in (first, placed, ringing)]
        assert statuses == [CallStatus.CLOSED, CallStatus.CLOSED, CallStatus.PENDING]


async def test_messages_go_to_the_call_of_their_id_only(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        one, two = await phone.ring(ONE), await phone.ring(TWO)
        await phone.take(wire.Envelope(TWO, wire.Cancel()), wire.Envelope("CA9", wire.Cancel()))
        assert (one.status(), two.status()) == (CallStatus.PENDING, CallStatus.CLOSED)
        assert phone.core.state.pending == (one.core.id,)


async def test_the_same_offer_twice_rings_once(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        await phone.ring(ONE)
        await phone.ring(ONE)
        assert len(phone.rung) == 1


async def test_a_busy_device_lets_others_ring_on(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        await phone.place()
        await phone.take(wire.Envelope(TWO, wire.Offer(gateway_offer(), {})))
        assert phone.rung == []


async def test_taking_a_call_ends_the_one_before(autojump_clock: MockClock) -> None:
    async with open_phone(allow_incoming_while_busy=True) as phone:
        for sid in (ONE, TWO):
            call = await phone.ring(sid)
            call.accept()
            await settle()
        assert [call.status() for call in phone.rung] == [CallStatus.CLOSED, CallStatus.OPEN]
        assert phone.core.state.active == phone.rung[1].core.id


async def test_calls_lose_and_regain_their_socket_with_the_device(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        call = await phone.ring(ONE)
        call.accept()
        await settle()
        phone.sent()
        await phone.take(machine.StreamDown("gone", 31005))
        assert call.status() is CallStatus.RECONNECTING
        assert phone.heard == ["error"]
        await phone.take(UP)
        await trio.sleep(1.0)
        [resume] = phone.sent()
        assert isinstance(resume, wire.Resume)
        await phone.take(wire.Envelope(ONE, wire.Answer(None, "newer")))
        assert call.status() is CallStatus.OPEN


async def test_a_hangup_during_an_outage_waits_in_the_stream(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        call = await phone.ring(ONE)
        call.accept()
        await settle()
        await phone.take(machine.StreamDown("gone"))
        await trio.sleep(1.0)
        phone.sent()
        call.disconnect()
        await settle()
        assert phone.sent() == [wire.Hangup()]


async def test_destroying_rejects_what_rings_and_hangs_up_what_talks(autojump_clock: MockClock) -> None:
    async with open_phone(allow_incoming_while_busy=True) as phone:
        taken = await phone.ring(ONE)
        taken.accept()
        await settle()
        ringing = await phone.ring(TWO)
        phone.sent()
        phone.core.apply(machine.Destroyed())
        await settle()
        assert (taken.status(), ringing.status()) == (CallStatus.CLOSED, CallStatus.CLOSED)
        assert sorted(type(body).__name__ for body in phone.sent()) == ["Hangup", "Reject"]


async def test_codes_of_the_gateway_become_the_devices_error_classes(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        for code in (31204, 31205, 39999):
            await phone.take(wire.Problem(wire.WireError(code, "no")))
            assert phone.core.error is not None
            assert phone.core.error.code == {31204: 20101, 31205: 20104, 39999: 53000}[code]


async def test_a_lost_frame_is_no_state_of_the_device(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        before = phone.core.state
        phone.core.handle(Lost("x"), 0.0)
        assert phone.core.state == before


async def test_the_journal_tells_of_registrations(autojump_clock: MockClock) -> None:
    async with open_phone() as phone:
        published: list[object] = []
        phone.core._journal.channel._sinks = (lambda record: published.append(record.event),)
        phone.core.apply(machine.RegistrationAsked(True))
        await phone.take(wire.Registered(), wire.Offline())
        assert phone.heard == ["registering", "registered", "unregistered"]
        assert published == [events.DeviceRegistered(), events.DeviceUnregistered()]
