"""Who is told what when calls are placed, taken, declined and ended with the official SDK."""

from pathlib import Path

import pytest

from actors.call import Call
from actors.media.messages import Tone
from tests.e2e.browser import Browser
from tests.e2e.stage import Client, Stage, open_stage

pytestmark = pytest.mark.e2e

CONNECTION_ERROR = 31005
DECLINED = 31603
UNAVAILABLE = 31480
AWKWARD = {
    "space": "a b  c",
    "plus": "1+1=2&3",
    "umlaut": "Grüße ☎ 日本",
    "percent": "100%25",
    "empty": "",
    "quote": '"it\'s"',
}


async def _ringing(stage: Stage, **options: object) -> tuple[Client, Client]:
    """Bob's page is rung by Alice's."""
    alice, bob = await stage.client("alice", **options), await stage.client("bob", 1000.0)
    await bob.register()
    await alice.connect("client:bob")
    await bob.happened("incoming", source="device")
    await alice.happened("ringing")
    return alice, bob


async def test_a_page_calls_the_echo_and_hangs_up(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        half = await stage.echoing(alice)
        await alice.run("call.disconnect()")
        await half.ended()
        accept, disconnect = await alice.happened("accept"), await alice.happened("disconnect")
        assert (accept.args, accept.state) == (["Call"], "open")
        assert (disconnect.args, disconnect.state) == (["Call"], "closed")
        assert (await alice.happened("audio")).args == ["HTMLAudioElement"]
        assert alice.page.problems == []


async def test_a_page_calls_a_page(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await stage.talking(alice, bob)
        ringing = await alice.happened("ringing")
        assert (ringing.args, ringing.state) == ([False], "ringing")
        incoming = await bob.happened("incoming", source="device")
        assert incoming.args == ["Call"]
        assert await alice.status() == await bob.status() == "open"
        assert [alice.page.problems, bob.page.problems] == [[], []]


async def test_a_python_device_calls_a_page(browser: Browser, tmp_path: Path) -> None:
    async with (
        open_stage(browser, tmp_path) as stage,
        stage.house.device("carol", input=Tone(800.0)) as carol,
    ):
        bob = await stage.client("bob", 1000.0)
        await bob.register()
        call = await carol.connect(params={"To": "client:bob"})
        call.listen_for(bob.hz)
        await bob.happened("incoming", source="device")
        await bob.run("call.accept()")
        await bob.hears(800.0)
        await call.heard(bob.hz)
        call.disconnect()
        await bob.happened("disconnect")


async def test_a_page_calls_a_python_device(browser: Browser, tmp_path: Path) -> None:
    async with (
        open_stage(browser, tmp_path) as stage,
        stage.house.device("carol", input=Tone(800.0)) as carol,
    ):
        alice = await stage.client("alice")
        taken: list[Call] = []

        def take(call: Call) -> None:
            call.listen_for(alice.hz)
            call.accept()
            taken.append(call)

        carol.on("incoming", take)
        await carol.register()
        await alice.connect("client:carol")
        await alice.hears(800.0)
        await taken[0].heard(alice.hz)
        await alice.run("call.disconnect()")
        await taken[0].ended()


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_either_side_can_hang_up(browser: Browser, tmp_path: Path, who: str) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await stage.talking(alice, bob)
        near, far = (alice, bob) if who == "caller" else (bob, alice)
        await near.run("call.disconnect()")
        assert (await far.happened("disconnect", seconds=3)).state == "closed"
        assert "error" not in [*await near.names(), *await far.names()]


@pytest.mark.parametrize(("is_precise", "code"), [(False, CONNECTION_ERROR), (True, DECLINED)])
async def test_a_rejected_call_tells_the_caller(
    browser: Browser, tmp_path: Path, is_precise: bool, code: int
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await _ringing(stage, enableImprovedSignalingErrorPrecision=is_precise)
        await bob.run("call.reject()")
        await alice.happened("disconnect", seconds=3)
        assert (await alice.happened("error")).args[0]["code"] == code
        assert await alice.names() == ["ringing", "error", "disconnect"]
        assert await bob.names() == ["reject"]


async def test_a_caller_who_gives_up_cancels_the_ringing(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await _ringing(stage)
        await alice.run("call.disconnect()")
        assert (await bob.happened("cancel", seconds=3)).state == "closed"
        assert await bob.names() == ["cancel"]
        assert await bob.run("device.calls.length") == 0


async def test_an_ignored_call_rings_on_until_its_time_is_over(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, ring_seconds=4.0) as stage:
        alice, bob = await _ringing(stage, enableImprovedSignalingErrorPrecision=True)
        await bob.run("call.ignore()")
        assert await bob.status() == "closed"
        assert await alice.status() == "ringing"
        await alice.happened("disconnect")
        assert (await alice.happened("error")).args[0]["code"] == UNAVAILABLE
        assert "disconnect" not in await bob.names()


@pytest.mark.parametrize(("is_precise", "code"), [(False, CONNECTION_ERROR), (True, UNAVAILABLE)])
async def test_a_callee_who_is_not_registered_ends_the_call_at_once(
    browser: Browser, tmp_path: Path, is_precise: bool, code: int
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", enableImprovedSignalingErrorPrecision=is_precise)
        await alice.connect("client:nobody")
        await alice.happened("disconnect", seconds=3)
        assert (await alice.happened("error")).args[0]["code"] == code
        assert await alice.names() == ["error", "disconnect"]


async def test_the_first_of_two_pages_wins(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, desk = await stage.client("alice"), await stage.client("bob", 1000.0)
        mobile = await stage.client("bob", 1400.0)
        for page in (desk, mobile):
            await page.register()
        await alice.connect("client:bob")
        for page in (desk, mobile):
            await page.happened("incoming", source="device")
        await mobile.run("call.accept()")
        await desk.happened("cancel")
        await alice.hears(mobile.hz)
        await mobile.hears(alice.hz)
        assert await desk.names() == ["cancel"]


async def test_a_second_call_is_hidden_from_a_busy_page(browser: Browser, tmp_path: Path) -> None:
    """The SDK drops it without a word, so that the caller rings on."""
    async with open_stage(browser, tmp_path) as stage, stage.house.device("carol") as carol:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await stage.talking(alice, bob)
        second = await carol.connect(params={"To": "client:bob"})
        while second.status() != "ringing":
            await stage.house.device_notes.changed.wait()
        await bob.run("watch(it)", alice.hz)
        await bob.run("samples.length = 0")
        await bob.until("samples.length >= 2")
        second.disconnect()
        await second.ended()
        assert await bob.run("gap.longest") < 2000
        assert await bob.run("calls.length") == 1
        assert await bob.status() == "open"


async def test_a_second_call_can_be_taken_instead_of_the_first(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        bob = await stage.client("bob", 1000.0, allowIncomingWhileBusy=True)
        carol = await stage.client("carol", 1400.0)
        await stage.talking(alice, bob)
        await carol.connect("client:bob")
        await bob.happened("incoming", 2, source="device")
        await bob.run("call.accept()")
        await alice.happened("disconnect")
        await bob.hears(carol.hz)
        await carol.hears(bob.hz)


async def test_a_reloaded_page_has_hung_up(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await stage.talking(alice, bob)
        await alice.page.reload()
        await bob.happened("disconnect", seconds=3)


async def test_custom_parameters_reach_the_server_byte_for_byte(browser: Browser, tmp_path: Path) -> None:
    heard: list[dict[str, str]] = []

    async def application(call: Call) -> None:
        heard.append(call.custom_parameters)
        call.accept()
        await call.ended()

    async with open_stage(browser, tmp_path, application) as stage:
        alice = await stage.client("alice")
        given = {**AWKWARD, "a key+ü": "value"}
        await alice.connect("somewhere", **given)
        await alice.happened("accept")
        assert heard == [{"To": "somewhere", **given}]
        assert await alice.run("Object.fromEntries(call.customParameters)") == heard[0]


async def test_custom_parameters_reach_the_callee_byte_for_byte(browser: Browser, tmp_path: Path) -> None:
    async def application(call: Call) -> None:
        await call.dial("client:bob", parameters=AWKWARD).ended()

    async with open_stage(browser, tmp_path, application) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await bob.register()
        await alice.connect("bob")
        await bob.happened("incoming", source="device")
        assert await bob.run("Object.fromEntries(call.customParameters)") == AWKWARD
        await bob.run("call.reject()")


async def test_a_call_tells_about_itself(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await stage.talking(alice, bob)
        for page in (alice, bob):
            await page.until("samples.length >= 1")
        about = "[call.direction, call.codec, call.callerInfo, device.isBusy]"
        assert await alice.run(about) == ["OUTGOING", "PCMU", None, True]
        assert await bob.run(about) == ["INCOMING", "PCMU", None, True]
        parameters = await bob.run("call.parameters")
        assert (parameters["From"], parameters["To"]) == ("client:alice", "client:bob")
        for page in (alice, bob):
            assert (await page.sid()).startswith("CA")
            assert await page.run("typeof call.connectToken === 'string' && call.connectToken.length > 40")
            assert await page.run("call.getLocalStream().getAudioTracks().length") == 1
            assert await page.run("call.getRemoteStream().getAudioTracks().length") == 1
        assert await alice.sid() != await bob.sid()


async def test_feedback_is_taken_during_and_after_a_call(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await stage.echoing(alice)
        await alice.run("call.postFeedback(5, 'echo')")
        await alice.run("call.disconnect()")
        await alice.run("call.postFeedback(1, 'dropped-call')")
        await alice.run("call.postFeedback()")
        with pytest.raises(Exception, match="Feedback score"):
            await alice.run("call.postFeedback(6)")
