"""More than one call or page at a time with the official SDK: forking, glare, connect tokens."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest
import trio

from actors.call import Call, CallStatus
from actors.device import Device
from actors.media.messages import Tone
from tests.e2e.browser import Browser
from tests.e2e.stage import Client, Stage, open_stage

pytestmark = pytest.mark.e2e

PROMPT_SECONDS = 10.0
"""Sooner than a lost media path would end a call."""
DECLINED, RECONNECT_REFUSED = 31603, 31209
CAROL_HZ, DAVE_HZ, BOB_HZ = 800.0, 1400.0, 1000.0
STATES = "calls.map((each) => each.status())"
SIDS = "calls.map((each) => each.parameters.CallSid)"
TELL = """calls.slice(it).forEach((each) => {
  each.told = [];
  for (const name of ['accept', 'cancel', 'disconnect', 'error']) each.on(name, () => each.told.push(name));
})"""
"""Keep for each call what it emits from now on; those before `it` are told already."""
TOLD = "calls.map((each) => each.told)"
TAKE_OVER = "device.connect({ connectToken: it }).then(follow)"


async def _caller(stage: Stage, name: str, hz: float) -> Device:
    return await stage.enter(stage.house.device(name, input=Tone(hz)))


async def _rings(stage: Stage, caller: Device, to: str) -> Call:
    """The caller's half of a call that rings."""
    call = await caller.connect(params={"To": f"client:{to}"})
    await _until(stage, call, CallStatus.RINGING)
    return call


async def _until(stage: Stage, call: Call, status: CallStatus) -> None:
    while call.status() is not status:
        await stage.house.device_notes.changed.wait()


async def _waiting(stage: Stage, bob: Client) -> list[Call]:
    """Carol and Dave call Bob's page, whose calls are followed in this order."""
    callers = [await _caller(stage, "carol", CAROL_HZ), await _caller(stage, "dave", DAVE_HZ)]
    await bob.register()
    calls = []
    for number, caller in enumerate(callers, 1):
        calls.append(await _rings(stage, caller, "bob"))
        await bob.happened("incoming", number, source="device")
    return calls


async def _hears(bob: Client, number: int, hz: float) -> None:
    """Listen to the call of this number."""
    await bob.run("void (window.call = calls[it])", number)
    await bob.hears(hz)


# --- several pages of one identity ------------------------------------------------------------------------


async def test_one_of_three_pages_takes_or_rejects_the_call_for_all(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", enableImprovedSignalingErrorPrecision=True)
        pages = [await stage.client("bob", hz) for hz in (BOB_HZ, 1400.0, 1800.0)]
        desk, mobile, tablet = pages
        for page in pages:
            await page.register()
        for times in (1, 2):
            await alice.connect("client:bob")
            for page in pages:
                await page.happened("incoming", times, source="device")
            await (tablet.run("call.reject()") if times == 1 else mobile.run("call.accept()"))
            await alice.happened("disconnect" if times == 1 else "accept")
        assert (await alice.happened("error")).args[0]["code"] == DECLINED
        await desk.happened("cancel", 2)
        await tablet.happened("cancel")
        await alice.hears(mobile.hz)
        await mobile.hears(alice.hz)
        assert await desk.names() == ["cancel", "cancel"]
        assert await mobile.names() == ["cancel", "accept"]
        assert await tablet.names() == ["reject", "cancel"]
        for page in (desk, tablet):
            assert await page.run("[device.calls.length, device.isBusy, call.status()]") == [
                0,
                False,
                "closed",
            ]
        await alice.run("call.disconnect()")
        await mobile.happened("disconnect")


async def test_both_devices_of_one_page_ring(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        carol, bob = await _caller(stage, "carol", CAROL_HZ), await stage.client("bob", BOB_HZ)
        await bob.register()
        await stage.begin(bob)
        await bob.register()
        assert stage.house.node.gateway.registrations == 2
        call = await _rings(stage, carol, "bob")
        await bob.until("calls.length === 2")
        await bob.run(TELL, 0)
        await bob.run("calls[0].accept()")
        await bob.until("calls[1].status() === 'closed'")
        await bob.until("calls[0].told.includes('accept')")
        assert await bob.run(TOLD) == [["accept"], ["cancel"]]
        await _hears(bob, 0, CAROL_HZ)
        call.disconnect()
        await bob.until("calls[0].status() === 'closed'")


# --- several calls of one page ----------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["answered", "declined"])
async def test_a_page_that_waits_for_an_answer_is_rung_after_it(
    browser: Browser, tmp_path: Path, end: str
) -> None:
    """The SDK does not look at the CallSid of `ringing` and `answer`: it would mix up two of them."""
    async with open_stage(browser, tmp_path) as stage:
        bob, carol = await _caller(stage, "bob", BOB_HZ), await _caller(stage, "carol", CAROL_HZ)
        alice = await stage.client("alice", allowIncomingWhileBusy=True)
        rung: list[Call] = []
        bob.on("incoming", rung.append)
        await bob.register()
        await alice.register()
        await alice.connect("client:bob")
        await alice.happened("ringing")
        placed = await alice.sid()
        incoming = await _rings(stage, carol, "alice")
        assert incoming.status() is CallStatus.RINGING
        if end == "answered":
            rung[0].accept()
        else:
            rung[0].reject()
        over = await alice.happened("accept" if end == "answered" else "disconnect")
        told = await alice.happened("incoming", source="device")
        assert over.at <= told.at
        first, second = await alice.run(SIDS)
        assert (first, second != first) == (placed, True)
        assert await alice.run("calls.map((each) => each.direction)") == ["OUTGOING", "INCOMING"]
        if end == "answered":
            await _hears(alice, 0, BOB_HZ)
        await alice.run("calls[1].accept()")
        await _hears(alice, 1, CAROL_HZ)
        assert await alice.run(STATES) == ["closed", "open"]
        assert await alice.run(SIDS) == [first, second]


async def test_calls_that_wait_are_independent(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        bob = await stage.client("bob", BOB_HZ)
        first, second = await _waiting(stage, bob)
        assert await bob.run("[device.calls.length, device.isBusy]") == [2, False]
        assert await bob.run(STATES) == ["pending", "pending"]
        assert len(set(await bob.run(SIDS))) == 2
        await bob.run("calls[0].reject()")
        with trio.fail_after(PROMPT_SECONDS):
            await first.ended()
        assert second.status() is CallStatus.RINGING
        await bob.run("calls[1].accept()")
        await _hears(bob, 1, DAVE_HZ)
        assert await bob.run("[device.calls.length, device.isBusy]") == [0, True]
        assert await bob.run(STATES) == ["closed", "open"]


async def test_taking_the_second_call_ends_the_first(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        bob = await stage.client("bob", BOB_HZ)
        first, second = await _waiting(stage, bob)
        await bob.run(TELL, 0)
        await bob.run("calls[0].accept()")
        await _hears(bob, 0, CAROL_HZ)
        await bob.run("calls[1].accept()")
        with trio.fail_after(PROMPT_SECONDS):
            await first.ended()
        await _hears(bob, 1, DAVE_HZ)
        assert second.status() is CallStatus.OPEN
        assert await bob.run(TOLD) == [["accept", "disconnect"], ["accept"]]


async def test_dialling_lets_the_calls_ring_that_wait(browser: Browser, tmp_path: Path) -> None:
    """They are ignored without a word, so that another page of the same client may take them."""
    async with open_stage(browser, tmp_path) as stage:
        bob = await stage.client("bob", BOB_HZ)
        calls = await _waiting(stage, bob)
        await stage.echoing(bob)
        assert await bob.run(STATES) == ["closed", "closed", "open"]
        assert [call.status() for call in calls] == [CallStatus.RINGING, CallStatus.RINGING]
        calls[0].disconnect()
        await bob.happened("cancel")
        assert await bob.status() == "open"


# --- connect tokens ---------------------------------------------------------------------------------------


async def test_two_calls_live_at_once_on_devices_of_one_page(browser: Browser, tmp_path: Path) -> None:
    """One Device has one active call: each of the others takes over one that rings on the first."""
    async with open_stage(browser, tmp_path) as stage:
        bob = await stage.client("bob", BOB_HZ)
        callers = await _waiting(stage, bob)
        for call in callers:
            call.listen_for(BOB_HZ)
        await bob.run(TELL, 0)
        for number in (0, 1):
            token = await bob.run("calls[it].connectToken", number)
            await stage.begin(bob)
            await bob.run(TAKE_OVER, token)
            await bob.run(TELL, number + 2)
            await bob.until("calls[it].status() === 'open'", number + 2)
        for number, hz in ((2, CAROL_HZ), (3, DAVE_HZ)):
            await _hears(bob, number, hz)
        for call in callers:
            await call.heard(BOB_HZ)
            assert call.status() is CallStatus.OPEN
        await bob.until("calls.slice(0, 2).every((each) => each.told.length)")
        assert await bob.run(TOLD) == [["cancel"], ["cancel"], ["accept"], ["accept"]]
        parameters = await bob.run("calls.map((each) => each.parameters)")
        assert parameters[:2] == parameters[2:]
        assert await bob.run("calls.slice(2).map((each) => each.direction)") == ["OUTGOING", "OUTGOING"]
        callers[0].disconnect()
        await bob.until("calls[2].status() === 'closed'")
        assert await bob.run("calls[3].status()") == "open"


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_a_reloaded_page_goes_on_with_its_call(browser: Browser, tmp_path: Path, who: str) -> None:
    """Its network is gone at that moment, so that its good-bye is not heard."""
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", BOB_HZ)
        await stage.talking(alice, bob)
        near, far = (alice, bob) if who == "caller" else (bob, alice)
        sid = await near.sid()
        await near.run("sessionStorage.setItem('call', call.connectToken)")
        near.wire.cut()
        await near.happened("reconnecting")
        await near.page.reload()
        near.wire.heal()
        await stage.begin(near)
        await near.run(TAKE_OVER, await near.run("sessionStorage.getItem('call')"))
        await near.happened("accept")
        await near.hears(far.hz)
        await far.hears(near.hz)
        assert await near.sid() == sid
        assert (await far.names())[-1] == "accept"
        assert await far.status() == "open"
        await near.run("call.disconnect()")
        await far.happened("disconnect")


def _forged(sid: str, token: str) -> str:
    """A connect token as the SDK makes them."""
    given = {"customParameters": {}, "parameters": {"CallSid": sid}, "signalingReconnectToken": token}
    text = quote(json.dumps(given, separators=(",", ":")), safe="-_.!~*'()")
    return base64.b64encode(text.encode()).decode()


async def _refused(client: Client, token: str) -> None:
    await client.run(TAKE_OVER, token)
    await client.happened("disconnect")
    assert (await client.happened("error")).args[0]["code"] == RECONNECT_REFUSED
    assert "accept" not in await client.names()
    assert await client.run("device.isBusy") is False


async def test_a_connect_token_is_good_for_its_owner_only(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        carol, bob = await _caller(stage, "carol", CAROL_HZ), await stage.client("bob", BOB_HZ)
        await bob.register()
        call = await _rings(stage, carol, "bob")
        await bob.happened("incoming", source="device")
        token = await bob.run("call.connectToken")
        await _refused(await stage.client("bob"), _forged(await bob.sid(), "guessed"))
        await _refused(await stage.client("mallory"), token)
        assert call.status() is CallStatus.RINGING
        await bob.run("call.accept()")
        await bob.hears(CAROL_HZ)


async def test_a_connect_token_works_once(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        carol, bob = await _caller(stage, "carol", CAROL_HZ), await stage.client("bob", BOB_HZ)
        second, third = await stage.client("bob", 1800.0), await stage.client("bob", 2200.0)
        await bob.register()
        await _rings(stage, carol, "bob")
        await bob.happened("incoming", source="device")
        token = await bob.run("call.connectToken")
        await second.run(TAKE_OVER, token)
        await second.hears(CAROL_HZ)
        await _refused(third, token)
        await second.hears(CAROL_HZ)
        assert await second.status() == "open"


async def test_what_is_no_connect_token_is_not_sent(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        bob = await stage.client("bob")
        outcome = "device.connect({ connectToken: it }).then(() => '', (error) => error.name)"
        for token in ("%%%", "e30=", _forged("", "token"), _forged("CA1", "")):
            assert await bob.run(outcome, token) == "InvalidArgumentError"
        assert bob.wire.connections == 0
