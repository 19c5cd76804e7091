"""The documented `device.audio`: which sounds are made, and the sound devices that calls use."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from actors.call import Call
from actors.device.hardware import NO_ENGINE, Hardware, Speaker
from actors.device.loudspeaker import Loudspeaker
from actors.device.outputs import OutputDevices
from actors.device.sounds import SoundOutput, choose_sounds
from actors.emitter import Emitter
from actors.errors import InvalidArgumentError, InvalidStateError, NotSupportedError
from actors.ids import LegId
from actors.media.actor import MediaEngines
from actors.media.engine import Engine
from actors.media.messages import Microphone, Silence, Source
from actors.media.sound_device import DEFAULT_DEVICE, SoundDevice, Way, missing


class Audio(Emitter):
    """A client in Python sends what it is told to play; it uses sound devices when one is set or opted for.

    Sounds are made on `output`, if its user sets one, else on the devices that are set: `incoming` while a
    call rings, `outgoing` when a placed call is accepted, `disconnect` at a call's end. Nothing plays the
    sounds of digits. `incoming`, `outgoing` and `disconnect` return whether that sound is enabled, after
    switching it if told to. The event `deviceChange(lost)` tells of devices in use that are gone; the default
    is used instead.

    Args:
        sounds: the option of that name.
        is_busy: whether the device has an active call.
    """

    def __init__(self, sounds: Mapping[str, str | Path], is_busy: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self.output: SoundOutput | None = None
        self.speaker_devices = OutputDevices(self._route)
        self.ringtone_devices = OutputDevices()
        self._hardware: Hardware | None = None
        self._loudspeaker: Loudspeaker | None = None
        self._input: SoundDevice | None = None
        self._calls: dict[LegId, Call] = {}
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
        output = self._any_output
        if output is not None and self._enabled.get(name, True):
            output.play(self._sounds[name])

    def ring(self, is_ringing: bool) -> None:
        """Whether the sound of a call that rings is to be heard now."""
        if is_ringing == self._is_ringing:
            return
        self._is_ringing = is_ringing
        if is_ringing:
            self.play("incoming")
        elif self._any_output is not None:
            self._any_output.stop(self._sounds["incoming"])

    @property
    def _any_output(self) -> SoundOutput | None:
        return self._loudspeaker if self.output is None else self.output

    def _switch(self, sound: str, should_enable: bool | None) -> bool:
        if should_enable is not None:
            self._enabled[sound] = bool(should_enable)
        return self._enabled[sound]

    # --- sound devices --------------------------------------------------------------------------------

    def open(self, engine: MediaEngines, speaker: Speaker | None) -> None:
        """Calls may use the sound devices of this machine, if the engine is in this process."""
        if isinstance(engine, Engine):
            hardware = Hardware(engine)
            self._hardware = self.speaker_devices.hardware = self.ringtone_devices.hardware = hardware
            self._loudspeaker = Loudspeaker(hardware, self.speaker_devices, self.ringtone_devices)
        if speaker is not None:
            self.speaker_devices.use(frozenset({speaker.id}))

    def close(self) -> None:
        """Have nothing heard any more."""
        if self._loudspeaker is not None and self._hardware is not None:
            self._loudspeaker.close()
            self._loudspeaker = None
            self._hardware.hush()
        self._calls.clear()

    def begin(self, call: Call, source: Source) -> None:
        """A call is there: have it heard, and send what is recorded, or `source` where no device was set."""
        self._calls[call.leg] = call
        sent = source if self._input is None else Microphone(self._input.id)
        if not isinstance(sent, Silence):
            call.play(sent)
        if self._hardware is not None and self.speaker_devices.get():
            self._hardware.hear(call.leg, self.speaker_devices.get())

    def end(self, call: Call) -> None:
        """A call is over."""
        if self._calls.pop(call.leg, None) is not None and self._hardware is not None:
            self._hardware.hear(call.leg, ())

    def lose(self, device_id: str, *, is_input: bool) -> None:
        """A device that was in use is gone: the default takes its place, and `deviceChange` is emitted."""
        devices: Mapping[str, SoundDevice] = {}
        if self._hardware is not None:
            devices = self._hardware.inputs if is_input else self._hardware.outputs
        if is_input and device_id != DEFAULT_DEVICE:
            self._replace_input(device_id, devices.get(DEFAULT_DEVICE))
        for outputs in (self.speaker_devices, self.ringtone_devices):
            if not is_input and device_id in outputs.get():
                outputs.use(outputs.get() - {device_id} | {DEFAULT_DEVICE})
        self.emit("deviceChange", [devices.get(device_id, SoundDevice(device_id, device_id, -1))])

    def _replace_input(self, device_id: str, default: SoundDevice | None) -> None:
        if self._input is not None and self._input.id == device_id:
            self._input = default
        for call in self._calls.values():
            stream = call.get_local_stream()
            if stream is not None and stream.source == Microphone(device_id):
                call.play(Microphone())

    def _route(self) -> None:
        if self._hardware is not None:
            for leg in self._calls:
                self._hardware.hear(leg, self.speaker_devices.get())

    async def _find_input(self, device_id: str | None) -> SoundDevice:
        if self._hardware is None:
            raise NotSupportedError(NO_ENGINE)
        await self._hardware.look()
        wanted = DEFAULT_DEVICE if device_id is None else device_id
        found = self._hardware.inputs.get(wanted)
        if found is None:
            raise InvalidArgumentError(missing(Way.INPUT, (wanted,), self._hardware.inputs))
        return found

    async def look_for_devices(self) -> None:
        """Find out which devices are available. Those that came lately are noticed while none is in use.

        Raises:
            NotSupportedError: sound devices cannot be used; it says what is missing.
        """
        if self._hardware is None:
            raise NotSupportedError(NO_ENGINE)
        await self._hardware.look()

    @property
    def available_input_devices(self) -> Mapping[str, SoundDevice]:
        """By id, as they were found last: by `look_for_devices`, or when a device was set."""
        return {} if self._hardware is None else self._hardware.inputs

    @property
    def available_output_devices(self) -> Mapping[str, SoundDevice]:
        """By id, as they were found last: by `look_for_devices`, or when a device was set."""
        return {} if self._hardware is None else self._hardware.outputs

    @property
    def input_device(self) -> SoundDevice | None:
        """The device that was set."""
        return self._input

    @property
    def input_stream(self) -> Microphone | None:
        """What the device that was set records, for `call.play`."""
        return None if self._input is None else Microphone(self._input.id)

    async def set_input_device(self, device_id: str) -> None:
        """Send what this device records, in the calls that there are and in those to come.

        Raises:
            InvalidArgumentError: it is not available.
            NotSupportedError: sound devices cannot be used on this machine; it says what is missing.
        """
        if self._hardware is None:
            raise InvalidArgumentError(f"no such input device: {device_id}")
        self._input = await self._find_input(device_id)
        for call in self._calls.values():
            call.play(Microphone(device_id))

    async def unset_input_device(self) -> None:
        """Send what the device's options say in calls to come.

        Raises:
            InvalidStateError: there is an active call.
        """
        if self._is_busy():
            raise InvalidStateError("the input device cannot be unset during a call")
        self._input = None

    @property
    def audio_constraints(self) -> Mapping[str, Any] | None:
        """What was set; it has no effect on the sound devices of this machine."""
        return self._constraints

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
        raise NotSupportedError("audio of sound devices is not processed")

    async def remove_processor(self, processor: object, is_remote: bool = False) -> None:
        """Process it no longer.

        Raises:
            InvalidArgumentError: always, as no processor was added.
        """
        raise InvalidArgumentError("this processor was not added")
