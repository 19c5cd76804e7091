"""The test numbers of the default application, dialled with the official SDK."""

import math
import wave
from array import array
from pathlib import Path

import pytest

from tests.e2e.browser import Browser
from tests.e2e.stage import Client, open_stage

pytestmark = pytest.mark.e2e

EARLY_HZ = 440.0
CLIP_HZ, CLIP_RATE, CLIP_SECONDS = 800.0, 16000, 2
CONNECTION_ERROR = 31005
DECLINED = 31603
NOT_FOUND = 31404
BUSY = 31486
RECONNECT_REFUSED = 31209
MEDIA_FAILED = 53405
UNHEARD_OF = 45678
PASSED = "TN-Validation-Passed-A"
NOT_PASSED = (
    "TN-Validation-Passed-B",
    "TN-Validation-Passed-C",
    "TN-Validation-Failed-A",
    "TN-Validation-Failed-B",
    "TN-Validation-Failed-C",
    "TN-No-Validation",
)
TOLD: dict[bool, dict[object, int]] = {
    False: {BUSY: CONNECTION_ERROR, RECONNECT_REFUSED: RECONNECT_REFUSED, MEDIA_FAILED: MEDIA_FAILED},
    True: {BUSY: BUSY, MEDIA_FAILED: MEDIA_FAILED, UNHEARD_OF: CONNECTION_ERROR},
}
"""By whether the SDK is to be precise: what it makes of the codes that it is hung up on with."""


def _record(path: Path) -> None:
    path.parent.mkdir()
    frames = range(CLIP_RATE * CLIP_SECONDS)
    samples = array("h", (int(12000 * math.sin(2 * math.pi * CLIP_HZ * n / CLIP_RATE)) for n in frames))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(CLIP_RATE)
        file.writeframes(samples.tobytes())


async def _begin(client: Client, to: str) -> None:
    """Dial with nothing in the log."""
    await client.run("void (entries.length = 0)")
    await client.connect(to)


async def _error(client: Client) -> int:
    """The code of the error that ended the call."""
    await client.happened("disconnect")
    return int((await client.happened("error")).args[0]["code"])


async def test_who_dials_nothing_hears_itself(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", 700.0)
        for times, params in enumerate(("{}", "undefined", "{ To: '' }"), 1):
            await alice.run(f"place({params})")
            await alice.happened("accept", times)
            await alice.hears(700.0)
            await alice.run("call.disconnect()")


async def test_early_media_are_heard_before_the_answer(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", 700.0)
        await alice.connect("early")
        ringing = await alice.happened("ringing")
        assert (ringing.args, ringing.state) == ([True], "ringing")
        await alice.until("hears(it) && call.status() === 'ringing'", EARLY_HZ)
        assert await alice.names() == ["ringing"]
        assert (await alice.happened("accept")).state == "open"
        await alice.hears(700.0)
        assert await alice.names() == ["ringing", "accept"]


async def test_who_hangs_up_during_early_media_is_not_answered(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.connect("early")
        await alice.hears(EARLY_HZ)
        half = await stage.server_half(alice)
        await alice.run("call.disconnect()")
        await half.ended()
        assert await alice.names() == ["ringing", "disconnect"]


@pytest.mark.parametrize("codec", ["opus", "pcmu"])
async def test_a_tone_has_the_dialled_frequency(browser: Browser, tmp_path: Path, codec: str) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", codecPreferences=[codec])
        await alice.connect("tone:1300")
        await alice.happened("accept")
        await alice.hears(1300.0)


async def test_a_file_is_played_once(browser: Browser, tmp_path: Path) -> None:
    _record(tmp_path / "sounds" / "hello.wav")
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.connect("play:hello.wav")
        await alice.happened("accept")
        await alice.hears(CLIP_HZ)
        await alice.hears_nothing()
        assert await alice.status() == "open"


async def test_what_cannot_be_had_is_not_found(browser: Browser, tmp_path: Path) -> None:
    """A caller must not be able to hear files of other folders."""
    _record(tmp_path / "elsewhere" / "hello.wav")
    (tmp_path / "sounds").mkdir()
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", enableImprovedSignalingErrorPrecision=True)
        for to in ("play:../elsewhere/hello.wav", "play:hello.wav", "tone:9999", "nobody"):
            await _begin(alice, to)
            assert await _error(alice) == NOT_FOUND
            assert await alice.names() == ["error", "disconnect"]


async def test_a_hang_up_without_a_code_is_no_error(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.connect("hangup")
        assert (await alice.happened("disconnect")).args == ["Call"]
        assert await alice.names() == ["accept", "disconnect"]


@pytest.mark.parametrize("is_precise", [False, True])
async def test_a_hang_up_with_a_code_is_an_error_before_it_is_the_end(
    browser: Browser, tmp_path: Path, is_precise: bool
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", enableImprovedSignalingErrorPrecision=is_precise)
        for dialled, told in TOLD[is_precise].items():
            await _begin(alice, f"hangup:{dialled}")
            assert await _error(alice) == told
            assert await alice.names() == ["accept", "error", "disconnect"]


@pytest.mark.parametrize("is_precise", [False, True])
async def test_a_rejected_call_rings_and_is_never_answered(
    browser: Browser, tmp_path: Path, is_precise: bool
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", enableImprovedSignalingErrorPrecision=is_precise)
        for dialled, told in (TOLD[is_precise] | {"": DECLINED if is_precise else CONNECTION_ERROR}).items():
            await _begin(alice, f"reject:{dialled}")
            assert await _error(alice) == told
            assert await alice.names() == ["ringing", "error", "disconnect"]
            assert (await alice.happened("ringing")).args == [False]


async def test_the_callee_is_told_how_far_the_caller_is_verified(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, seconds=90) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await bob.register()
        dialled = ["client:bob", *(f"stir:{status}:client:bob" for status in (PASSED, *NOT_PASSED))]
        told = []
        for number, to in enumerate(dialled, 1):
            await alice.connect(to)
            await bob.happened("incoming", number, source="device")
            told.append(await bob.run("call.callerInfo && call.callerInfo.isVerified"))
            assert await alice.run("call.callerInfo") is None
            await bob.run("call.reject()")
            await alice.happened("disconnect", number)
        assert told == [None, True, *[False] * len(NOT_PASSED)]


async def test_a_verified_caller_is_connected_and_its_parameters_arrive(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await bob.register()
        await alice.connect(f"stir:{PASSED}:client:bob", room="a b")
        await bob.happened("incoming", source="device")
        await bob.run("call.accept()")
        await bob.hears(alice.hz)
        await alice.hears(bob.hz)
        assert await bob.run("call.callerInfo.isVerified") is True
        assert await bob.run("call.parameters.StirStatus") == PASSED
        assert await bob.run("call.customParameters.get('room')") == "a b"
