"""What is heard, and what the SDK measures."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.browser import Browser
from tests.e2e.stage import open_stage

pytestmark = pytest.mark.e2e

PREFERENCES = {"opus": ["opus", "pcmu"], "pcmu": ["pcmu", "opus"]}
PER_INTERVAL = (
    "bytesReceived",
    "bytesSent",
    "packetsReceived",
    "packetsSent",
    "packetsLost",
    "packetsLostFraction",
)
OTHERS = ("audioInputLevel", "audioOutputLevel", "codecName", "jitter", "mos", "rtt", "timestamp", "totals")


@pytest.mark.parametrize("codec", ["opus", "pcmu"])
async def test_the_preferred_codec_is_used(browser: Browser, tmp_path: Path, codec: str) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", codecPreferences=PREFERENCES[codec])
        half = await stage.echoing(alice)
        await alice.until("call.codec")
        assert str(await alice.run("call.codec")).lower() == half.negotiated_codec == codec


@pytest.mark.parametrize(("caller", "callee"), [("pcmu", "opus"), ("opus", "pcmu"), ("opus", "opus")])
async def test_pages_of_different_taste_hear_each_other(
    browser: Browser, tmp_path: Path, caller: str, callee: str
) -> None:
    """Nothing is transcoded, so that both must be brought to one codec."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", codecPreferences=PREFERENCES[caller])
        bob = await stage.client("bob", 1000.0, codecPreferences=PREFERENCES[callee])
        await stage.talking(alice, bob)
        for page in (alice, bob):
            await page.until("call.codec")
        assert await alice.run("call.codec") == await bob.run("call.codec")


async def test_a_muted_page_is_silent_until_it_is_unmuted(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await stage.talking(alice, bob)
        await alice.run("call.mute()")
        await bob.hears_nothing()
        assert await alice.run("call.isMuted()") is True
        await alice.hears(bob.hz)
        await alice.run("call.mute(true)")
        await alice.run("call.mute(false)")
        await bob.hears(alice.hz)
        assert await alice.run("call.isMuted()") is False
        muted = [entry.args for entry in await alice.entries() if entry.name == "mute"]
        assert muted == [[True, "Call"], [False, "Call"]]


async def test_samples_have_every_documented_field(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await stage.echoing(alice)
        await alice.until("samples.length >= 4")
        samples = await alice.run("samples")
        assert samples[0]["mos"] is None
        for sample in samples:
            assert set(sample) == {*PER_INTERVAL, *OTHERS}
            assert set(sample["totals"]) == set(PER_INTERVAL)
            assert sample["codecName"] == "PCMU"
        for earlier, sample in pairwise(samples[1:]):
            assert 800 < sample["timestamp"] - earlier["timestamp"] < 1500
            assert 40 <= sample["packetsSent"] <= 70
            assert 40 <= sample["packetsReceived"] <= 70
            assert 6000 < sample["bytesReceived"] < 12000
            assert sample["packetsLostFraction"] == 0
            assert 0 <= sample["rtt"] < 200
            assert 0 <= sample["jitter"] < 30
            assert 4 < sample["mos"] < 4.5
            assert 1000 < sample["audioInputLevel"] < 32768
            assert 1000 < sample["audioOutputLevel"] < 32768


async def test_volumes_are_within_0_and_1(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await stage.echoing(alice)
        await alice.run("volumes.length = 0")
        await alice.until("volumes.length >= 20")
        volumes = await alice.run("volumes")
        assert all(0 <= volume <= 1 for pair in volumes for volume in pair)
        assert all(given > 0.1 and heard > 0.1 for given, heard in volumes[-5:])
