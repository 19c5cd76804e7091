"""Frames of one codec at the rate of another: the fast way for rates of which one divides the other."""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from actors.media.codec import Samples

_Floats: TypeAlias = npt.NDArray[np.float32]

_HALF_TAPS: Final = 12
"""At the lower of both rates: a delay of 1.5 ms at 8 kHz."""
_CUTOFF: Final = 0.92
_KAISER_BETA: Final = 6.0


class FrameResampler:
    """From `rate` to `wanted` Hz; of 8, 16 and 48 kHz each divides the next."""

    __slots__ = ("_down", "_past", "_reach", "_taps", "_up")

    def __init__(self, rate: int, wanted: int) -> None:
        self._up, self._down = max(1, wanted // rate), max(1, rate // wanted)
        if rate * self._up != wanted * self._down:
            raise ValueError(f"cannot make {wanted} Hz of {rate} Hz")
        self._reach = 2 * _HALF_TAPS * self._down
        self._taps = _filter(self._up, self._down)
        self._past = np.zeros(self._reach - self._down, np.float32)

    def resample(self, samples: Samples) -> Samples:
        """Take what follows; as long as what comes out, but for a constant delay."""
        if self._up == self._down:
            return samples
        known = np.concatenate([self._past, samples.astype(np.float32)])
        self._past = known[samples.size :]
        windows = np.lib.stride_tricks.sliding_window_view(known, self._reach)[:: self._down]
        made = (windows @ self._taps).reshape(-1)
        return np.clip(np.rint(made), -32768, 32767).astype(np.int16)


def _filter(up: int, down: int) -> _Floats:
    """A windowed sinc for each of the `up` samples that one window gives."""
    factor = max(up, down)
    size = 2 * _HALF_TAPS * factor
    places = (np.arange(size) - (size - 1) / 2) / factor
    taps = np.sinc(_CUTOFF * places) * np.kaiser(size, _KAISER_BETA)
    if down > 1:
        return (taps / np.sum(taps)).astype(np.float32).reshape(-1, 1)
    phases = taps.reshape(-1, up)[::-1, :]
    scaled: _Floats = (phases / np.sum(phases, axis=0)).astype(np.float32)
    return scaled
