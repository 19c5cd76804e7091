"""Sound devices of this machine, by PortAudio. Everything here may block: call it in a thread.

PortAudio and its package are loaded when the first device is asked for: a server does without.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from types import ModuleType
from typing import Any, Final, Protocol

import numpy as np

from actors.media.codec import FRAME_SECONDS, Samples

RATES: Final = (48000, 16000, 8000, 44100)
"""Tried in this order; each has whole frames of 20 ms."""
LATENCY_SECONDS: Final = 0.04
DEFAULT_DEVICE: Final = "default"
_NO_LIBRARY: Final = (
    "sound devices need the library PortAudio, which is not installed; on Debian and Ubuntu: "
    "apt-get install libportaudio2"
)
_NO_PACKAGE: Final = (
    "sound devices need the package sounddevice, which is not installed: pip install sounddevice"
)
_NO_DEVICES: Final = (
    "is a sound server running for this user? PulseAudio and PipeWire also need their plug-in for ALSA; on "
    "Debian and Ubuntu: apt-get install pulseaudio libasound2-plugins"
)


class SoundError(Exception):
    """A sound device cannot be used; the text says why, and what to do."""


class Way(StrEnum):
    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """A sound device. `number` is PortAudio's, until devices are looked for again."""

    id: str
    label: str
    number: int


class SoundStream(Protocol):
    """An open device."""

    @property
    def active(self) -> bool:
        """Whether it still works."""

    def close(self, ignore_errors: bool = True) -> None: ...


_portaudio: Final = Lock()
"""PortAudio is one for the process, and is not for several threads at once."""
_streams: Final[set[SoundStream]] = set()


def find_devices(way: Way) -> Mapping[str, SoundDevice]:
    """The devices by their ids; `default` is the system's choice, where there is one. Raises SoundError."""
    with _portaudio:
        return _find(_load(), way)


def _find(portaudio: ModuleType, way: Way) -> Mapping[str, SoundDevice]:
    try:
        found = list(portaudio.query_devices())
        preferred: int = portaudio.default.device[0 if way is Way.INPUT else 1]
    except portaudio.PortAudioError as error:
        raise SoundError(f"sound devices cannot be listed: {error}; {_NO_DEVICES}") from error
    devices: dict[str, SoundDevice] = {}
    for number, device in enumerate(found):
        if device[f"max_{way}_channels"] > 0:
            name = device["name"] or f"Unknown audio {way} device {number}"
            key = name if name not in devices else f"{name} #{number}"
            devices[key] = SoundDevice(key, name, number)
    if preferred >= 0 and DEFAULT_DEVICE not in devices:
        devices[DEFAULT_DEVICE] = SoundDevice(DEFAULT_DEVICE, f"Default {way} device", preferred)
    return devices


def missing(way: Way, ids: Iterable[str], devices: Mapping[str, SoundDevice]) -> str:
    """Says that these are not among the devices, and if there are none at all, what to do."""
    text = f"no such {way} device: {', '.join(ids)}"
    return text if devices else f"{text}; there is none on this machine: {_NO_DEVICES}"


def look_again() -> None:
    """Notice devices that came and went; not while one is open. Raises SoundError."""
    with _portaudio:
        portaudio = _load()
        if _streams:
            return
        try:
            portaudio._terminate()  # noqa: SLF001 - the only way there is
            portaudio._initialize()  # noqa: SLF001
        except portaudio.PortAudioError as error:
            raise SoundError(f"sound devices cannot be listed: {error}; {_NO_DEVICES}") from error


def open_input(device_id: str, take: Callable[[Samples], None]) -> tuple[SoundStream, int]:
    """Record from it: an open stream and its rate in Hz. `take` is called in the stream's own thread.

    Raises SoundError.
    """

    def callback(data: Any, frames: int, time: object, status: object) -> None:
        take(np.frombuffer(data, np.int16))

    return _open(Way.INPUT, device_id, callback)


def open_output(device_id: str, fill: Callable[[Samples], None]) -> tuple[SoundStream, int]:
    """Play on it: an open stream and its rate in Hz. `fill` is called in the stream's own thread.

    Raises SoundError.
    """

    def callback(data: Any, frames: int, time: object, status: object) -> None:
        fill(np.frombuffer(data, np.int16))

    return _open(Way.OUTPUT, device_id, callback)


def close_stream(stream: SoundStream) -> None:
    """Stop at once."""
    with _portaudio:
        _streams.discard(stream)
        stream.close(ignore_errors=True)


def _open(way: Way, device_id: str, callback: Callable[..., None]) -> tuple[SoundStream, int]:
    with _portaudio:
        stream, rate = _try_rates(_load(), way, device_id, callback)
        _streams.add(stream)
    return stream, rate


def _try_rates(
    portaudio: ModuleType, way: Way, device_id: str, callback: Callable[..., None]
) -> tuple[SoundStream, int]:
    devices = _find(portaudio, way)
    if device_id not in devices:
        raise SoundError(missing(way, (device_id,), devices))
    kind = portaudio.RawInputStream if way is Way.INPUT else portaudio.RawOutputStream
    number = devices[device_id].number
    failure = ""
    for rate in RATES:
        block = round(rate * FRAME_SECONDS)
        try:
            stream = kind(rate, block, number, 1, "int16", LATENCY_SECONDS, callback=callback)
            stream.start()
        except portaudio.PortAudioError as error:
            failure = failure or str(error)
        else:
            return stream, rate
    raise SoundError(f"the sound {way} device {device_id!r} cannot be opened: {failure}; {_NO_DEVICES}")


def _load() -> ModuleType:
    try:
        import sounddevice
    except OSError as error:
        raise SoundError(_NO_LIBRARY) from error
    except ImportError as error:
        raise SoundError(_NO_PACKAGE) from error
    return sounddevice  # type: ignore[no-any-return]
