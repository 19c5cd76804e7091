"""The sound devices of this machine, as a device's `audio` uses them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import trio

from actors.device.sounds import Sound
from actors.errors import InvalidArgumentError, InvalidStateError, NotSupportedError
from actors.ids import LegId
from actors.media.actor import MediaEngines
from actors.media.engine import Engine
from actors.media.engine_messages import Codec
from actors.media.messages import Microphone, Source
from actors.media.sound_clip import Recording, chime
from actors.media.sound_desk import sound_desk
from actors.media.sound_device import (
    DEFAULT_DEVICE,
    SoundDevice,
    SoundError,
    Way,
    find_devices,
    look_again,
    missing,
)
from actors.media.sound_playback import Heard
from actors.media.wav import SourceError, read_wav

NO_ENGINE = "sound devices need a media engine in the process of the Device; this one's is elsewhere"
_Found: TypeAlias = tuple[Mapping[str, SoundDevice], Mapping[str, SoundDevice]]
TEST_PATIENCE = 10.0
"""Seconds for a device to open, on top of the sound's own."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A loudspeaker of this machine by its id; None is the system's choice."""

    device: str | None = None

    @property
    def id(self) -> str:
        return DEFAULT_DEVICE if self.device is None else self.device


class Hardware:
    """Lists devices, has calls heard on them, and plays sounds. `engine` is in this process."""

    def __init__(self, engine: Engine) -> None:
        self.inputs: Mapping[str, SoundDevice] = {}
        self.outputs: Mapping[str, SoundDevice] = {}
        self._engine = engine
        self._desk = sound_desk()
        self._heard: dict[LegId, dict[str, Heard]] = {}

    async def look(self) -> None:
        """Find out which devices there are; new ones are noticed only while none is in use.

        Raises:
            NotSupportedError: sound devices cannot be used on this machine; it says what is missing.
        """
        self.inputs, self.outputs = await _look()

    def hear(self, leg: LegId, ids: Iterable[str]) -> None:
        """Have what the leg receives heard on just these devices; on none, it is no longer decoded."""
        voices, wanted = self._heard.pop(leg, {}), frozenset(ids)
        for device_id in voices.keys() - wanted:
            self._desk.playback(device_id).remove(voices.pop(device_id))
        for device_id in wanted - voices.keys():
            voices[device_id] = Heard()
            self._desk.playback(device_id).add(voices[device_id])
        if voices:
            self._heard[leg] = voices
        self._engine.listen(leg, _listener(tuple(voices.values())) if voices else None)
        self._desk.look()

    def hush(self) -> None:
        """Have nothing heard any more."""
        for leg in tuple(self._heard):
            self.hear(leg, ())

    def start(self, sound: Sound, device_id: str) -> Recording | None:
        """Play a sound on a device; None if its file cannot be played."""
        try:
            wav = chime(sound.name) if sound.file is None else read_wav(sound.file)
        except SourceError:
            return None
        recording = Recording(wav, is_loop=sound.is_loop, max_seconds=sound.max_seconds)
        self._desk.playback(device_id).add(recording)
        self._desk.look()
        return recording

    def stop(self, recording: Recording, device_id: str) -> None:
        """Stop a sound; a no-op if it is over."""
        self._desk.playback(device_id).remove(recording)
        self._desk.look()

    async def play_through(self, sound: Sound, ids: Iterable[str]) -> None:
        """Play a sound on these devices to its end.

        Raises:
            NotSupportedError: the file cannot be played.
            InvalidStateError: a device does not play.
        """
        started = {device_id: self.start(sound, device_id) for device_id in ids}
        recordings = {device_id: found for device_id, found in started.items() if found is not None}
        if len(recordings) < len(started):
            raise NotSupportedError("the sound is not a WAV file that can be played")
        try:
            with trio.move_on_after(TEST_PATIENCE + max(found.seconds for found in recordings.values())):
                await _ended(tuple(recordings.values()))
            if all(found.is_over for found in recordings.values()):
                return
            raise InvalidStateError("the output device does not play")
        finally:
            for device_id, found in recordings.items():
                self.stop(found, device_id)


async def _ended(recordings: tuple[Recording, ...]) -> None:
    await trio.lowlevel.checkpoint()
    for recording in recordings:
        await recording.ended.wait()


def _listener(voices: tuple[Heard, ...]) -> Callable[[bytes, Codec, int], None]:
    def listen(payload: bytes, codec: Codec, extended: int) -> None:
        for voice in voices:
            voice.take(payload, codec, extended)

    return listen


async def check_devices(source: Source, speaker: Speaker | None, engine: MediaEngines | None) -> None:
    """See that what a device's options name can be used, before anything runs.

    Raises:
        NotSupportedError: sound devices cannot be used here; it says what is missing.
        InvalidArgumentError: there is no such device.
    """
    if not isinstance(source, Microphone) and speaker is None:
        return
    if engine is not None and not isinstance(engine, Engine):
        raise NotSupportedError(NO_ENGINE)
    inputs, outputs = await _look()
    recorded = (source.device or DEFAULT_DEVICE) if isinstance(source, Microphone) else None
    if recorded is not None and recorded not in inputs:
        raise InvalidArgumentError(missing(Way.INPUT, (recorded,), inputs))
    if speaker is not None and speaker.id not in outputs:
        raise InvalidArgumentError(missing(Way.OUTPUT, (speaker.id,), outputs))


async def _look() -> _Found:
    try:
        return await trio.to_thread.run_sync(_find_all)
    except SoundError as error:
        raise NotSupportedError(str(error)) from error


def _find_all() -> _Found:
    look_again()
    return find_devices(Way.INPUT), find_devices(Way.OUTPUT)
