"""The documented collections of output devices."""

from collections.abc import Callable, Sequence

from actors.device.hardware import Hardware
from actors.device.sounds import SOUNDS, Sound
from actors.errors import InvalidArgumentError, InvalidStateError
from actors.media.sound_device import DEFAULT_DEVICE, Way, missing


class OutputDevices:
    """Where a kind of sound is played, by device ids. None is in use before one is set.

    `changed` is called when other devices are in use than before.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.hardware: Hardware | None = None
        self._ids: frozenset[str] = frozenset()
        self._changed = changed

    def get(self) -> frozenset[str]:
        """The ids of the devices in use."""
        return self._ids

    async def set(self, ids: str | Sequence[str]) -> None:
        """Play on these devices.

        Raises:
            InvalidArgumentError: no id, or one that is not available.
            NotSupportedError: sound devices cannot be used on this machine.
        """
        wanted = (ids,) if isinstance(ids, str) else tuple(ids)
        if not wanted:
            raise InvalidArgumentError("at least one output device is needed")
        if self.hardware is None:
            raise InvalidArgumentError(f"no such output device: {', '.join(map(str, wanted))}")
        await self.hardware.look()
        unknown = [str(device_id) for device_id in wanted if device_id not in self.hardware.outputs]
        if unknown:
            raise InvalidArgumentError(missing(Way.OUTPUT, unknown, self.hardware.outputs))
        self.use(frozenset(wanted))

    def use(self, ids: frozenset[str]) -> None:
        """Play on these devices, which are known to be there."""
        self._ids = ids
        self._changed()

    def delete(self, device_id: str) -> bool:
        """Play on it no longer; False if it was not in use. The default takes the last one's place."""
        if device_id not in self._ids:
            return False
        left = self._ids - {device_id}
        self.use(left or frozenset({DEFAULT_DEVICE}) - {device_id})
        return True

    async def test(self, url: str | None = None) -> None:
        """Play a sound on the devices in use, to its end.

        Args:
            url: path of a WAV file, instead of a chime.

        Raises:
            InvalidStateError: there are none, or one does not play.
            NotSupportedError: no such file, or it cannot be played.
        """
        if self.hardware is None or not self._ids:
            raise InvalidStateError("no output device is in use")
        chime = SOUNDS["outgoing"]
        sound = chime if url is None else Sound(chime.name, url, max_seconds=chime.max_seconds)
        await self.hardware.play_through(sound, self._ids)
