"""Whole calls over loopback: two Python devices, the gateway between them, real audio, real faults."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import events
from actors.call import Call, CallStatus
from actors.errors import InvalidStateError
from actors.media.engine_messages import Blackhole
from actors.media.messages import Tone
from tests.fakes.house import House, open_house, open_pair

pytestmark = pytest.mark.net

ALICE_HZ, BOB_HZ = 700.0, 1100.0


@asynccontextmanager
async def talking(house: House) -> AsyncIterator[tuple[Call, Call]]:
    """Alice and Bob hear each other."""
    async with house.device("alice") as alice, house.device("bob") as bob:
        calls = await open_pair(
            alice, bob, to="bob", play=(Tone(ALICE_HZ), Tone(BOB_HZ)), listen=(BOB_HZ, ALICE_HZ)
        )
        await calls[0].heard(BOB_HZ)
        await calls[1].heard(ALICE_HZ)
        yield calls


async def test_echo_sends_back_what_it_hears(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house, house.device("alice", input=Tone(500.0)) as alice:
            call = await alice.connect(params={"To": "echo"})
            call.listen_for(500.0)
            await call.answered()
            await call.heard(500.0)
            assert call.sid.startswith("CA")
            call.disconnect()
            assert call.status() is CallStatus.CLOSED
            await house.notes.event(call.sid, events.Disconnected)
    assert house.notes.names(call.sid)[-1] != "call.failed"


@pytest.mark.parametrize("codec", ["opus", "pcmu"])
async def test_a_tone_is_heard_in_either_codec(tmp_path: Path, codec: str) -> None:
    with trio.fail_after(20):
        async with (
            open_house(tmp_path) as house,
            house.device("alice", codec_preferences=(codec,)) as alice,
        ):
            call = await alice.connect(params={"To": "tone:440"})
            call.listen_for(440.0, 620.0)
            await call.heard(440.0)
            assert not call.hears(620.0)
            assert call.negotiated_codec == codec


async def test_two_clients_hear_each_other(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house, talking(house) as (caller, callee):
            assert callee.parameters["From"] == "client:alice"
            assert not caller.hears(ALICE_HZ)
            caller.disconnect()
            await callee.ended()


async def test_an_unregistered_client_ends_the_call_at_once(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house, house.device("alice") as alice:
            call = await alice.connect(params={"To": "client:nobody"})
            failures: list[int] = []
            call.on("error", lambda error: failures.append(error.original_error.code))
            await call.ended()
            assert failures == [31480]


async def test_the_first_of_several_registrations_wins(tmp_path: Path) -> None:
    """Every registration rings; who is too late is cancelled."""
    with trio.fail_after(20):
        async with (
            open_house(tmp_path) as house,
            house.device("alice") as alice,
            house.device("bob") as desk,
            house.device("bob") as mobile,
        ):
            rung: list[Call] = []
            for device in (desk, mobile):
                device.on("incoming", rung.append)
                await device.register()
            call = await alice.connect(params={"To": "client:bob"})
            await house.device_notes.until(lambda: len(rung) == 2)
            endings: list[str] = []
            for name in ("cancel", "disconnect"):
                rung[0].on(name, lambda *_, name=name: endings.append(name))
            rung[1].accept()
            await call.answered()
            await rung[0].ended()
            assert endings == ["cancel"]
            assert rung[1].status() is CallStatus.OPEN


async def test_a_caller_who_gives_up_cancels_the_ringing(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with (
            open_house(tmp_path) as house,
            house.device("alice") as alice,
            house.device("bob") as bob,
        ):
            rung: list[Call] = []
            bob.on("incoming", rung.append)
            await bob.register()
            call = await alice.connect(params={"To": "client:bob"})
            await house.device_notes.until(lambda: bool(rung))
            call.disconnect()
            await rung[0].ended()
            assert house.device_notes.names(rung[0].core.id)[-1] == "call.cancelled"


async def test_a_rejected_call_ends_with_declined(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with (
            open_house(tmp_path) as house,
            house.device("alice") as alice,
            house.device("bob") as bob,
        ):
            bob.on("incoming", lambda call: call.reject())
            await bob.register()
            call = await alice.connect(params={"To": "client:bob"})
            with pytest.raises(InvalidStateError):
                await call.answered()
            assert call.failure is not None
            assert call.failure[0] == 31603


async def test_a_cut_websocket_is_survived(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house, house.device("alice", input=Tone(500.0)) as alice:
            call = await alice.connect(params={"To": "echo"})
            call.listen_for(500.0)
            await call.heard(500.0)
            for cuts in (1, 2):
                alice.stream.cut()
                await house.device_notes.event(call.core.id, events.Reconnected, cuts)
                await house.notes.event(call.sid, events.Reconnected, cuts)
                assert call.status() is CallStatus.OPEN
                assert call.hears(500.0)


async def test_a_dead_media_path_is_replaced_by_an_ice_restart(tmp_path: Path) -> None:
    """The old path stays dead for ever, so only new credentials on a new path can help."""
    with trio.fail_after(40):
        async with open_house(tmp_path) as house, talking(house) as (caller, callee):
            server_half = house.server_call(caller)
            house.node.media.post(Blackhole(server_half.leg))
            await callee.silent(ALICE_HZ)
            await house.device_notes.event(caller.core.id, events.Reconnected)
            await caller.heard(BOB_HZ)
            await callee.heard(ALICE_HZ)
            assert callee.status() is CallStatus.OPEN


@pytest.mark.parametrize("part", ["", "/media", "/signaling"])
async def test_a_crashed_actor_at_the_server_comes_back(tmp_path: Path, part: str) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house, talking(house) as (caller, callee):
            house.faults.crash(f"call {caller.sid}{part}", RuntimeError("injected"))
            await house.notes.event(caller.sid, events.Reconnected)
            await caller.heard(BOB_HZ)
            await callee.heard(ALICE_HZ)
            assert caller.status() is CallStatus.OPEN
            reconnecting = house.notes.of(caller.sid, events.Reconnecting)
            assert len(reconnecting) == 1


@pytest.mark.parametrize("part", ["", "/media", "/signaling"])
async def test_a_crashed_actor_at_the_client_comes_back(tmp_path: Path, part: str) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house, talking(house) as (caller, callee):
            house.device_faults.crash(f"call {caller.core.id}{part}", RuntimeError("injected"))
            await house.device_notes.event(caller.core.id, events.Reconnected)
            await caller.heard(BOB_HZ)
            await callee.heard(ALICE_HZ)
            assert caller.status() is CallStatus.OPEN


async def test_a_crashed_insights_actor_is_not_noticed(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house, talking(house) as (caller, _):
            house.faults.crash(f"call {caller.sid}/insights", RuntimeError("injected"))
            before = len(house.notes.of(caller.sid, events.Sampled))
            await house.notes.event(caller.sid, events.Sampled, before + 2)
            assert not house.notes.of(caller.sid, events.Reconnecting)


@pytest.mark.parametrize("loop", ["receive", "pace"])
async def test_a_crashed_loop_of_the_media_engine_is_not_noticed(tmp_path: Path, loop: str) -> None:
    """The legs are not the loop's: whatever packet it died of, the next ones are served."""
    with trio.fail_after(30):
        async with open_house(tmp_path) as house, talking(house) as (caller, callee):
            house.faults.crash(f"media engine/{loop}", RuntimeError("injected"))
            before = len(house.device_notes.of(caller.core.id, events.Sampled))
            await house.device_notes.event(caller.core.id, events.Sampled, before + 3)
            assert caller.hears(BOB_HZ)
            assert callee.hears(ALICE_HZ)
            assert not house.notes.of(caller.sid, events.Reconnecting)


async def test_a_call_that_crashes_too_often_is_hung_up_with_its_cause(tmp_path: Path) -> None:
    with trio.fail_after(40):
        async with open_house(tmp_path) as house, talking(house) as (caller, callee):
            path = f"call {caller.sid}"
            crashes = 0
            while caller.status() is not CallStatus.CLOSED:
                if path in house.faults.paths():
                    house.faults.crash(path, RuntimeError(f"crash {crashes}"))
                    crashes += 1
                await trio.sleep(0.05)
            await callee.ended()
            failed = house.notes.of(caller.sid, events.Failed)
            assert len(failed) == 1
            assert "restarted too often" in str(failed[0])


async def test_samples_tell_about_both_directions(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house, talking(house) as (caller, _):
            samples: list[dict[str, Any]] = []
            caller.on("sample", samples.append)
            await house.device_notes.until(lambda: len(samples) >= 3)
            last = samples[-1]
            assert last["mos"] is not None
            for counted in ("packetsSent", "packetsReceived"):
                assert last[counted] > 0
                assert last["totals"][counted] == sum(sample[counted] for sample in samples)
            assert caller.codec == "pcmu"


async def test_a_stopped_server_leaves_no_call(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house:
            async with house.device("alice") as alice:
                call = await alice.connect(params={"To": "echo"})
                await call.answered()
            await house.notes.event(call.sid, events.Disconnected)
