"""A device's sounds on the sound devices of this machine."""

from actors.device.hardware import Hardware
from actors.device.outputs import OutputDevices
from actors.device.sounds import Sound
from actors.media.sound_clip import Recording


class Loudspeaker:
    """A `SoundOutput`: `incoming` is heard on the ringtone devices, or where all else is, on the speakers.

    A sound whose file cannot be played is left out.
    """

    def __init__(self, hardware: Hardware, speakers: OutputDevices, ringtones: OutputDevices) -> None:
        self._hardware = hardware
        self._speakers = speakers
        self._ringtones = ringtones
        self._playing: dict[str, dict[str, Recording]] = {}

    def play(self, sound: Sound) -> None:
        """From its beginning, if it is being played."""
        self.stop(sound)
        ids = self._ringtones.get() if sound.name == "incoming" else frozenset[str]()
        started = {
            device_id: self._hardware.start(sound, device_id) for device_id in ids or self._speakers.get()
        }
        playing = {device_id: found for device_id, found in started.items() if found is not None}
        if playing:
            self._playing[sound.name] = playing

    def stop(self, sound: Sound) -> None:
        self._stop(sound.name)

    def close(self) -> None:
        """Stop all sounds."""
        for name in tuple(self._playing):
            self._stop(name)

    def _stop(self, name: str) -> None:
        for device_id, recording in self._playing.pop(name, {}).items():
            self._hardware.stop(recording, device_id)
