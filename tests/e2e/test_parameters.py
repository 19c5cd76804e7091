"""Custom parameters, from the page that dials to the application and to the page that is rung."""

from pathlib import Path

import pytest
import trio

from actors.call import Call
from actors.device import Device
from tests.e2e.browser import Browser
from tests.e2e.stage import Client, Stage, open_stage
from tests.fakes.raw_client import open_client

pytestmark = pytest.mark.e2e

PARAMETERS = "Object.fromEntries(call.customParameters)"
VALUES = {
    "space": " a  b ",
    "plus": "1+1=2&3",
    "unicode": "Grüße ☎ 日本 🎺",
    "percent": "100%25 %zz",
    "empty": "",
    "quote": '"it\'s"',
    "lines": "a\r\nb\tc",
    "uri": "https://user@example.org:8443/?q=1&r=2#f",
    "json": '{"a":[1,"="]}',
    "long": "x" * 4000,
}
KEYS = {
    "a key": "1",
    "a+key": "2",
    "100%25": "3",
    "ключ": "4",
    "a;key,/?:@$#": "5",
    "__proto__x": "6",
}
UNCARRIABLE = {"a&key": "7", "a=key": "8"}
TOO_LONG = "x" * 20_000
CONNECTION_ERROR = 31005
TOO_LONG_ERROR = 31103


async def _rung(stage: Stage, **given: str) -> Client:
    """Bob's page, when Alice's has dialled it with these."""
    alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
    await bob.register()
    await alice.connect("client:bob", **given)
    await bob.happened("incoming", source="device")
    return bob


async def test_the_application_gets_names_and_values_byte_for_byte(browser: Browser, tmp_path: Path) -> None:
    heard: list[dict[str, str]] = []

    async def application(call: Call) -> None:
        heard.append(call.custom_parameters)
        call.accept()
        await call.ended()

    given = {**VALUES, **KEYS, **UNCARRIABLE}
    async with open_stage(browser, tmp_path, application) as stage:
        alice = await stage.client("alice")
        await alice.connect("x", **given)
        await alice.happened("accept")
        assert heard == [{"To": "x", **given}]


async def test_a_page_without_parameters_gives_none(browser: Browser, tmp_path: Path) -> None:
    heard: list[dict[str, str]] = []

    async def application(call: Call) -> None:
        heard.append(call.custom_parameters)
        call.accept()
        await call.ended()

    async with open_stage(browser, tmp_path, application) as stage:
        alice = await stage.client("alice")
        await alice.run("place({})")
        await alice.happened("accept")
        await alice.run("call.disconnect()")
        await alice.run("place(undefined)")
        await alice.happened("accept", 2)
        assert heard == [{}, {}]
        assert await alice.run(PARAMETERS) == {}


async def test_values_that_are_no_strings_arrive_as_javascript_writes_them(
    browser: Browser, tmp_path: Path
) -> None:
    heard: list[dict[str, str]] = []

    async def application(call: Call) -> None:
        heard.append(call.custom_parameters)
        call.accept()
        await call.ended()

    async with open_stage(browser, tmp_path, application) as stage:
        alice = await stage.client("alice")
        await alice.run("place({ yes: true, n: 1.5, none: null, nothing: undefined })")
        await alice.happened("accept")
        assert heard == [{"yes": "true", "n": "1.5", "none": "null", "nothing": "undefined"}]


async def test_a_dialled_page_gets_the_callers_parameters(browser: Browser, tmp_path: Path) -> None:
    """Which number was dialled is in `parameters.To` already; `&` and `=` in a name have no encoding here."""
    async with open_stage(browser, tmp_path) as stage:
        bob = await _rung(stage, **VALUES, **KEYS, **UNCARRIABLE)
        assert await bob.run(PARAMETERS) == {**VALUES, **KEYS}
        assert await bob.run("call.parameters.To") == "client:bob"
        await bob.run("call.accept()")
        await bob.happened("accept")


async def test_a_page_that_is_dialled_without_parameters_gets_none(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        bob = await _rung(stage)
        assert await bob.run(PARAMETERS) == {}
        assert await bob.run("'Params' in call.parameters") is False


async def test_parameters_pass_between_a_page_and_a_python_device(browser: Browser, tmp_path: Path) -> None:
    def taken(device: Device) -> trio.MemoryReceiveChannel[Call]:
        calls, inbox = trio.open_memory_channel[Call](1)
        device.on("incoming", calls.send_nowait)
        return inbox

    async with open_stage(browser, tmp_path) as stage, stage.house.device("carol") as carol:
        inbox = taken(carol)
        alice = await stage.client("alice")
        for registered in (carol, alice):
            await registered.register()
        await alice.connect("client:carol", **VALUES, **KEYS)
        incoming = await inbox.receive()
        assert incoming.custom_parameters == {**VALUES, **KEYS}
        incoming.reject()
        await alice.happened("disconnect")
        await carol.connect(params={"To": "client:alice", **VALUES, **KEYS})
        await alice.happened("incoming", source="device")
        assert await alice.run(PARAMETERS) == {**VALUES, **KEYS}


@pytest.mark.parametrize(("is_precise", "code"), [(False, CONNECTION_ERROR), (True, TOO_LONG_ERROR)])
async def test_parameters_that_are_too_long_end_the_call_with_a_reason(
    browser: Browser, tmp_path: Path, is_precise: bool, code: int
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", enableImprovedSignalingErrorPrecision=is_precise)
        await alice.connect("echo", story=TOO_LONG)
        await alice.happened("disconnect")
        assert (await alice.happened("error")).args[0]["code"] == code
        assert await alice.names() == ["error", "disconnect"]
        await alice.connect("echo")
        await alice.happened("accept")


async def test_of_two_parameters_of_one_name_a_page_gets_the_last(browser: Browser, tmp_path: Path) -> None:
    """The SDK cannot send them; a client of another make can."""
    async with open_stage(browser, tmp_path) as stage, open_client(stage.house, "alice") as raw:
        bob = await stage.client("bob")
        await bob.register()
        offer = await bob.run("offer()")
        params = "To=client%3Abob&a=1&a=2&&=3&b"
        await raw.send("invite", callsid="TJS1", sdp=offer, twilio={"params": params})
        await bob.happened("incoming", source="device")
        assert await bob.run(PARAMETERS) == {"a": "2", "b": ""}
