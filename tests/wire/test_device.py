"""A whole device on virtual time, through real WebSocket code, with a gateway that follows a script."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.device import Device, DeviceOptions, DeviceStatus
from actors.errors import InvalidArgumentError, InvalidStateError, TwilioError
from actors.signaling import messages as wire
from tests.fakes.exchange import gateway_offer
from tests.fakes.scripted_gateway import open_gateway, open_scripted

pytestmark = pytest.mark.wire

SID = "CA" + "1" * 32
UNREGISTER = wire.Register(audio=False)


def ring(sid: str = SID, token: str | None = "rt") -> wire.Envelope:
    return wire.Envelope(sid, wire.Offer(gateway_offer(), {"From": "client:bob"}, token))


# --- registration ----------------------------------------------------------------------------------


async def test_a_device_registers_once_the_gateway_has_accepted_its_token(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        assert gateway.kinds() == ["Listen", "Register"]
        assert ears.names == ["registering", "registered"]
        assert (device.identity, device.edge, device.home) == ("alice", "here", "home")


async def test_nothing_goes_over_the_network_before_it_has_to(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        device.update_token("another")
        device.update_options({"app_name": "desk"})
        await trio.sleep(100)
        assert gateway.attempts == []
        await device.register()
        assert gateway.of(wire.Listen) == [wire.Listen("another")]


async def test_the_registration_is_repeated_every_30_seconds(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        await trio.sleep(95)
        assert len(gateway.of(wire.Register)) == 4


async def test_an_expired_token_stops_the_repetition(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        await gateway.say(wire.Problem(wire.WireError(31205, "expired")))
        await trio.sleep(120)
        assert len(gateway.of(wire.Register)) == 1
        assert ears.errors == [20104]


@pytest.mark.parametrize(("code", "raised"), [(31204, 20101), (31205, 20104), (31201, 20151)])
async def test_a_refused_token_rejects_register(autojump_clock: MockClock, code: int, raised: int) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        gateway.connected = wire.Problem(wire.WireError(code, "no"))
        with pytest.raises(TwilioError) as caught:
            await device.register()
        assert caught.value.code == raised
        assert ears.names == ["registering", "error", "unregistered"]


async def test_a_new_token_registers_a_device_whose_token_had_expired(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        await gateway.hang_up_socket()
        gateway.connected = wire.Problem(wire.WireError(31205, "expired"))
        await gateway.hear(wire.Listen, 2)
        gateway.connected = wire.Connected("alice", 3600.0)
        device.update_token("newer")
        await gateway.hear(wire.Register, 2)
        await wait_all_tasks_blocked()
        assert device.state is DeviceStatus.REGISTERED
        assert ears.names[-2:] == ["registering", "registered"]


async def test_a_refused_registration_rejects_register_and_is_not_repeated(autojump_clock: MockClock) -> None:
    """The gateway would else ring a device that does not know of it."""
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        gateway.registered = wire.Problem(wire.WireError(31206, "too many registrations"))
        with pytest.raises(TwilioError) as caught:
            await device.register()
        assert (caught.value.code, device.state) == (31206, DeviceStatus.UNREGISTERED)
        await trio.sleep(100)
        assert gateway.of(wire.Register) == [wire.Register(audio=True), UNREGISTER]


async def test_a_device_that_is_sent_away_may_come_back_at_once(autojump_clock: MockClock) -> None:
    """The old stream is still closing then."""
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        gateway.registered = wire.Close()
        with pytest.raises(TwilioError):
            await device.register()
        gateway.registered = wire.Registered()
        await device.register()
        assert (len(gateway.sockets), device.state) == (2, DeviceStatus.REGISTERED)
        await gateway.say(wire.Close())
        await trio.sleep(100)
        assert (len(gateway.sockets), ears.names[-1]) == (2, "unregistered")


async def test_a_lost_socket_is_followed_by_another_registration(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        await gateway.hang_up_socket()
        assert (device.state, device.edge) == (DeviceStatus.UNREGISTERED, None)
        await gateway.hear(wire.Register, 2)
        await wait_all_tasks_blocked()
        assert ears.names == ["registering", "registered", "unregistered", "registering", "registered"]


async def test_a_device_that_was_unregistered_stays_so_when_its_socket_is_replaced(
    autojump_clock: MockClock,
) -> None:
    """Quirk not copied: the SDK's `offline` handler makes the next `connected` register again."""
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        await device.unregister()
        assert ears.names[-1] == "unregistered"
        await gateway.hang_up_socket()
        await gateway.hear(wire.Listen, 2)
        await trio.sleep(100)
        assert gateway.of(wire.Register) == [wire.Register(audio=True), UNREGISTER]
        with pytest.raises(InvalidStateError):
            await device.unregister()


# --- tokens ----------------------------------------------------------------------------------------


async def test_a_token_is_about_to_expire_once_and_says_whose_it_is(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway, token_refresh_ms=60_000) as (device, ears):
        gateway.connected = wire.Connected("alice", 100.0)
        await device.register()
        await trio.sleep(39)
        assert "tokenWillExpire" not in ears.names
        await trio.sleep(200)
        assert [event for event in ears.heard if event[0] == "tokenWillExpire"] == [
            ("tokenWillExpire", device)
        ]


async def test_a_newer_token_replaces_the_timer_of_the_older(autojump_clock: MockClock) -> None:
    """Quirk not copied: in the SDK the older timer still fires, and takes the newer one with it."""
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        gateway.connected = wire.Connected("alice", 100.0)
        await device.register()
        await trio.sleep(30)
        device.update_token("newer")
        await gateway.hear(wire.Listen, 2)
        await trio.sleep(89)
        assert "tokenWillExpire" not in ears.names
        await trio.sleep(2)
        assert ears.names.count("tokenWillExpire") == 1


async def test_a_new_token_leaves_a_live_call_alone(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        await gateway.say(ring())
        [call] = device.calls
        call.accept()
        await call.answered()
        heard: list[str] = []
        for name in ("reconnecting", "reconnected", "disconnect", "error"):
            call.on(name, lambda *_, name=name: heard.append(name))
        device.update_token("newer")
        await gateway.hear(wire.Listen, 2)
        await trio.sleep(10)
        assert (heard, call.status(), gateway.of(wire.Resume)) == ([], "open", [])
        assert "unregistered" not in ears.names


# --- errors ----------------------------------------------------------------------------------------


async def test_an_error_names_the_ringing_call_it_is_about(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        await gateway.say(ring())
        [call] = device.calls
        await gateway.say(wire.Problem(wire.WireError(31000, "about it"), SID))
        await gateway.say(wire.Problem(wire.WireError(31000, "about another"), "CA9"))
        errors = [event[2:] for event in ears.heard if event[0] == "error"]
        assert errors == [(call,), ()]
        call.accept()
        await call.answered()
        await gateway.say(wire.Problem(wire.WireError(31000, "not ringing any more"), SID))
        assert ears.heard[-1][2:] == ()


async def test_an_error_that_nobody_listens_for_harms_nobody(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        device.remove_all_listeners("error")
        await gateway.say(wire.Problem(wire.WireError(31000, "x")))
        assert device.state is DeviceStatus.REGISTERED


@pytest.mark.parametrize("payload", ['{"sdp":"v=0"}', '{"callsid":"CA1"}', '{"callsid":"CA1","sdp":""}'])
async def test_a_malformed_invite_is_an_error(autojump_clock: MockClock, payload: str) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        await gateway.say(f'{{"type":"invite","payload":{payload}}}')
        assert ears.names[2:] == ["error"]
        assert ears.errors == [31400]
        assert device.calls == ()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
async def test_a_close_frame_is_no_error(autojump_clock: MockClock, code: int) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        await gateway.hang_up_socket(code)
        await gateway.hear(wire.Register, 2)
        assert ears.errors == []


async def test_a_socket_that_breaks_off_is_an_error(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        gateway.break_off()
        await gateway.hear(wire.Register, 2)
        assert ears.errors == [31005]


async def test_a_refused_call_message_is_no_error_of_the_device(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        await device.register()
        await gateway.say(wire.Envelope(SID, wire.Refusal("KX1", wire.WireError(31210, "no"))))
        assert ears.errors == []


# --- the socket ------------------------------------------------------------------------------------


async def test_a_device_has_one_socket_however_much_it_does(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        await device.connect()
        await device.unregister()
        await device.register()
        assert (len(gateway.attempts), len(gateway.sockets)) == (1, 1)


async def test_a_gateway_that_does_not_answer_is_given_five_seconds(autojump_clock: MockClock) -> None:
    async with (
        open_gateway() as gateway,
        open_scripted(gateway, chunderw=["mute", "two"]) as (device, _),
    ):
        gateway.silent = {"mute"}
        await device.register()
        assert gateway.hosts == ["mute", "two"]
        assert gateway.attempts[1][0] == pytest.approx(5.0, abs=1.0)


async def test_every_outage_begins_with_short_delays(autojump_clock: MockClock) -> None:
    """Whatever the one before has come to."""
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        for outage in (1, 2):
            gateway.down = {"one"}
            lost_at = trio.current_time()
            begun = len(gateway.attempts)
            await gateway.hang_up_socket()
            await gateway.until(lambda begun=begun: len(gateway.attempts) >= begun + 6)
            gaps = [at - lost_at for at, _ in gateway.attempts[begun:]]
            assert gaps[0] < 0.5
            assert gaps[-1] - gaps[-2] > 1.0
            gateway.down = set()
            await gateway.hear(wire.Register, outage + 1)


@pytest.mark.parametrize("token", [None, 5, b"token"])
async def test_a_token_is_text(token: object) -> None:
    with pytest.raises(InvalidArgumentError):
        Device(token, DeviceOptions("one"))  # type: ignore[arg-type]


async def test_a_call_that_comes_in_has_its_callers_parameters(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        await device.register()
        told = {
            "From": "+4930123",
            "To": "client:alice",
            "Params": "room=blue%20one&n=2+3",
            "StirStatus": "x",
        }
        await gateway.say(wire.Envelope(SID, wire.Offer(gateway_offer(), told, "rt")))
        [call] = device.calls
        assert call.custom_parameters == {"room": "blue one", "n": "2 3"}
        assert call.parameters == {**told, "CallSid": SID}
        assert call.caller_info is not None
        assert not call.caller_info.is_verified
