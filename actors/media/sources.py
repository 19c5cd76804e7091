"""What a leg plays: silence, tones and clips as ready-made 20 ms payloads.

Frames are encoded the first time they are needed and then shared by every leg that plays the same
thing with the same codec.
"""

from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, assert_never

import numpy as np
import numpy.typing as npt

from actors.media.codec import Encoder, Samples, open_encoder, opus_bitrate, sample_rate, samples_per_frame
from actors.media.ear import newest_size
from actors.media.engine_messages import Codec
from actors.media.messages import Clip, FromLeg, Silence, Source, Tone
from actors.media.wav import SourceError, Wav, read_wav

__all__ = ["Playable", "SourceError", "open_source"]

MAX_CACHED_TRACKS: Final = 64
_SAMPLE_BYTES: Final = 2
FRAMES_PER_SECOND: Final = 50
WARM_UP_FRAMES: Final = 25
"""Encoded and thrown away before a loop, so that Opus finds its end before its start.

With much fewer its energy prediction is still that of an onset, and each round begins with a dip.
"""


class Playable:
    """One leg's position in a track."""

    def __init__(self, track: "_Track") -> None:
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
    but the engine's own affair; UnsupportedCodec.
    """
    return Playable(_open_track(source, codec.name, opus_bitrate(codec), _stamp(source)))


@lru_cache(maxsize=MAX_CACHED_TRACKS)
def _open_track(source: Source, codec_name: str, bitrate: int, _stamp: tuple[int, int]) -> "_Track":
    codec = Codec(codec_name, 0, 0, 0, fmtp=f"maxaveragebitrate={bitrate}")
    rate, size = sample_rate(codec), samples_per_frame(codec)
    match source:
        case Silence():
            return _Track(_Sine(Tone(0.0, 0.0), rate, size), codec, is_loop=True)
        case Tone():
            return _Track(_Sine(source, rate, size), codec, is_loop=True)
        case Clip(path, is_loop, tone):
            clip = _ClipSound(read_wav(path), rate, size, repeat=is_loop)
            sound = clip if tone is None else _Mix(clip, tone, rate, size, is_loop=is_loop)
            return _Track(sound, codec, is_loop=is_loop)
        case FromLeg():
            raise SourceError("another leg is not a sound")
        case _:
            assert_never(source)


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
