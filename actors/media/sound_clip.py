"""A recording or a chime, as the voice of a loudspeaker."""

from functools import cache
from math import inf
from typing import Final

import numpy as np
import trio

from actors.media.codec import Samples
from actors.media.wav import Wav

CHIME_RATE: Final = 16000
_LOUDNESS: Final = 0.2 * 32767
_EDGE_SECONDS: Final = 0.01
_CHIMES: Final = {
    "incoming": ((2.0, 440.0, 480.0), (4.0,)),
    "outgoing": ((0.15, 660.0), (0.05,), (0.15, 880.0)),
    "disconnect": ((0.15, 660.0), (0.05,), (0.15, 440.0)),
}
"""Parts of so many seconds, each of these frequencies together."""


class Recording:
    """Played once, or over and over; cut off after `max_seconds`. It begins when its device is open.

    `ended` is set soon after it was over, or when its device cannot be opened.
    """

    def __init__(self, wav: Wav, *, is_loop: bool = False, max_seconds: float | None = None) -> None:
        self._wav = wav
        self.is_lasting = is_loop
        self._seconds = wav.samples.size / wav.rate
        self._limit = inf if max_seconds is None else max_seconds
        self._rate = 0
        self._at = 0
        self.is_over = not wav.samples.size
        self.ended = trio.Event()

    @property
    def seconds(self) -> float:
        """How long it is, if it is not a loop."""
        return min(self._seconds, self._limit)

    def open(self, rate: int) -> None:
        """On a device that was closed meanwhile it begins anew."""
        self._rate, self._at = rate, 0

    def close(self) -> None:
        self.ended.set()

    def read_into(self, out: Samples) -> None:
        out[:] = 0
        rate = self._rate  # the loop may close the device now
        if self.is_over or not rate:
            return
        size = max(1, round(self._seconds * rate))
        made = self._wav.resample(self._at % size, out.size, rate)
        self._at += out.size
        out[:] = np.clip(np.rint(made), -32768, 32767)
        ends = self._limit if self.is_lasting else self.seconds
        self.is_over = self._at >= ends * rate


@cache
def chime(name: str) -> Wav:
    """The sound of that name when its user gave no file; those without one are short and high."""
    return Wav(CHIME_RATE, np.concatenate([_part(*part) for part in _CHIMES.get(name, ((0.1, 1000.0),))]))


def _part(seconds: float, *hz: float) -> Samples:
    times = np.arange(round(seconds * CHIME_RATE)) / CHIME_RATE
    edge = np.clip(np.minimum(times, seconds - times) / _EDGE_SECONDS, 0, 1)
    tones = np.zeros(times.size) + sum(np.sin(2 * np.pi * frequency * times) for frequency in hz)
    samples: Samples = (tones / max(1, len(hz)) * edge * _LOUDNESS).astype(np.int16)
    return samples
