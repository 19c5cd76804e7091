"""What handlers see: the states at which the browser SDK tells its events."""

import pytest
import trio
from trio.testing import MockClock

from actors.call import Call, Message
from actors.call.state import Direction, Received, Role
from actors.device import machine
from actors.device.core import DeviceCore
from actors.device.options import DeviceOptions
from actors.device.placing import placed
from actors.device.stream import StreamPort
from actors.emitter import Emitter
from actors.journal import Clock, Journal
from actors.signaling import messages as wire
from supervisor import Channel
from tests.fakes.exchange import FakeOutlet, open_bench, settle

pytestmark = pytest.mark.actor

CLIENT, OUTGOING = Role.CLIENT, Direction.OUTGOING
OPTIONS = DeviceOptions("127.0.0.1:1")


def _followed(call: Call) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    for name in ("error", "disconnect"):
        call.on(name, lambda *_, name=name: told.append((name, call.status().value)))
    return told


async def test_an_error_that_ends_a_call_is_told_before_the_end(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        call = (await bench.opened(FakeOutlet(), CLIENT, OUTGOING)).call
        told = _followed(call)
        call.core.receive(Received(wire.Hangup(wire.WireError(31486, "busy")), call.sid))
        await settle()
        assert told == [("error", "open"), ("disconnect", "closed")]


async def test_a_sent_message_is_told_as_it_was_given(autojump_clock: MockClock) -> None:
    """What it is sent as by default is not what the application wrote."""
    async with open_bench() as bench:
        call = (await bench.opened(FakeOutlet(), CLIENT, OUTGOING)).call
        told: list[Message] = []
        call.on("messageSent", told.append)
        sid = call.send_message(Message("text", "kind"))
        call.core.receive(Received(wire.Ack(sid), call.sid))
        await settle()
        assert told == [Message("text", "kind", None, sid)]


async def test_a_call_sends_from_when_it_is_placed_to_its_end(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        call = bench.call(CLIENT, OUTGOING, FakeOutlet()).call
        assert call.get_local_stream() is None
        call.accept()
        call.mute()
        assert call.get_local_stream() is not None
        call.disconnect()
        assert (call.get_local_stream(), call.is_muted()) == (None, False)


async def test_a_device_is_in_the_state_that_it_tells(autojump_clock: MockClock) -> None:
    """A machine that is ahead of its events would show the end in the handler of what comes before."""
    told: list[tuple[str, str]] = []
    emitter = Emitter()
    journal = Journal("device-1", Channel(), Clock(trio.current_time, lambda: 0.0))
    core = DeviceCore(OPTIONS, journal, StreamPort(OPTIONS, wire.Listen("token")), emitter)
    for name in ("registering", "registered", "unregistered", "destroyed", "error"):
        emitter.on(name, lambda *_, name=name: told.append((name, core.status.value)))
    up = machine.StreamUp("alice", 3600.0, "edge", None)
    for happened in (machine.RegistrationAsked(is_wanted=True), up, machine.GatewayReady()):
        core.apply(happened)
    told.clear()
    core.apply(machine.StreamDown("lost", 31005))
    core.apply(up)
    core.apply(machine.Destroyed())
    assert told == [
        ("error", "registered"),
        ("unregistered", "unregistered"),
        ("registering", "registering"),
        ("unregistered", "unregistered"),
        ("destroyed", "destroyed"),
    ]
    assert core.state.edge is None


def test_a_whole_number_has_no_fraction_in_a_custom_parameter() -> None:
    """The browser's language has one type for both."""
    given = {"whole": 2.0, "fraction": 1.5, "number": 5, "yes": True}
    assert placed(given, OPTIONS).custom_parameters == {
        "whole": "2",
        "fraction": "1.5",
        "number": "5",
        "yes": "true",
    }
