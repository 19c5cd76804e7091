"""Calls on sound devices: what is played on a loudspeaker is recorded by a microphone, through PulseAudio."""

import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import trio

from actors.device import Device, Microphone, Speaker
from actors.errors import InvalidArgumentError, NotSupportedError
from tests.fakes.exchange import HealthyEngine
from tests.fakes.house import open_house
from tests.fakes.sound_server import SoundServer, open_sound_server

pytestmark = pytest.mark.net

PATIENCE = 60


@pytest.fixture
async def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SoundServer]:
    async with open_sound_server(tmp_path, monkeypatch) as server:
        yield server


@pytest.mark.parametrize("codec", ["pcmu", "opus"])
async def test_what_a_speaker_plays_is_what_a_microphone_sends(
    tmp_path: Path, sound: SoundServer, codec: str
) -> None:
    """The gateway's tone goes to the speaker, and from there over the air, so to say, back to the gateway."""
    with trio.fail_after(PATIENCE):
        async with (
            open_house(tmp_path / "house") as house,
            house.device("alice", codec_preferences=(codec,), input=Microphone(), output=Speaker()) as alice,
        ):
            call = await alice.connect(params={"To": "tone:440"})
            await call.answered()
            far = house.server_call(call)
            far.listen_for(440)
            await far.heard(440)
            assert alice.audio.speaker_devices.get() == {"default"}


async def test_devices_are_set_and_unset_in_a_call(tmp_path: Path, sound: SoundServer) -> None:
    with trio.fail_after(PATIENCE):
        async with open_house(tmp_path / "house") as house, house.device("alice") as alice:
            audio = alice.audio
            with pytest.raises(InvalidArgumentError):
                await audio.set_input_device("no such device")
            with pytest.raises(InvalidArgumentError):
                await audio.speaker_devices.set(["default", "no such device"])
            assert "default" in audio.available_input_devices
            assert "default" in audio.available_output_devices
            assert audio.input_device is None
            call = await alice.connect(params={"To": "tone:440"})
            await call.answered()
            far = house.server_call(call)
            far.listen_for(440)
            await audio.set_input_device("default")
            assert audio.input_stream == Microphone("default")
            await audio.speaker_devices.set("default")
            await far.heard(440)
            assert audio.speaker_devices.delete("default")
            await far.silent(440)


def write_tone(path: Path, hz: float, seconds: float, rate: int = 44100) -> str:
    samples = (8000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return str(path)


async def test_speakers_are_tested_with_a_sound(tmp_path: Path, sound: SoundServer) -> None:
    path = write_tone(tmp_path / "tone.wav", 880, 2.0)
    with trio.fail_after(PATIENCE):
        async with open_house(tmp_path / "house") as house, house.device("alice") as alice:
            await alice.audio.speaker_devices.set("default")
            call = await alice.connect(params={"To": "digits"})
            await call.answered()
            far = house.server_call(call)
            far.listen_for(880)
            call.play(Microphone())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(repeat_test, alice, path)
                await far.heard(880)
                nursery.cancel_scope.cancel()
            await far.silent(880)
            await alice.audio.speaker_devices.test()
            with pytest.raises(NotSupportedError):
                await alice.audio.speaker_devices.test(str(tmp_path / "none.wav"))


async def repeat_test(device: Device, path: str) -> None:
    """The microphone may open later than the first sound is over."""
    while True:
        await device.audio.speaker_devices.test(path)


async def test_two_devices_of_a_process_share_a_microphone(tmp_path: Path, sound: SoundServer) -> None:
    """PortAudio is one for the process: when the one that holds it open has left, the other does."""
    with trio.fail_after(PATIENCE):
        async with open_house(tmp_path / "house") as house, house.device("bob", input=Microphone()) as bob:
            async with house.device("alice", input=Microphone(), output=Speaker()) as alice:
                call, other = [await each.connect(params={"To": "tone:440"}) for each in (alice, bob)]
                await other.answered()
                far = house.server_call(other)
                far.listen_for(440)
                await far.heard(440)
                call.disconnect()
                await far.silent(440)
            await bob.audio.speaker_devices.set("default")
            await far.heard(440)


async def test_a_call_that_rings_is_heard_on_the_ringtone_devices_until_it_is_taken(
    tmp_path: Path, sound: SoundServer
) -> None:
    path = write_tone(tmp_path / "ring.wav", 1234, 1.0)
    with trio.fail_after(PATIENCE):
        async with (
            open_house(tmp_path / "house") as house,
            house.device("alice", sounds={"incoming": path}) as alice,
            house.device("carol", input=Microphone()) as carol,
        ):
            await alice.audio.ringtone_devices.set("default")
            await alice.register()
            listening = await carol.connect(params={"To": "digits"})
            await listening.answered()
            far = house.server_call(listening)
            far.listen_for(1234)
            async with house.device("bob") as bob:
                await bob.connect(params={"To": "client:alice"})
                await far.heard(1234)
                alice.calls[0].accept()
                await far.silent(1234)


@pytest.mark.parametrize("option", [{"input": Microphone("none")}, {"output": Speaker("none")}])
async def test_a_device_that_is_not_there_is_refused_at_the_beginning(
    tmp_path: Path, sound: SoundServer, option: dict[str, object]
) -> None:
    async with open_house(tmp_path / "house") as house:
        with pytest.raises(InvalidArgumentError, match="put device: none"):
            async with house.device("alice", **option):
                pass


async def test_without_a_sound_server_an_error_says_so(
    tmp_path: Path, sound: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path / 'none'}")
    async with open_house(tmp_path / "house") as house:
        with pytest.raises(InvalidArgumentError, match="is a sound server running"):
            async with house.device("alice", input=Microphone()):
                pass


async def test_an_engine_in_another_process_has_no_sound_devices(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        device = Device("token", house.options(input=Microphone()), engine=HealthyEngine())
        with pytest.raises(NotSupportedError, match="media engine in the process of the Device"):
            await device.__aenter__()


def test_a_server_does_not_load_portaudio() -> None:
    """It has to start on a machine without."""
    check = "import sys, actors.cli, actors.device, actors.node; sys.exit('sounddevice' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


async def test_a_call_at_the_gateway_has_no_microphone(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.device("alice") as alice:
        call = await alice.connect(params={"To": "echo"})
        await call.answered()
        with pytest.raises(NotSupportedError, match="gateway"):
            house.server_call(call).play(Microphone())


async def test_a_sound_server_that_ends_is_an_error_and_not_the_end_of_the_call(
    tmp_path: Path, sound: SoundServer
) -> None:
    with trio.fail_after(PATIENCE):
        async with (
            open_house(tmp_path / "house") as house,
            house.device("alice", input=Microphone(), output=Speaker()) as alice,
        ):
            lost = trio.Event()
            failed: list[str] = []
            told = trio.Event()
            alice.audio.on("deviceChange", lambda _: lost.set())
            alice.on("error", lambda error: (failed.append(str(error)), told.set()))
            call = await alice.connect(params={"To": "tone:440"})
            await call.answered()
            far = house.server_call(call)
            far.listen_for(440)
            await far.heard(440)
            sound.stop()
            await lost.wait()
            await told.wait()
            assert "pulseaudio" in failed[0]
            assert call.status() == "open"
