"""The official SDK's preflight test against this server."""

from pathlib import Path

import pytest
import trio

from tests.e2e import network
from tests.e2e.browser import Browser
from tests.e2e.stage import Client, Stage, open_stage

pytestmark = pytest.mark.e2e

CANCELLED, TOKEN_INVALID = 31008, 20101
SAMPLES = 3
PROMPT_SECONDS = 10.0
"""Sooner than a lost socket would end a call."""
EVENTS = ("connected", "sample", "warning", "completed", "failed")
RUN = """(() => {
  window.preflight = Twilio.Device.runPreflight(it.token, { chunderw: it.chunderw });
  for (const name of it.events) preflight.on(name, (...args) => note('preflight', name, args));
})()"""
TIMINGS = {"signaling", "ice", "dtls", "peerConnection"}
REPORT = {
    *("callSid", "callQuality", "edge", "iceCandidateStats", "isTurnRequired", "networkTiming", "samples"),
    *("selectedEdge", "selectedIceCandidatePairStats", "stats", "testTiming", "totals", "warnings"),
}
TOTALS = {
    *("bytesReceived", "bytesSent", "packetsLost"),
    *("packetsLostFraction", "packetsReceived", "packetsSent"),
}


async def _run(stage: Stage, token: str | None = None) -> Client:
    """A page that is testing the way to the stage's node."""
    alice = await stage.client("alice")
    given = {
        "token": stage.house.token("alice") if token is None else token,
        "chunderw": f"{network.HOST}:{alice.wire.port}",
        "events": EVENTS,
    }
    await alice.run(RUN, given)
    return alice


async def test_a_preflight_test_reports_all_about_the_way_to_the_server(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_stage(browser, tmp_path, edge="cellar") as stage:
        alice = await _run(stage)
        await alice.happened("connected", source="preflight")
        await alice.happened("sample", SAMPLES, source="preflight")
        [half] = stage.house.node.gateway.live_calls
        half.disconnect()
        report = (await alice.happened("completed", source="preflight")).args[0]
        assert {*report} >= REPORT
        assert report["callSid"] == half.sid
        assert (report["edge"], report["selectedEdge"]) == ("cellar", "roaming")
        assert report["callQuality"] == "excellent"
        assert report["isTurnRequired"] is False
        assert len(report["samples"]) >= SAMPLES
        assert {*report["totals"]} == TOTALS
        assert report["totals"]["packetsReceived"] > 0
        assert {*report["stats"]} == {"jitter", "mos", "rtt"}
        assert all({*values} == {"average", "max", "min"} for values in report["stats"].values())
        assert {*report["networkTiming"]} == TIMINGS
        assert all(timing["duration"] >= 0 for timing in report["networkTiming"].values())
        timing = report["testTiming"]
        assert 2000 < timing["duration"] == timing["end"] - timing["start"] < 45_000
        assert report["iceCandidateStats"]
        assert await alice.run("preflight.status") == "completed"
        assert await alice.run("preflight.report") == report


async def test_a_preflight_test_can_be_stopped(browser: Browser, tmp_path: Path) -> None:
    """Its call is hung up."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await _run(stage)
        await alice.happened("connected", source="preflight")
        [half] = stage.house.node.gateway.live_calls
        await alice.run("preflight.stop()")
        failed = await alice.happened("failed", source="preflight")
        assert failed.args[0]["code"] == CANCELLED
        assert await alice.run("preflight.status") == "failed"
        with trio.fail_after(PROMPT_SECONDS):
            await half.ended()


async def test_a_preflight_test_fails_with_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await _run(stage, "garbage")
        failed = await alice.happened("failed", source="preflight")
        assert failed.args[0]["code"] == TOKEN_INVALID
        assert "completed" not in await alice.names("preflight")
        assert alice.wire.connections == 1
