"""WAV files: 8 and 16 bit PCM, mono and stereo, any rate."""

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from actors.media.codec import Samples

MAX_WAV_BYTES: Final = 32 << 20
"""Of samples: about six minutes of 44.1 kHz stereo, half an hour of 8 kHz mono at 16 bits."""
MIN_WAV_RATE: Final = 4000
MAX_WAV_RATE: Final = 192000

_HALF_TAPS = 12


class SourceError(Exception):
    """What was asked for cannot be played; the text says why."""


@dataclass(frozen=True, slots=True)
class Wav:
    rate: int
    samples: Samples

    def resample(self, start: int, count: int, rate: int) -> npt.NDArray[np.float64]:
        """`count` samples from `start` on, both counted at `rate`; silence outside the recording.

        Band-limited interpolation: a Hann-windowed sinc, cut off at the lower of both Nyquist limits.
        """
        if rate == self.rate:
            return self._slice(start, start + count)
        cutoff = min(1.0, rate / self.rate)
        half = int(np.ceil(_HALF_TAPS / cutoff))
        # Whole and fractional source positions apart, so that an hour in is as exact as the start.
        ticks = np.arange(start, start + count, dtype=np.int64) * self.rate
        whole, fraction = ticks // rate, (ticks % rate) / rate
        reach = np.arange(1 - half, half + 1)
        distance = fraction[:, None] - reach
        taps = cutoff * np.sinc(cutoff * distance) * (0.5 + 0.5 * np.cos(np.pi * distance / half))
        first = int(whole[0]) + 1 - half
        near = self._slice(first, int(whole[-1]) + half + 1)
        out: npt.NDArray[np.float64] = (taps * near[whole[:, None] + reach - first]).sum(axis=1)
        return out

    def _slice(self, start: int, end: int) -> npt.NDArray[np.float64]:
        out = np.zeros(end - start)
        part = self.samples[max(start, 0) : max(end, 0)]
        offset = max(-start, 0)
        out[offset : offset + part.size] = part
        return out


def read_wav(path: str) -> Wav:
    """Raises SourceError if there is no such file, it is no WAV, too large or of a kind we do not play."""
    try:
        with Path(path).open("rb") as file:
            return parse_wav_untrusted(file, path)
    except OSError as error:
        raise SourceError(f"cannot read {path!r}: {error.strerror}") from error
    except ValueError as error:
        raise SourceError(f"cannot read {path!r}: {error}") from error


def parse_wav_untrusted(file: BinaryIO, name: str) -> Wav:
    """The recording in `file`, which errors call `name`. Raises SourceError, and the OSError of a read."""
    try:
        with wave.open(file) as reader:
            rate, width, channels = reader.getframerate(), reader.getsampwidth(), reader.getnchannels()
            problem = _find_problem(rate, width, channels, reader.getnframes())
            content = b"" if problem else reader.readframes(reader.getnframes())
    except EOFError as error:
        raise SourceError(f"{name!r} is not a WAV file: it ends too early") from error
    except RuntimeError as error:
        raise SourceError(f"{name!r} is not a WAV file: a chunk in it is longer than it is") from error
    except (wave.Error, ValueError) as error:
        raise SourceError(f"{name!r} is not a WAV file: {error}") from error
    if problem:
        raise SourceError(f"{name!r}: {problem}")
    return Wav(rate, _to_mono(content, width, channels))


def _find_problem(rate: int, width: int, channels: int, frames: int) -> str:
    if width not in (1, 2):
        return f"{8 * width} bit samples; 8 and 16 are played"
    if channels not in (1, 2):
        return f"{channels} channels; mono and stereo are played"
    if not MIN_WAV_RATE <= rate <= MAX_WAV_RATE:
        return f"sample rate {rate} Hz"
    if frames * width * channels > MAX_WAV_BYTES:
        return f"larger than {MAX_WAV_BYTES >> 20} MiB"
    return ""


def _to_mono(content: bytes, width: int, channels: int) -> Samples:
    frames = len(content) // (width * channels)
    raw = content[: frames * width * channels]
    if width == 1:
        samples = (np.frombuffer(raw, np.uint8).astype(np.int16) - 128) * 256
    else:
        samples = np.frombuffer(raw, "<i2")
    if channels == 1:
        return samples.astype(np.int16)
    mono: Samples = (samples.reshape(-1, 2).sum(axis=1, dtype=np.int32) // 2).astype(np.int16)
    return mono
