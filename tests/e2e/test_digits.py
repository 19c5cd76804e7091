"""Digits of the official SDK: in the audio as RFC 4733 events, or as messages where a browser cannot."""

from pathlib import Path
from typing import Any

import pytest
import trio

from actors.call import Call
from tests.e2e.browser import DEFAULT_SECONDS, Browser
from tests.e2e.stage import Client, open_stage

pytestmark = pytest.mark.e2e

ALL = "0123456789*#"
PREFERENCES = {"opus": ["opus", "pcmu"], "pcmu": ["pcmu", "opus"]}
TONE_MS = 160
WITHOUT_A_SENDER = {
    "no sender": (
        "void (delete RTCPeerConnection.prototype.createDTMFSender,"
        " Object.defineProperty(RTCRtpSender.prototype, 'dtmf', { get: () => null }))"
    ),
    "a sender that cannot": (
        "void Object.defineProperty(RTCDTMFSender.prototype, 'canInsertDTMF', { get: () => false })"
    ),
}


async def _told(client: Client, count: int) -> list[dict[str, Any]]:
    """What the test number says that it has got."""
    await client.happened("messageReceived", count)
    entries = [entry for entry in await client.entries() if entry.name == "messageReceived"]
    return [entry.args[0]["content"] for entry in entries]


async def _digits(client: Client, count: int) -> str:
    return "".join(told["digit"] for told in await _told(client, count))


async def _sender(client: Client) -> None:
    await client.connect("digits")
    await client.happened("accept")
    await client.until("connections[0].connectionState === 'connected'")


@pytest.mark.parametrize("codec", ["opus", "pcmu"])
async def test_every_digit_arrives_once_in_order_with_its_length(
    browser: Browser, tmp_path: Path, codec: str
) -> None:
    """The clock of the events is the codec's: with another one 160 ms would be told as 27 or 960."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", codecPreferences=PREFERENCES[codec])
        await _sender(alice)
        await alice.run("call.sendDigits(it)", ALL)
        told = await _told(alice, len(ALL))
        assert "".join(one["digit"] for one in told) == ALL
        for one in told:
            assert TONE_MS - 20 <= one["durationMs"] <= TONE_MS + 60
        await alice.until("call.codec")
        assert (await alice.run("call.codec")).lower() == codec


async def test_the_same_digit_twice_is_two_digits(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await _sender(alice)
        await alice.run("call.sendDigits('77')")
        await alice.until("count('call', 'messageReceived') >= 2")
        await alice.run("call.sendDigits('7#')")
        assert await _digits(alice, 4) == "777#"


async def test_a_pause_delays_the_next_digits_and_loses_none(browser: Browser, tmp_path: Path) -> None:
    """The SDK begins what follows a `w` 500 ms after the run before it began."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await _sender(alice)
        await alice.run("call.sendDigits('12w3ww4')")
        assert await _digits(alice, 4) == "1234"
        at = await alice.run("entries.filter((e) => e.name === 'messageReceived').map((e) => e.at)")
        assert at[2] - at[0] > 400
        assert at[3] - at[2] > 800


@pytest.mark.parametrize("lack", list(WITHOUT_A_SENDER))
async def test_a_browser_without_events_sends_digits_as_a_message(
    browser: Browser, tmp_path: Path, lack: str
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.run(WITHOUT_A_SENDER[lack])
        await alice.run("void (window.sent = recordSent('dtmf'))")
        await _sender(alice)
        await alice.run("call.sendDigits(it)", ALL)
        await alice.run("call.sendDigits('1w2ww3')")
        assert await _digits(alice, len(ALL) + 3) == ALL + "123"
        assert await alice.run("sent.map((payload) => payload.dtmf)") == [ALL, "1w2ww3"]


async def test_illegal_digits_raise_and_none_of_them_is_sent(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await _sender(alice)
        for illegal in ("12a", "A", "1 2", "-", "１", "W"):
            assert await alice.run("thrown(() => call.sendDigits(it))", illegal) == "InvalidArgumentError"
        await alice.run("call.sendDigits('5')")
        assert await _digits(alice, 1) == "5"


@pytest.mark.parametrize("lack", [None, "a sender that cannot"])
async def test_digits_of_a_page_reach_the_device_that_it_talks_to(
    browser: Browser, tmp_path: Path, lack: str | None
) -> None:
    async with open_stage(browser, tmp_path) as stage, stage.house.device("carol") as carol:
        got: list[str] = []
        is_complete = trio.Event()

        def take(call: Call) -> None:
            def note(digit: str, _: int) -> None:
                got.append(digit)
                if len(got) == len(ALL):
                    is_complete.set()

            call.on("digit", note)
            call.accept()

        carol.on("incoming", take)
        await carol.register()
        alice = await stage.client("alice")
        if lack:
            await alice.run(WITHOUT_A_SENDER[lack])
        await alice.connect("client:carol")
        await alice.happened("accept")
        await alice.until("samples.length >= 1")
        await alice.run("call.sendDigits(it)", ALL)
        with trio.move_on_after(DEFAULT_SECONDS):
            await is_complete.wait()
        assert "".join(got) == ALL
