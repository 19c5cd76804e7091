"""What a leg plays: silence, tones and clips as ready-made 20 ms payloads.

Frames are encoded the first time they are needed and then shared by every leg that plays the same
thing with the same codec; but a loop in G.722 is encoded by each leg, or its seam would be heard.
"""

from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, assert_never

import numpy as np
import numpy.typing as npt

from actors.media.codec import Encoder, Samples, open_encoder, opus_bitrate, sample_rate, samples_per_frame
from actors.media.ear import newest_size
from actors.media.engine_messages import Codec
from actors.media.messages import Clip, FromLeg, Microphone, Silence, Source, Tone
from actors.media.sound_capture import CaptureTrack
from actors.media.sound_desk import sound_desk
from actors.media.sound_device import DEFAULT_DEVICE
from actors.media.wav import SourceError, Wav, read_wav

__all__ = ["Playable", "SourceError", "open_source"]

MAX_CACHED_TRACKS: Final = 64
_SAMPLE_BYTES: Final = 2
MAX_LIVE_SOUNDS: Final = 8
SEAMED: Final = ("g722",)
"""Codecs whose frames depend on all before them: repeated, they would be heard to begin again."""
FRAMES_PER_SECOND: Final = 50
WARM_UP_FRAMES: Final = 25
"""Encoded and thrown away before a loop, so that Opus finds its end before its start.

With much fewer its energy prediction is still that of an onset, and each round begins with a dip.
"""


class Playable:
    """One leg's position in a track."""

    def __init__(self, track: "_Track | _LiveTrack | CaptureTrack") -> None:
        self._track = track
        self._next = 0

    def next_frame(self) -> bytes | None:
        """The next 20 ms as payload; None once a clip has ended."""
        if self._next == self._track.length:
            if not self._track.is_loop:
                return None
            self._next = 0
        payload = self._track.frame(self._next)
        self._next += 1
        return payload

    def newest(self) -> Samples:
        """The last samples of the frame that was taken last, for an ear."""
        return self._track.newest(self._next - 1)


def open_source(source: Source, codec: Codec) -> Playable:
    """Start `source` from its beginning.

    Raises SourceError for a file that cannot be played and for `FromLeg`, which is no file or tone
    but the engine's own affair; UnsupportedCodec. A microphone that is not open yet is silent.
    """
    if isinstance(source, Microphone):
        return Playable(_open_capture(source, codec))
    stamp = _stamp(source)
    if codec.name in SEAMED and not isinstance(source, Silence):
        sound, is_loop = _open_live_sound(source, sample_rate(codec), samples_per_frame(codec), stamp)
        if is_loop:
            return Playable(_LiveTrack(sound, codec))
    return Playable(_open_track(source, codec.name, opus_bitrate(codec), stamp))


@lru_cache(maxsize=MAX_CACHED_TRACKS)
def _open_track(source: Source, codec_name: str, bitrate: int, _stamp: tuple[int, int]) -> "_Track":
    codec = Codec(codec_name, 0, 0, 0, fmtp=f"maxaveragebitrate={bitrate}")
    sound, is_loop = _open_sound(source, sample_rate(codec), samples_per_frame(codec))
    return _Track(sound, codec, is_loop=is_loop)


@lru_cache(maxsize=MAX_LIVE_SOUNDS)
def _open_live_sound(source: Source, rate: int, size: int, _stamp: tuple[int, int]) -> tuple["_Sound", bool]:
    return _open_sound(source, rate, size)


def _open_sound(source: Source, rate: int, size: int) -> tuple["_Sound", bool]:
    """The sound, and whether it begins again at its end."""
    match source:
        case Silence():
            return _Sine(Tone(0.0, 0.0), rate, size), True
        case Tone():
            return _Sine(source, rate, size), True
        case Clip(path, is_loop, tone):
            clip = _ClipSound(read_wav(path), rate, size, repeat=is_loop)
            return (clip if tone is None else _Mix(clip, tone, rate, size, is_loop=is_loop)), is_loop
        case FromLeg() | Microphone():
            raise SourceError("what is live is not kept")
        case _:
            assert_never(source)


def _open_capture(source: Microphone, codec: Codec) -> CaptureTrack:
    desk = sound_desk()
    if not desk.servers:
        raise SourceError("only a Device has a microphone, and only in its own process")
    device_id = DEFAULT_DEVICE if source.device is None else source.device
    return CaptureTrack(desk.capture(device_id), codec)


def _stamp(source: Source) -> tuple[int, int]:
    """Tells a replaced file from the cached one."""
    if not isinstance(source, Clip):
        return 0, 0
    try:
        status = Path(source.path).stat()
    except OSError as error:
        raise SourceError(f"cannot read {source.path!r}: {error.strerror}") from error
    except ValueError as error:
        raise SourceError(f"cannot read {source.path!r}: {error}") from error
    return status.st_mtime_ns, status.st_size


class _Sound(Protocol):
    length: int
    """In frames of 20 ms."""

    def frame(self, index: int) -> npt.NDArray[np.float64]:
        """Samples of full scale 32767; may exceed it."""


class _Track:
    """Encoded frames of a sound, made in order and kept."""

    def __init__(self, sound: _Sound, codec: Codec, *, is_loop: bool) -> None:
        self.length = sound.length
        self.is_loop = is_loop
        self._sound: _Sound | None = sound
        self._encoder: Encoder = open_encoder(codec)
        self._frames: list[bytes] = []
        self._newest = bytearray()
        self._newest_bytes = newest_size(self._encoder.sample_rate) * _SAMPLE_BYTES
        if is_loop:
            for index in range(-WARM_UP_FRAMES, 0):
                self._encoder.encode(_to_samples(sound.frame(index % sound.length)))

    def frame(self, index: int) -> bytes:
        while self._sound is not None and index >= len(self._frames):
            samples = _to_samples(self._sound.frame(len(self._frames)))
            self._frames.append(self._encoder.encode(samples))
            self._newest += samples.tobytes()[-self._newest_bytes :]
            if len(self._frames) == self.length:
                self._sound = None
        return self._frames[index]

    def newest(self, index: int) -> Samples:
        """The last samples of a frame that was encoded."""
        start = index * self._newest_bytes
        return np.frombuffer(bytes(self._newest[start : start + self._newest_bytes]), np.int16)


class _LiveTrack:
    """A loop that is encoded anew as it goes on, by one leg."""

    is_loop = True

    def __init__(self, sound: _Sound, codec: Codec) -> None:
        self.length = sound.length
        self._sound = sound
        self._encoder: Encoder = open_encoder(codec)
        self._newest: Samples = np.zeros(0, np.int16)

    def frame(self, index: int) -> bytes:
        self._newest = _to_samples(self._sound.frame(index))
        return self._encoder.encode(self._newest)

    def newest(self, index: int) -> Samples:
        """What was encoded last."""
        del index
        return self._newest


def _to_samples(sound: npt.NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


class _Sine:
    """A sine that fits whole frames: exact for whole hertz, else within half a hertz."""

    def __init__(self, tone: Tone, rate: int, size: int, length: int | None = None) -> None:
        hz = tone.hz
        self.length = _loop_length(hz) if length is None else length
        cycles = round(hz * self.length / FRAMES_PER_SECOND)
        self._step = 2 * np.pi * cycles / (self.length * size)
        self._amplitude = min(max(tone.amplitude, 0.0), 1.0) * 32767 if 0 < hz < rate / 2 else 0.0
        self._size = size

    def frame(self, index: int) -> npt.NDArray[np.float64]:
        start = index * self._size
        sine: npt.NDArray[np.float64] = np.sin(self._step * np.arange(start, start + self._size))
        return self._amplitude * sine


def _loop_length(hz: float) -> int:
    """Frames, at most one second of them, in which the sine comes nearest to whole cycles."""

    def misses(length: int) -> tuple[float, int]:
        cycles = hz * length / FRAMES_PER_SECOND
        return round(abs(cycles - round(cycles)) / length, 9), -length

    return min(range(1, FRAMES_PER_SECOND + 1), key=misses)


class _ClipSound:
    """A recording at our rate, resampled frame by frame as it is first played."""

    def __init__(self, wav: Wav, rate: int, size: int, *, repeat: bool) -> None:
        self._wav = wav
        self._rate = rate
        self._size = size
        self._once = max(1, -(-wav.samples.size * rate // (wav.rate * size)))
        # A loop of at least a second gives a mixed-in tone room for whole cycles.
        self.length = self._once * (max(1, -(-FRAMES_PER_SECOND // self._once)) if repeat else 1)

    def frame(self, index: int) -> npt.NDArray[np.float64]:
        return self._wav.resample((index % self._once) * self._size, self._size, self._rate)


class _Mix:
    def __init__(self, clip: _ClipSound, tone: Tone, rate: int, size: int, *, is_loop: bool) -> None:
        self.length = clip.length
        self._clip = clip
        fit = clip.length if is_loop else None
        self._sine = _Sine(tone, rate, size, fit)

    def frame(self, index: int) -> npt.NDArray[np.float64]:
        return self._clip.frame(index) + self._sine.frame(index)
