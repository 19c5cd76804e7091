"""The documented `device.audio`, where there are no sound devices."""

import pytest

from actors.device import DeviceOptions
from actors.device.audio import Audio
from actors.device.sounds import SOUNDS, choose_sounds
from actors.errors import InvalidArgumentError, InvalidStateError, NotSupportedError
from tests.fakes.loudspeaker import Loudspeaker

pytestmark = pytest.mark.pure


def audio_with_output(**sounds: str) -> tuple[Audio, Loudspeaker]:
    audio, output = Audio(sounds), Loudspeaker()
    audio.output = output
    return audio, output


def test_the_sounds_are_those_of_the_voice_sdk() -> None:
    chimes = {name: (sound.is_loop, sound.max_seconds) for name, sound in SOUNDS.items()}
    assert chimes == {
        "incoming": (True, None),
        "outgoing": (False, 3.0),
        "disconnect": (False, 3.0),
        **dict.fromkeys([f"dtmf{key}" for key in "0123456789sh"], (False, 1.0)),
    }
    assert len(SOUNDS) == 15


def test_a_file_takes_the_place_of_a_sound() -> None:
    audio, output = audio_with_output(outgoing="chime.wav")
    audio.play("outgoing")
    audio.play("disconnect")
    assert [sound.file for _, sound in output.told] == ["chime.wav", None]
    audio.configure({"disconnect": "https://sounds.test/end.wav"})
    audio.play("disconnect")
    assert output.told[-1][1].file == "https://sounds.test/end.wav"


@pytest.mark.parametrize("sounds", [{"ringing": "a.wav"}, {"incoming": ""}, {"incoming": 5}])
def test_sounds_that_cannot_be_are_refused(sounds: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError):
        choose_sounds(sounds)
    with pytest.raises(InvalidArgumentError):
        DeviceOptions("one", sounds=sounds)  # type: ignore[arg-type]


def test_without_an_output_nothing_is_played() -> None:
    audio = Audio({})
    audio.play("outgoing")
    audio.ring(True)
    audio.ring(False)


def test_a_sound_that_is_not_enabled_is_not_played() -> None:
    audio, output = audio_with_output()
    audio.outgoing(False)
    audio.incoming(False)
    audio.play("outgoing")
    audio.ring(True)
    audio.play("disconnect")
    assert output.names == [("play", "disconnect")]


def test_ringing_begins_once_and_ends_once() -> None:
    audio, output = audio_with_output()
    for is_ringing in (False, True, True, False, False):
        audio.ring(is_ringing)
    assert output.names == [("play", "incoming"), ("stop", "incoming")]


async def test_there_are_no_sound_devices() -> None:
    audio = Audio({})
    assert (audio.available_input_devices, audio.available_output_devices) == ({}, {})
    assert (audio.input_device, audio.input_stream) == (None, None)
    with pytest.raises(InvalidArgumentError):
        await audio.set_input_device("default")
    for devices in (audio.speaker_devices, audio.ringtone_devices):
        assert (devices.get(), devices.delete("default")) == (frozenset(), False)
        for ids in ("default", ["default"], []):
            with pytest.raises(InvalidArgumentError):
                await devices.set(ids)
        with pytest.raises(InvalidStateError):
            await devices.test()
    with pytest.raises(NotSupportedError):
        await audio.add_processor(object())
    with pytest.raises(InvalidArgumentError):
        await audio.remove_processor(object())


@pytest.mark.parametrize("is_busy", [False, True])
async def test_the_input_stays_as_it_is_during_a_call(is_busy: bool) -> None:
    audio = Audio({}, lambda: is_busy)
    if is_busy:
        with pytest.raises(InvalidStateError):
            await audio.unset_input_device()
    else:
        await audio.unset_input_device()


async def test_constraints_are_kept_without_the_id_of_a_device() -> None:
    audio = Audio({})
    await audio.set_audio_constraints({"deviceId": "x", "echoCancellation": True})
    assert audio.audio_constraints == {"echoCancellation": True}
    await audio.unset_audio_constraints()
    assert audio.audio_constraints is None
