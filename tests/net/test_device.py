"""Devices over loopback: what only real sockets and real audio can show."""

from pathlib import Path

import pytest
import trio

from actors import events
from actors.call import Call, CallStatus
from actors.device import ConnectOptions, Device, DeviceStatus, PreflightOptions
from actors.errors import InvalidStateError, TwilioError
from actors.media.messages import Tone
from tests.fakes.house import House, open_house

pytestmark = pytest.mark.net

HZ = 500.0
NOBODY = "127.0.0.1:1"


def preflight(house: House, **options: object) -> PreflightOptions:
    given: dict[str, object] = {
        "chunderw": f"127.0.0.1:{house.node.port}",
        "ca_file": house.node.credentials.certificate,
    }
    return PreflightOptions(**(given | options))  # type: ignore[arg-type]


async def test_a_new_token_leaves_a_live_call_alone(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house, house.device("alice", input=Tone(HZ)) as alice:
            call = await alice.connect(params={"To": "echo"})
            call.listen_for(HZ)
            await call.heard(HZ)
            alice.update_token(house.token("alice", ttl=1800.0))
            samples = len(house.device_notes.of(call.core.id, events.Sampled))
            await house.device_notes.event(call.core.id, events.Sampled, samples + 2)
            assert (call.status(), call.hears(HZ)) == (CallStatus.OPEN, True)
            assert house.device_notes.of(call.core.id, events.Reconnecting) == []
            assert house.notes.of(call.sid, events.Reconnecting) == []


async def test_a_refused_token_rejects_register_and_a_better_one_helps(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house, house.device("alice") as alice:
            good = alice.token
            alice.update_token("no token")
            with pytest.raises(TwilioError) as caught:
                await alice.register()
            assert caught.value.code == 20101
            alice.update_token(good)
            await alice.register()
            assert (alice.state, alice.identity) == (DeviceStatus.REGISTERED, "alice")


async def test_a_gateway_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house:
            both = [NOBODY, f"127.0.0.1:{house.node.port}"]
            async with house.device("alice", chunderw=both) as alice:
                errors: list[int] = []
                alice.on("error", lambda error: errors.append(error.code))
                await alice.register()
                assert errors == [31005]


async def test_a_device_moves_to_another_gateway_but_not_during_a_call(tmp_path: Path) -> None:
    with trio.fail_after(20):
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        async with open_house(tmp_path / "one") as one, one.device("alice") as alice:
            token_of = tmp_path
            async with open_house(token_of / "two") as two:
                await alice.register()
                call = await alice.connect(params={"To": "echo"})
                await call.answered()
                there = {
                    "chunderw": f"127.0.0.1:{two.node.port}",
                    "ca_file": two.node.credentials.certificate,
                }
                with pytest.raises(InvalidStateError):
                    alice.update_options(there)
                call.disconnect()
                registered = trio.Event()
                alice.on("registered", registered.set)
                alice.update_token(two.token("alice"))
                alice.update_options(there)
                await registered.wait()
                assert two.node.gateway.registrations == 1
                await one.notes.until(lambda: one.node.gateway.registrations == 0)


async def test_a_destroyed_device_is_gone_at_the_gateway(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house, house.device("alice") as alice:
            await alice.register()
            call = await alice.connect(params={"To": "echo"})
            await call.answered()
            alice.destroy()
            await house.notes.event(call.sid, events.Disconnected)
            await house.notes.until(lambda: house.node.gateway.registrations == 0)
            with pytest.raises(InvalidStateError):
                await alice.register()


async def test_a_ringing_call_is_taken_over_by_another_device(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with (
            open_house(tmp_path) as house,
            house.device("alice", input=Tone(HZ)) as alice,
            house.device("bob") as desk,
            house.device("bob") as mobile,
        ):
            rung: list[Call] = []
            desk.on("incoming", rung.append)
            await desk.register()
            caller = await alice.connect(params={"To": "client:bob"})
            await house.device_notes.until(lambda: bool(rung))
            taken = await mobile.connect(ConnectOptions(connect_token=rung[0].connect_token))
            taken.listen_for(HZ)
            await taken.answered()
            await caller.answered()
            await rung[0].ended()
            await taken.heard(HZ)
            assert taken.sid == rung[0].sid
            assert taken.parameters == rung[0].parameters
            assert house.device_notes.names(rung[0].core.id)[-1] == "call.cancelled"


async def test_a_preflight_test_reports_on_the_network(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house:
            options = preflight(house, fake_mic_input=True, fake_mic_seconds=3.5)
            test = Device.run_preflight(house.token("alice"), options)
            report = await test.run()
            assert report["callSid"].startswith("CA")
            assert report["callQuality"] == "excellent"
            assert len(report["samples"]) >= 2
            assert 3000 <= report["testTiming"]["duration"] <= 10_000
            timing = report["networkTiming"]
            assert 0 < timing["signaling"]["duration"] < 3000
            parts = [timing[part] for part in ("ice", "dtls", "peerConnection")]
            assert all(0 < part["duration"] < 3000 for part in parts)
            ice, dtls, whole = parts
            assert (ice["start"], ice["end"], dtls["end"]) == (whole["start"], dtls["start"], whole["end"])
            pair = report["selectedIceCandidatePairStats"]
            assert {end["candidateType"] for end in pair.values()} == {"host"}
            assert pair["remoteCandidate"]["port"] == house.node.media.ports[0]
            assert pair["remoteCandidate"] in report["iceCandidateStats"]
            assert report["isTurnRequired"] is False
            await house.notes.event(report["callSid"], events.Disconnected)


async def test_a_preflight_test_with_a_bad_token_fails(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house:
            with pytest.raises(TwilioError) as caught:
                await Device.run_preflight("no token", preflight(house)).run()
            assert caught.value.code == 20101
