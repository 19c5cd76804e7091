"""When a device makes which sound; and what it writes to the log by itself."""

import io
from collections.abc import Iterator

import pytest
import structlog
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.call.parameters import ConnectToken, encode_connect_token
from actors.device import ConnectOptions, Device, DeviceOptions
from actors.log import configure_logging
from actors.signaling import messages as wire
from tests.fakes.exchange import HealthyEngine, answer_to, gateway_offer
from tests.fakes.loudspeaker import Loudspeaker
from tests.fakes.scripted_gateway import ScriptedGateway, open_gateway, open_scripted

pytestmark = pytest.mark.wire

ONE, TWO = "CA" + "1" * 32, "CA" + "2" * 32
TOKEN = ConnectToken({}, {"CallSid": ONE, "From": "client:bob"}, "rt-1")
RING, QUIET = ("play", "incoming"), ("stop", "incoming")


def ring(sid: str = ONE) -> wire.Envelope:
    return wire.Envelope(sid, wire.Offer(gateway_offer(), {"From": "client:bob"}, "rt"))


def listen(device: Device) -> Loudspeaker:
    output = Loudspeaker()
    device.audio.output = output
    return output


async def answer(gateway: ScriptedGateway, sid: str = ONE) -> None:
    offers = gateway.of(wire.Invite) + gateway.of(wire.Resume)
    await gateway.say(wire.Envelope(sid, wire.Answer(answer_to(offers[-1].sdp), "newer")))  # type: ignore[attr-defined]


async def test_a_call_that_rings_is_heard_before_it_is_told_and_until_it_is_taken(
    autojump_clock: MockClock,
) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        output = listen(device)
        heard_when_told: list[object] = []
        device.on("incoming", lambda _: heard_when_told.extend(output.names))
        await gateway.say(ring())
        assert heard_when_told == output.names == [RING]
        device.calls[0].accept()
        await wait_all_tasks_blocked()
        assert output.names == [RING, QUIET]


@pytest.mark.parametrize("end", ["reject", "ignore", "cancel"])
async def test_a_call_that_is_not_taken_stops_ringing_and_makes_no_sound_at_its_end(
    end: str, autojump_clock: MockClock
) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        output = listen(device)
        await gateway.say(ring())
        if end == "cancel":
            await gateway.say(wire.Envelope(ONE, wire.Cancel()))
        else:
            getattr(device.calls[0], end)()
        assert output.names == [RING, QUIET]


async def test_two_calls_ring_as_one_until_the_last_is_gone_or_one_is_ignored(
    autojump_clock: MockClock,
) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        output = listen(device)
        await gateway.say(ring(ONE), ring(TWO))
        device.calls[0].reject()
        assert output.names == [RING]
        await gateway.say(ring(ONE))
        device.calls[0].ignore()
        assert output.names == [RING, QUIET]


async def test_placing_a_call_stops_the_ringing(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        output = listen(device)
        await gateway.say(ring())
        await device.connect()
        assert output.names == [RING, QUIET]


async def test_a_busy_device_is_quiet(autojump_clock: MockClock) -> None:
    async with (
        open_gateway() as gateway,
        open_scripted(gateway, allow_incoming_while_busy=True) as (device, _),
    ):
        await device.register()
        await device.connect()
        output = listen(device)
        await gateway.say(ring())
        assert (len(device.calls), output.names) == (1, [])


async def test_a_placed_call_is_heard_when_it_is_accepted_and_at_its_end(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        output = listen(device)
        call = await device.connect(params={"To": "echo"})
        await gateway.hear(wire.Invite)
        assert output.names == []
        await answer(gateway)
        assert output.names == [("play", "outgoing")]
        call.disconnect()
        assert output.names == [("play", "outgoing"), ("play", "disconnect")]


async def test_a_call_that_is_taken_over_is_not_heard_like_a_placed_one(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        output = listen(device)
        call = await device.connect(ConnectOptions(connect_token=encode_connect_token(TOKEN)))
        await gateway.hear(wire.Resume)
        await answer(gateway)
        assert (call.status(), output.names) == ("open", [])


async def test_a_sound_that_is_switched_off_is_not_made(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        output = listen(device)
        device.audio.incoming(False)
        device.audio.disconnect(False)
        await gateway.say(ring())
        device.calls[0].accept()
        await gateway.hear(wire.Answer)
        device.disconnect_all()
        assert ("play", "incoming") not in output.names
        assert ("play", "disconnect") not in output.names


async def test_files_for_sounds_may_be_changed(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway, sounds={"incoming": "a.wav"}) as (device, _):
        await device.register()
        output = listen(device)
        await gateway.say(ring())
        device.calls[0].reject()
        device.update_options({"sounds": {"incoming": "b.wav"}})
        await gateway.say(ring(TWO))
        assert [sound.file for what, sound in output.told if what == "play"] == ["a.wav", "b.wav"]


# --- the log -----------------------------------------------------------------------------------------


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure_logging("json", stream)
    yield stream
    structlog.reset_defaults()


async def test_a_device_without_a_channel_writes_by_its_log_level(
    stream: io.StringIO, autojump_clock: MockClock
) -> None:
    async with open_gateway() as gateway:
        options = DeviceOptions("one")
        async with Device("token", options, engine=HealthyEngine(), run_stream=gateway.run_stream) as device:
            await device.register()
            assert stream.getvalue() == ""
            await gateway.say(wire.Problem(wire.WireError(31000, "odd")))
            assert '"device.failed"' in stream.getvalue()
            device.update_options({"log_level": "info"})
            await device.unregister()
            assert '"device.unregistered"' in stream.getvalue()
            device.update_options({"log_level": "silent"})
            before = stream.getvalue()
            await gateway.say(wire.Problem(wire.WireError(31000, "odd")))
            assert stream.getvalue() == before


async def test_a_device_writes_to_standard_error_when_nothing_is_set_up(
    capsys: pytest.CaptureFixture[str], autojump_clock: MockClock
) -> None:
    assert not structlog.is_configured()
    async with open_gateway() as gateway:
        device = Device("token", DeviceOptions("one"), engine=HealthyEngine(), run_stream=gateway.run_stream)
        async with device:
            await device.register()
            await gateway.say(wire.Problem(wire.WireError(31000, "eyJhbGciOi.abcdef.secret")))
    said = capsys.readouterr()
    assert (said.out, "device.failed" in said.err, "eyJ" in said.err) == ("", True, False)
