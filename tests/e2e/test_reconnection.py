"""Outages: the SDK says `reconnecting` and `reconnected`, and what can be heard is heard all the time."""

import os
import signal
from pathlib import Path

import pytest
import trio

from actors import events
from actors.media.workers.pool import WorkerPool
from tests.e2e.browser import Browser
from tests.e2e.network import Path as MediaPath
from tests.e2e.stage import Client, Stage, open_stage

pytestmark = pytest.mark.e2e

SIGNALING_LOST = 53001
MEDIA_LOST = 53405
HEARTBEAT_SECONDS = 25.0
DETECTION_SECONDS = 30.0
RESUME_SECONDS = 8.0
"""Less than what a client waits for before it sends a restart again."""
GIVE_UP_SECONDS = 45.0
MAX_GAP_MS = 2000
"""More than a busy machine costs, less than the outages here last."""


async def _codes(client: Client) -> list[int]:
    """What `reconnecting` has said."""
    return [entry.args[0]["code"] for entry in await client.entries() if entry.name == "reconnecting"]


async def _recovered(client: Client) -> None:
    """One `reconnected`, and the call is open again."""
    await client.happened("reconnected", seconds=DETECTION_SECONDS)
    await client.until("call.status() === 'open'")
    await client.run("samples.length = 0")
    await client.until("samples.length >= 2")
    assert (await client.names()).count("reconnected") == 1
    assert (await client.names())[-1] == "reconnected"


async def _pair(
    stage: Stage, *, path: MediaPath | None = None, of: str = "caller", **options: object
) -> tuple[Client, Client]:
    """Alice and Bob in a call; `options` are Alice's."""
    alice = await stage.client("alice", path=path if of == "caller" else None, **options)
    bob = await stage.client("bob", 1000.0, path=path if of == "callee" else None)
    await stage.talking(alice, bob)
    return alice, bob


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_a_cut_socket_is_replaced_and_the_audio_goes_on(
    browser: Browser, tmp_path: Path, who: str
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await _pair(stage)
        near, far = (alice, bob) if who == "caller" else (bob, alice)
        for client, hz in ((near, far.hz), (far, near.hz)):
            await client.run("watch(it)", hz)
        near.wire.cut()
        reconnecting = await near.happened("reconnecting", 2)
        assert reconnecting.state == "reconnecting"
        near.wire.heal()
        await _recovered(near)
        assert set(await _codes(near)) == {SIGNALING_LOST}
        assert await near.run("gap.longest") < MAX_GAP_MS
        assert await far.run("gap.longest") < MAX_GAP_MS
        assert "reconnecting" not in await far.names()
        await near.run("call.disconnect()")
        await far.happened("disconnect", seconds=3)


async def test_a_stalled_socket_is_given_up_and_replaced(browser: Browser, tmp_path: Path) -> None:
    """Nothing arrives and nothing breaks: only the silence of 15 s tells. Both sockets exist for a time."""
    async with open_stage(browser, tmp_path, seconds=80) as stage:
        alice, bob = await _pair(stage)
        await bob.run("watch(it)", alice.hz)
        alice.wire.stall()
        await alice.happened("reconnecting", seconds=HEARTBEAT_SECONDS)
        alice.wire.heal()
        await _recovered(alice)
        assert set(await _codes(alice)) == {SIGNALING_LOST}
        assert await bob.run("gap.longest") < MAX_GAP_MS


async def test_a_blip_costs_one_reconnect_and_no_audio(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await _pair(stage)
        await bob.run("watch(it)", alice.hz)
        alice.wire.drop()
        await _recovered(alice)
        assert await _codes(alice) == [SIGNALING_LOST]
        assert await bob.run("gap.longest") < MAX_GAP_MS


async def test_a_call_survives_one_blip_after_the_other(browser: Browser, tmp_path: Path) -> None:
    """Each reconnection gives the token of the next."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        half = await stage.echoing(alice)
        for times in (1, 2, 3):
            alice.wire.drop()
            await alice.happened("reconnected", times)
        assert await alice.status() == "open"
        assert half.status() == "open"
        await alice.hears(alice.hz)


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_a_dead_media_path_is_replaced_by_an_ice_restart(
    browser: Browser, tmp_path: Path, who: str
) -> None:
    """The old path stays dead for ever, so that only new credentials on the new path can help."""
    async with open_stage(browser, tmp_path, seconds=90) as stage:
        old, new = await stage.path(), await stage.path()
        alice, bob = await _pair(stage, path=old, of=who)
        near, far = (alice, bob) if who == "caller" else (bob, alice)
        await stage.route(near, new)
        old.is_dead = True
        await far.hears_nothing()
        reconnecting = await near.happened("reconnecting", seconds=DETECTION_SECONDS)
        assert reconnecting.state == "reconnecting"
        await _recovered(near)
        assert await _codes(near) == [MEDIA_LOST]
        assert new.packets > 0
        await near.hears(far.hz)
        await far.hears(near.hz)


async def test_signaling_and_media_may_be_lost_together(browser: Browser, tmp_path: Path) -> None:
    """The ICE restart's offer travels in the reconnect invite; `reconnected` waits for both."""
    async with open_stage(browser, tmp_path, seconds=90) as stage:
        old, new = await stage.path(), await stage.path()
        alice, bob = await _pair(stage, path=old)
        await stage.route(alice, new)
        old.is_dead = True
        alice.wire.cut()
        await alice.until(f"entries.some((e) => e.args[0] && e.args[0].code === {MEDIA_LOST})", seconds=30)
        alice.wire.heal()
        await alice.happened("reconnected", seconds=RESUME_SECONDS)
        await _recovered(alice)
        assert set(await _codes(alice)) == {SIGNALING_LOST, MEDIA_LOST}
        await alice.hears(bob.hz)
        await bob.hears(alice.hz)


@pytest.mark.parametrize(("server", "page"), [(3.0, 0.0), (1.0, 4.0)])
async def test_a_page_that_vanishes_is_waited_for_and_given_up(
    browser: Browser, tmp_path: Path, server: float, page: float
) -> None:
    """Nobody says good-bye: the far side is told when the longer of both sides' times is over."""
    async with open_stage(browser, tmp_path, hold_seconds=server) as stage:
        alice, bob = await _pair(stage, maxCallSignalingTimeoutMs=1000 * page)
        half = await stage.server_half(alice)
        alice.wire.cut()
        await stage.house.notes.event(half.sid, events.Reconnecting)
        lost = trio.current_time()
        await alice.page.close()
        assert await bob.status() == "open"
        await bob.happened("disconnect")
        hold = max(server, page)
        assert hold - 0.5 < trio.current_time() - lost < hold + 3
        assert half.status() == "closed"


async def test_a_page_that_comes_back_too_late_is_told(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, hold_seconds=1.0) as stage:
        alice = await stage.client("alice", maxCallSignalingTimeoutMs=0)
        half = await stage.echoing(alice)
        alice.wire.cut()
        await half.ended()
        alice.wire.heal()
        await alice.happened("disconnect")
        assert (await alice.names())[-2:] == ["error", "disconnect"]


async def test_media_that_never_come_back_end_the_call(browser: Browser, tmp_path: Path) -> None:
    """The SDK gives up half a minute after it noticed; the gateway must not be faster."""
    async with open_stage(browser, tmp_path, seconds=90) as stage:
        path = await stage.path()
        alice, bob = await _pair(stage, path=path)
        path.is_dead = True
        await alice.happened("reconnecting", seconds=DETECTION_SECONDS)
        await alice.happened("disconnect", seconds=GIVE_UP_SECONDS)
        assert (await alice.happened("error")).args[0]["code"] == MEDIA_LOST
        assert "reconnected" not in await alice.names()
        await bob.happened("disconnect", seconds=3)


@pytest.mark.parametrize("part", ["", "/media", "/signaling"])
async def test_a_page_does_not_notice_a_crash_at_the_server(
    browser: Browser, tmp_path: Path, part: str
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await _pair(stage)
        half = await stage.server_half(alice)
        for client, hz in ((alice, bob.hz), (bob, alice.hz)):
            await client.run("watch(it)", hz)
        stage.house.faults.crash(f"call {half.sid}{part}", RuntimeError("injected"))
        await stage.house.notes.event(half.sid, events.Reconnected)
        await alice.run("samples.length = 0")
        await alice.until("samples.length >= 2")
        for client in (alice, bob):
            assert await client.run("gap.longest") < MAX_GAP_MS
            assert "reconnecting" not in await client.names()
        await alice.run("call.disconnect()")
        await bob.happened("disconnect", seconds=3)


async def test_a_page_does_not_notice_that_a_media_worker_was_killed(
    browser: Browser, tmp_path: Path
) -> None:
    """Another process takes over its socket and its keys: no ICE restart, no other handshake, no event."""
    async with open_stage(browser, tmp_path, seconds=90, media_workers=1) as stage:
        alice, bob = await _pair(stage)
        pool = stage.house.node.media
        assert isinstance(pool, WorkerPool)
        (worker,) = pool.engines
        await pool.spares.warm()
        killed = worker.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await stage.house.notes.until(lambda: worker.pid not in {None, killed})
        for client in (alice, bob):
            await client.run("samples.length = 0")
            await client.until("samples.length >= 2 && samples.at(-1).packetsReceived > 25")
        await alice.hears(bob.hz)
        await bob.hears(alice.hz)
        for client in (alice, bob):
            assert "reconnecting" not in await client.names()
            sid = await client.sid()
            assert len(stage.house.notes.of(sid, events.MediaSecured)) == 1
