"""Audio from one sample rate to another, as it comes."""

from math import ceil, gcd
from typing import Final

import numpy as np
import numpy.typing as npt

from actors.media.codec import Samples

_ZERO_CROSSINGS: Final = 12


class Resampler:
    """Band-limited interpolation: a Hann-windowed sinc, cut off at the lower of both Nyquist limits.

    So many samples of the given rate as are a whole number of the wanted one give just that number, late
    by a dozen samples of the lower rate.
    """

    def __init__(self, given: int, wanted: int) -> None:
        common = gcd(given, wanted)
        self._up, self._down = wanted // common, given // common
        cutoff = min(1.0, wanted / given)
        half = ceil(_ZERO_CROSSINGS / cutoff)
        self._reach = np.arange(2 * half)
        phases = np.arange(self._up)[:, None] / self._up
        distance = phases - (self._reach - (half - 1))
        window = np.where(np.abs(distance) < half, 0.5 + 0.5 * np.cos(np.pi * distance / half), 0.0)
        self._taps: npt.NDArray[np.float64] = cutoff * np.sinc(cutoff * distance) * window
        self._kept: npt.NDArray[np.float64] = np.zeros(2 * half - 1)
        self._phase = 0

    def take(self, samples: Samples) -> Samples:
        """What can be made of them and of those before."""
        if self._up == self._down:
            return samples
        near = np.concatenate([self._kept, samples])
        # One output for each tick of `down` before the last whole window's end.
        ends = (near.size - self._reach.size + 1) * self._up
        ticks = np.arange(self._phase, ends, self._down)
        whole, phase = ticks // self._up, ticks % self._up
        made = (self._taps[phase] * near[whole[:, None] + self._reach]).sum(axis=1)
        following = self._phase + ticks.size * self._down
        consumed = min(following // self._up, near.size - self._reach.size + 1)
        self._kept = near[consumed:]
        self._phase = following - consumed * self._up
        out: Samples = np.clip(np.rint(made), -32768, 32767).astype(np.int16)
        return out
