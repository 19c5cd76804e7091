"""Media in worker processes: when one is killed its calls go on under the same keys."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors import events
from actors.call import Call
from actors.media.messages import Tone
from actors.media.workers.pool import WorkerPool
from actors.media.workers.remote import RemoteEngine
from tests.fakes.house import House, open_house, open_pair
from tests.fakes.peer_process import open_peer
from tests.fakes.raw_client import open_client

pytestmark = pytest.mark.net

ALICE_HZ, BOB_HZ = 700.0, 1100.0
TEMP_SID = "TJS0f6e2c1a-9b3d-4c55-8e21-7a90d1b2c3d4"
NEW_HZ = (500.0, 1300.0, 1700.0, 2300.0)
SECONDS = 60.0
"""A generous deadline: starting a process takes its time on a loaded machine."""


@asynccontextmanager
async def talking(house: House) -> AsyncIterator[tuple[Call, Call]]:
    """Alice and Bob hear each other through a worker."""
    async with house.device("alice") as alice, house.device("bob") as bob:
        calls = await open_pair(
            alice, bob, to="bob", play=(Tone(ALICE_HZ), Tone(BOB_HZ)), listen=(BOB_HZ, ALICE_HZ)
        )
        await calls[0].heard(BOB_HZ)
        await calls[1].heard(ALICE_HZ)
        yield calls


def pool_of(house: House) -> WorkerPool:
    pool = house.node.media
    assert isinstance(pool, WorkerPool)
    return pool


def ups_of(house: House, engine: RemoteEngine) -> int:
    """How often a worker has begun to serve this engine."""
    return sum(isinstance(r.event, events.ActorUp) and r.actor == engine.name for r in house.notes.records)


async def strike(house: House, engine: RemoteEngine, number: int) -> None:
    """Send the worker a signal, and wait until another one has taken its place."""
    await pool_of(house).spares.warm()
    pid = engine.pid
    assert pid is not None
    ups = ups_of(house, engine)
    os.kill(pid, number)
    await house.notes.until(lambda: ups_of(house, engine) > ups)
    assert engine.pid not in {None, pid}


async def hear_news(calls: tuple[Call, Call], hz: float) -> None:
    """What is played from now on is heard at the other side: no leftover of what was heard before."""
    alice, bob = calls
    for speaker, listener, tone in ((alice, bob, hz), (bob, alice, hz + 100.0)):
        listener.listen_for(tone)
        speaker.play(Tone(tone))
        await listener.heard(tone)


async def test_a_call_goes_through_a_worker(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS):
        async with open_house(tmp_path, media_workers=1) as house, talking(house) as calls:
            await hear_news(calls, NEW_HZ[0])
            assert pool_of(house).statistics().legs == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda number: number.name)
async def test_a_killed_worker_is_replaced_and_no_call_notices(
    tmp_path: Path, number: signal.Signals
) -> None:
    with trio.fail_after(SECONDS):
        async with open_house(tmp_path, media_workers=1) as house, talking(house) as calls:
            (engine,) = pool_of(house).engines
            for hz in NEW_HZ[:2]:
                await strike(house, engine, number)
                await hear_news(calls, hz)
            for call in calls:
                assert call.status() == "open"
                assert len(house.notes.of(call.sid, events.MediaSecured)) == 1, "DTLS began anew"


async def test_mute_and_digits_work_in_the_worker_that_took_over(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS):
        async with open_house(tmp_path, media_workers=1) as house, house.device("alice") as alice:
            call = await alice.connect(params={"To": "digits"})
            await call.answered()
            got: list[str] = []
            arrived = trio.Event()

            def take(message: object) -> None:
                got.append(message.content["digit"])  # type: ignore[attr-defined]
                arrived.set()

            call.on("messageReceived", take)
            await strike(house, pool_of(house).engines[0], signal.SIGKILL)
            call.send_digits("7")
            await arrived.wait()
            assert got == ["7"]


async def test_a_call_that_rings_while_its_worker_dies_is_answered(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS):
        async with (
            open_house(tmp_path, media_workers=1) as house,
            house.device("alice", input=Tone(ALICE_HZ)) as alice,
            house.device("bob", input=Tone(BOB_HZ)) as bob,
        ):
            rung: list[Call] = []
            has_rung = trio.Event()
            bob.on("incoming", lambda call: (rung.append(call), has_rung.set()))
            await bob.register()
            call = await alice.connect(params={"To": "client:bob"})
            await has_rung.wait()
            await strike(house, pool_of(house).engines[0], signal.SIGKILL)
            rung[0].listen_for(ALICE_HZ)
            rung[0].accept()
            await call.answered()
            await rung[0].heard(ALICE_HZ)


async def test_both_legs_of_a_bridge_are_in_one_worker_and_calls_are_spread(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS):
        async with open_house(tmp_path, media_workers=2) as house, house.device("carol") as carol:
            echo = await carol.connect(params={"To": "echo"})
            await echo.answered()
            async with talking(house):
                assert sorted(len(engine.legs) for engine in pool_of(house).engines) == [1, 2]
        assert all(not engine.legs for engine in pool_of(house).engines)


async def test_a_dead_spare_is_replaced_too(tmp_path: Path) -> None:
    """What takes over must not be what died first."""
    with trio.fail_after(SECONDS):
        async with open_house(tmp_path, media_workers=1) as house, talking(house) as calls:
            (engine,) = pool_of(house).engines
            for hz in NEW_HZ[:3]:
                await strike(house, engine, signal.SIGKILL)
                await hear_news(calls, hz)


@pytest.mark.parametrize("codec", ["opus", "pcmu"])
async def test_an_independent_peer_hears_on_after_its_worker_was_killed(tmp_path: Path, codec: str) -> None:
    """The same stream under the same keys: to aiortc it is as if some packets were lost."""
    with trio.fail_after(SECONDS):
        async with (
            open_house(tmp_path, media_workers=1) as house,
            open_peer() as peer,
            open_client(house, "alice") as client,
        ):
            await client.invite(TEMP_SID, await peer.offer(codec, ALICE_HZ), "echo")
            answer = await client.receive("answer")
            await peer.accept(answer["sdp"])
            await peer.hears(ALICE_HZ)
            before = await peer.traffic()
            await strike(house, pool_of(house).engines[0], signal.SIGKILL)
            await peer.hears(ALICE_HZ)
            while (await peer.traffic()).received <= before.received + 50:
                await peer.hears(ALICE_HZ)
            assert (await peer.traffic()).streams == before.streams
            assert len(house.notes.of(answer["callsid"], events.MediaSecured)) == 1
