"""The documented `device.audio`: which sounds are made, and the sound devices, of which there are none."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from actors.device.outputs import OutputDevices
from actors.device.sounds import SoundOutput, choose_sounds
from actors.emitter import Emitter
from actors.errors import InvalidArgumentError, InvalidStateError, NotSupportedError


class Audio(Emitter):
    """A client in Python sends what it is told to play, and has neither microphone nor loudspeaker.

    Sounds are made on `output`, if its user sets one: `incoming` while a call rings, `outgoing` when a placed
    call is accepted, `disconnect` at a call's end. Nothing plays the sounds of digits. `incoming`, `outgoing`
    and `disconnect` return whether that sound is enabled, after switching it if told to.

    Args:
        sounds: the option of that name.
        is_busy: whether the device has an active call.
    """

    def __init__(self, sounds: Mapping[str, str | Path], is_busy: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self.output: SoundOutput | None = None
        self.speaker_devices = OutputDevices()
        self.ringtone_devices = OutputDevices()
        self._is_busy = is_busy
        self._sounds = choose_sounds(sounds)
        self._enabled = {"incoming": True, "outgoing": True, "disconnect": True}
        self._constraints: Mapping[str, Any] | None = None
        self._is_ringing = False

    # --- sounds -------------------------------------------------------------------------------------

    def incoming(self, should_enable: bool | None = None) -> bool:
        """The sound of a call that rings."""
        return self._switch("incoming", should_enable)

    def outgoing(self, should_enable: bool | None = None) -> bool:
        """The sound of a placed call that was accepted."""
        return self._switch("outgoing", should_enable)

    def disconnect(self, should_enable: bool | None = None) -> bool:
        """The sound of a call's end."""
        return self._switch("disconnect", should_enable)

    def configure(self, sounds: Mapping[str, str | Path]) -> None:
        """Make these sounds from now on; one that is being made goes on."""
        self._sounds = choose_sounds(sounds)

    def play(self, name: str) -> None:
        """Make a sound, if it is enabled and there is an output."""
        if self.output is not None and self._enabled.get(name, True):
            self.output.play(self._sounds[name])

    def ring(self, is_ringing: bool) -> None:
        """Whether the sound of a call that rings is to be heard now."""
        if is_ringing == self._is_ringing:
            return
        self._is_ringing = is_ringing
        if is_ringing:
            self.play("incoming")
        elif self.output is not None:
            self.output.stop(self._sounds["incoming"])

    def _switch(self, sound: str, should_enable: bool | None) -> bool:
        if should_enable is not None:
            self._enabled[sound] = bool(should_enable)
        return self._enabled[sound]

    # --- sound devices --------------------------------------------------------------------------------

    @property
    def available_input_devices(self) -> Mapping[str, object]:
        """By id; there are none."""
        return {}

    @property
    def available_output_devices(self) -> Mapping[str, object]:
        """By id; there are none."""
        return {}

    @property
    def input_device(self) -> None:
        """The device that was set; there is none."""
        return

    @property
    def input_stream(self) -> None:
        """What the device that was set records; there is none."""
        return

    @property
    def audio_constraints(self) -> Mapping[str, Any] | None:
        return self._constraints

    async def set_input_device(self, device_id: str) -> None:
        """Record from this device.

        Raises:
            InvalidArgumentError: it is not available; none is.
        """
        raise InvalidArgumentError(f"no such input device: {device_id}")

    async def unset_input_device(self) -> None:
        """Record from no device.

        Raises:
            InvalidStateError: there is an active call.
        """
        if self._is_busy():
            raise InvalidStateError("the input device cannot be unset during a call")

    async def set_audio_constraints(self, constraints: Mapping[str, Any]) -> None:
        """Keep settings for input devices, but for the id of one."""
        self._constraints = {name: value for name, value in constraints.items() if name != "deviceId"}

    async def unset_audio_constraints(self) -> None:
        self._constraints = None

    async def add_processor(self, processor: object, is_remote: bool = False) -> None:
        """Process what is recorded or heard.

        Raises:
            NotSupportedError: always; an application works on the streams of its calls instead.
        """
        raise NotSupportedError("there is no sound device whose audio could be processed")

    async def remove_processor(self, processor: object, is_remote: bool = False) -> None:
        """Process it no longer.

        Raises:
            InvalidArgumentError: always, as no processor was added.
        """
        raise InvalidArgumentError("this processor was not added")
