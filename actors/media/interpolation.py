"""The newest samples of G.711 and G.722 at the rate of the analysers: six or three for each."""

from typing import Final

import numpy as np

from actors.media.analyser import ANALYSER_RATE, FFT_SIZE, Floats
from actors.media.codec import G711_RATE, G722_RATE

_HALF_TAPS: Final = 16
_KAISER_BETA: Final = 9.0
"""Mirror images stay some 90 dB below the audio up to 3.3 kHz."""


def given_size(rate: int) -> int:
    """Samples at `rate` that `interpolate` takes; the last `_HALF_TAPS` only shape the ones before."""
    return -(-(FFT_SIZE - 1) * rate // ANALYSER_RATE) + 2 * _HALF_TAPS


def _matrix(rate: int) -> Floats:
    """A row for each sample asked for: a windowed sinc around its place between the samples given."""
    size = given_size(rate)
    newest = size - 1 - _HALF_TAPS
    places = newest - np.arange(FFT_SIZE - 1, -1, -1) * (rate / ANALYSER_RATE)
    distance = places[:, None] - np.arange(size)
    inside = np.clip(1 - (distance / _HALF_TAPS) ** 2, 0, None)
    window = np.where(np.abs(distance) < _HALF_TAPS, np.i0(_KAISER_BETA * np.sqrt(inside)), 0.0)
    taps: Floats = np.sinc(distance) * window / np.i0(_KAISER_BETA)
    return taps


_MATRICES: Final = {given_size(rate): _matrix(rate) for rate in (G711_RATE, G722_RATE)}


def interpolate(samples: Floats) -> Floats:
    """`FFT_SIZE` samples at `ANALYSER_RATE` from as many at 8 or 16 kHz as `given_size` says."""
    wide: Floats = _MATRICES[samples.size] @ samples
    return wide
