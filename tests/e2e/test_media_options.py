"""Options of the official SDK that are about media, and what it tells of their quality."""

from pathlib import Path

import pytest

from tests.e2e.browser import Browser
from tests.e2e.stage import Client, Stage, open_stage

pytestmark = pytest.mark.e2e

LIMIT = 8000
"""Bits a second."""
BYTES_A_SECOND = LIMIT / 8
TOLERANCE = 1.4
NOWHERE = [{"urls": "stun:127.0.0.1:9"}]
CONSTRAINTS = {"audio": {"echoCancellation": False}}
OTHER_HZ = 1400.0
LOSE_EVERY = 12
QUALITY_SECONDS = 40.0
REMOTE_SDP = "connections[0].remoteDescription.sdp"
ENCODING = "connections[0].getSenders()[0].getParameters().encodings[0]"


async def _ringing(stage: Stage, alice: Client, bob: Client) -> None:
    await bob.register()
    await alice.connect("client:bob")
    await bob.happened("incoming", source="device")


async def _samples(client: Client, count: int) -> list[dict[str, float]]:
    """So many samples from now on, the first of them left out: it may be of a time before."""
    await client.run("samples.length = 0")
    await client.until("samples.length > it", count)
    samples: list[dict[str, float]] = await client.run("samples")
    return samples[1:]


@pytest.mark.parametrize("limit", [LIMIT, None])
async def test_the_server_sends_no_more_than_the_page_wants(
    browser: Browser, tmp_path: Path, limit: int | None
) -> None:
    options = {} if limit is None else {"maxAverageBitrate": limit}
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", codecPreferences=["opus"], **options)
        await alice.connect("tone:440")
        await alice.happened("accept")
        await alice.hears(440.0)
        samples = await _samples(alice, 2)
        received = sum(sample["bytesReceived"] for sample in samples) / len(samples)
        assert (received < TOLERANCE * BYTES_A_SECOND) == (limit is not None), samples


@pytest.mark.parametrize(("dscp", "priority"), [(None, "high"), (False, "low")])
async def test_audio_has_priority_unless_it_is_switched_off(
    browser: Browser, tmp_path: Path, dscp: bool | None, priority: str
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", **({} if dscp is None else {"dscp": dscp}))
        await stage.echoing(alice)
        await alice.until(f"{ENCODING}.priority === it", priority)


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_aggressive_nomination_hides_that_the_server_is_lite_and_works(
    browser: Browser, tmp_path: Path, who: str
) -> None:
    """A callee that is not told takes the controlled role, and leaves it when the server answers 487."""
    async with open_stage(browser, tmp_path) as stage:
        near, far = {"forceAggressiveIceNomination": True}, {}
        alice = await stage.client("alice", **(near if who == "caller" else far))
        bob = await stage.client("bob", 1000.0, **(far if who == "caller" else near))
        await stage.talking(alice, bob)
        hidden, seen = (alice, bob) if who == "caller" else (bob, alice)
        assert "a=ice-lite" not in await hidden.run(REMOTE_SDP)
        assert "a=ice-lite" in await seen.run(REMOTE_SDP)
        await _samples(hidden, 2)
        assert await hidden.run("connections[0].iceConnectionState") in ("connected", "completed")


async def test_settings_given_with_a_call_are_used_for_it(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await bob.register()
        given = {"rtcConfiguration": {"iceServers": NOWHERE}, "rtcConstraints": CONSTRAINTS}
        await alice.run("place({ To: 'client:bob' }, it)", given)
        await bob.happened("incoming", source="device")
        await bob.run("call.accept(it)", given)
        await alice.happened("accept")
        await alice.hears(bob.hz)
        await bob.hears(alice.hz)
        for page in (alice, bob):
            [server] = await page.run("connections[0].getConfiguration().iceServers")
            assert server["urls"] in (NOWHERE[0]["urls"], [NOWHERE[0]["urls"]])
            assert (await page.run("asked"))[-1] == CONSTRAINTS


async def test_another_microphone_is_heard_in_the_same_call(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await stage.talking(alice, bob)
        await alice.run("device.audio.availableInputDevices.size")
        await alice.until("[...device.audio.availableInputDevices.keys()].some((id) => id !== 'default')")
        other = "[...device.audio.availableInputDevices.keys()].find((id) => id !== 'default')"
        await alice.run(f"void (microphones[{other}] = it)", OTHER_HZ)
        await alice.run("call.mute()")
        await bob.hears_nothing()
        await alice.run(f"device.audio.setInputDevice({other})")
        assert await alice.run("call.isMuted()") is True
        await _samples(bob, 2)
        assert await bob.run("loudest().db < SILENT_DB") is True
        await alice.run("call.mute(false)")
        await bob.hears(OTHER_HZ)
        await alice.hears(bob.hz)
        assert "reconnecting" not in await alice.names()


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_a_page_may_be_muted_before_there_is_a_call(browser: Browser, tmp_path: Path, who: str) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await _ringing(stage, alice, bob)
        near, far = (alice, bob) if who == "caller" else (bob, alice)
        await near.run("call.mute()")
        await bob.run("call.accept()")
        await alice.happened("accept")
        await near.hears(far.hz)
        await far.hears_nothing()
        assert await near.run("call.isMuted()") is True
        await near.run("call.mute(false)")
        await far.hears(near.hz)


async def test_both_sides_have_streams_while_the_call_lasts(browser: Browser, tmp_path: Path) -> None:
    streams = "[call.getLocalStream(), call.getRemoteStream()].map((s) => s ? s.getAudioTracks().length : 0)"
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await _ringing(stage, alice, bob)
        assert await bob.run(streams) == [0, 0]
        await bob.run("call.accept()")
        await alice.happened("accept")
        for page in (alice, bob):
            await page.until("call.getRemoteStream()")
            assert await page.run(streams) == [1, 1]
            tracks = "[call.getLocalStream(), call.getRemoteStream()].map((s) => s.getTracks()[0].readyState)"
            assert await page.run(tracks) == ["live", "live"]
        assert await alice.run("call.getLocalStream().id !== call.getRemoteStream().id")


async def test_samples_of_a_call_between_pages_are_plausible(browser: Browser, tmp_path: Path) -> None:
    """The round trip is that of each page to the server; without receiver reports there would be none."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", codecPreferences=["opus"])
        bob = await stage.client("bob", 1000.0, codecPreferences=["opus"])
        await stage.talking(alice, bob)
        for page in (alice, bob):
            await page.until("samples.length >= 4")
            first, *others = await page.run("samples")
            assert first["mos"] is None
            assert first["totals"]["packetsLostFraction"] in (0, 100)
            for sample in others:
                assert sample["mos"] > 4
                assert sample["packetsLost"] == sample["packetsLostFraction"] == 0
                assert 0 <= sample["rtt"] < 200
                assert sample["bytesReceived"] > 0
            assert await page.run("entries.every((entry) => entry.name !== 'warning')")


async def test_a_bad_network_is_warned_of_until_it_is_good_again(browser: Browser, tmp_path: Path) -> None:
    """No warnings in the first 5 s of a call; one is cleared after ten good samples."""
    async with open_stage(browser, tmp_path, seconds=90) as stage:
        path = await stage.path()
        alice = await stage.client("alice", path=path)
        half = await stage.echoing(alice)
        path.lose_every = LOSE_EVERY
        warned = "entries.some((e) => e.name === it[0] && e.args[0] === it[1])"
        name = "high-packet-loss"
        await alice.until(warned, ["warning", name], seconds=QUALITY_SECONDS)
        path.lose_every = 0
        entries = await alice.run("entries")
        [warning] = [e for e in entries if e["name"] == "warning" and e["args"][0] == name]
        told = warning["args"][1]
        assert told["name"] == "packetsLostFraction"
        assert told["threshold"] == {"name": "max", "value": 1}
        assert sum(value > 1 for value in told["values"]) >= 3
        worst = max(sample["packetsLostFraction"] for sample in await alice.run("samples"))
        assert 1 < worst < 30
        await alice.hears(alice.hz)
        await alice.until(warned, ["warning-cleared", name], seconds=QUALITY_SECONDS)
        assert half.status() == await alice.status() == "open"
        assert "reconnecting" not in await alice.names()
