"""The newest samples of narrow-band audio at the rate of the analysers: six for each."""

from typing import Final

import numpy as np

from actors.media.analyser import ANALYSER_RATE, FFT_SIZE, Floats
from actors.media.codec import G711_RATE

FACTOR: Final = ANALYSER_RATE // G711_RATE
_HALF_TAPS: Final = 16
_KAISER_BETA: Final = 9.0
"""Mirror images stay some 90 dB below the audio up to 3.3 kHz."""
NARROW_SIZE: Final = -(-(FFT_SIZE - 1) // FACTOR) + 2 * _HALF_TAPS
"""Samples of 8 kHz that `interpolate` takes; the last `_HALF_TAPS` only shape the ones before (2 ms)."""


def _matrix() -> Floats:
    """A row for each sample asked for: a windowed sinc around its place between the samples given."""
    newest = NARROW_SIZE - 1 - _HALF_TAPS
    places = newest - np.arange(FFT_SIZE - 1, -1, -1) / FACTOR
    distance = places[:, None] - np.arange(NARROW_SIZE)
    inside = np.clip(1 - (distance / _HALF_TAPS) ** 2, 0, None)
    window = np.where(np.abs(distance) < _HALF_TAPS, np.i0(_KAISER_BETA * np.sqrt(inside)), 0.0)
    taps: Floats = np.sinc(distance) * window / np.i0(_KAISER_BETA)
    return taps


_MATRIX: Final = _matrix()


def interpolate(samples: Floats) -> Floats:
    """`FFT_SIZE` samples at `ANALYSER_RATE` from `NARROW_SIZE` at 8 kHz."""
    wide: Floats = _MATRIX @ samples
    return wide
