"""Goes on with audio whose next frame is lost: its last period again and again, fading away.

For codecs without a concealment of their own; after the idea of ITU-T G.711 Appendix I.
"""

from collections import deque
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

_Samples: TypeAlias = npt.NDArray[np.int16]

MEMORY: Final = 4
"""Payloads that are remembered; 10 ms each are enough."""
MIN_PERIOD: Final = 0.005
MAX_PERIOD: Final = 0.015
"""Voices of 66 to 200 Hz; a higher one repeats whole periods of its own within one of these."""
FADE: Final = 0.06
"""Until there is silence."""
JOIN: Final = 0.005
_FRAMES_PER_SECOND = 50


class Concealment:
    """Of samples at `rate` Hz."""

    __slots__ = ("_concealed", "_fade", "_frame", "_heard", "_join", "_period", "_rate")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._frame = rate // _FRAMES_PER_SECOND
        self._heard: deque[_Samples] = deque(maxlen=MEMORY)
        self._period: _Samples = np.zeros(0, np.int16)
        self._concealed = 0
        self._fade = round(rate * FADE)
        self._join = round(rate * JOIN)

    def join(self, samples: _Samples) -> _Samples:
        """Take what is heard; after a concealed frame it is blended with what would have gone on."""
        if self._concealed:
            size = min(self._join, samples.size)
            weight = np.arange(1, size + 1) / (size + 1)
            blended = self._go_on(size) * (1 - weight) + samples[:size] * weight
            samples = np.concatenate([blended.astype(np.int16), samples[size:]])
            self._concealed = 0
        self._heard.append(samples)
        return samples

    def conceal(self) -> _Samples:
        """20 ms in place of what is lost."""
        if not self._concealed and self._heard:
            newest = np.concatenate(self._heard)
            self._period = newest[-_find_period(newest, self._rate) :]
        samples = self._go_on(self._frame).astype(np.int16)
        self._concealed += self._frame
        return samples

    def _go_on(self, size: int) -> npt.NDArray[np.float64]:
        if not self._period.size or self._concealed >= self._fade:
            return np.zeros(size)
        at = self._concealed + np.arange(size)
        fade = np.clip(1 - at / self._fade, 0.0, 1.0)
        faded: npt.NDArray[np.float64] = self._period[at % self._period.size] * fade
        return faded


def _find_period(samples: _Samples, rate: int) -> int:
    """In samples: where the newest are most like those before."""
    shortest, longest = round(rate * MIN_PERIOD), round(rate * MAX_PERIOD)
    if samples.size < 2 * longest:
        return samples.size
    known = samples.astype(np.float64)
    newest, before = known[-longest:], known[-2 * longest : -shortest]
    likeness = np.correlate(before, newest, "valid")
    squares = np.concatenate([[0.0], np.cumsum(np.square(before))])
    power = squares[longest:] - squares[:-longest]
    # The first place is a whole `longest` back, the last one `shortest`.
    best = int(np.argmax(likeness / np.sqrt(power + 1.0)))
    return longest - best
