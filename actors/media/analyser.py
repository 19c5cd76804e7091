"""How loud a moment of audio is, as the browser's `AnalyserNode` measures it (Web Audio API)."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

ANALYSER_RATE: Final = 48000
FFT_SIZE: Final = 32
BINS: Final = FFT_SIZE // 2
_BYTE: Final = 255


@dataclass(frozen=True, slots=True)
class Scale:
    """`smoothing` is the share of the magnitudes before; decibels from `lowest` to `highest` become 0..1."""

    smoothing: float
    lowest: float
    highest: float


VOLUME_SCALE: Final = Scale(0.3, -100.0, -30.0)
LEVEL_SCALE: Final = Scale(0.0, -127.0, 0.0)


def _transform() -> Floats:
    """Blackman window and Fourier transform in one: a row for each bin's real part, then the imaginary."""
    steps = np.arange(FFT_SIZE)
    angle = 2 * np.pi * steps / FFT_SIZE
    window = 0.42 - 0.5 * np.cos(angle) + 0.08 * np.cos(2 * angle)
    angles = np.outer(np.arange(BINS), angle)
    rows: Floats = np.concatenate([np.cos(angles), np.sin(angles)]) * window / FFT_SIZE
    return rows


_TRANSFORM: Final = _transform()


def magnitudes(samples: Floats) -> Floats:
    """Of the frequency bins of the newest samples: `FFT_SIZE` of them at `ANALYSER_RATE`, full scale 1."""
    parts = _TRANSFORM @ samples
    found: Floats = np.hypot(parts[:BINS], parts[BINS:])
    return found


class Analyser:
    """One scale's view; remembers the magnitudes for its smoothing."""

    __slots__ = ("_edges", "_smoothed", "_smoothing")

    def __init__(self, scale: Scale) -> None:
        decibels = scale.lowest + (scale.highest - scale.lowest) * np.arange(1, _BYTE + 1) / _BYTE
        self._edges = 10 ** (decibels / 20)  # the least magnitude of each byte but 0
        self._smoothing = scale.smoothing
        self._smoothed = np.zeros(BINS)

    def step(self, found: Floats) -> float:
        """Take the next magnitudes; the mean of the bins' bytes, 0..1."""
        if self._smoothing:
            found = self._smoothed = self._smoothing * self._smoothed + (1 - self._smoothing) * found
        return int(self._edges.searchsorted(found, side="right").sum()) / (BINS * _BYTE)
