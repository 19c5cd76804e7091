"""What came back of the packets of a window: loss by sequence number, lateness against the RTP clock."""

from array import array
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FRAME_SECONDS: Final = 0.02
CLOCK_RATE: Final = 48_000
FRAME_TICKS: Final = round(FRAME_SECONDS * CLOCK_RATE)
NEVER: Final = -1


class Arrivals:
    """Filled packet by packet through `take`; each leg's first packet begins its window of `frames`."""

    def __init__(self, legs: int, frames: int) -> None:
        self._legs = legs
        self._frames = frames
        self._bases: list[tuple[int, int] | None] = [None] * legs
        self._numbers = bytearray(legs * frames)
        self._stamps = array("q", [NEVER]) * (legs * frames)

    def take(self, leg: int, sequence: int, timestamp: int, stamp: int) -> None:
        """An authentic packet; `stamp` is its arrival in nanoseconds."""
        base = self._bases[leg]
        if base is None:
            base = self._bases[leg] = sequence, timestamp
        frames = self._frames
        index = (sequence - base[0]) & 0xFFFF
        if index < frames:
            self._numbers[leg * frames + index] = 1
        index = (((timestamp - base[1]) & 0xFFFFFFFF) + FRAME_TICKS // 2) // FRAME_TICKS
        if index < frames:
            self._stamps[leg * frames + index] = stamp

    def conclude(self, drift: float = 0.0, *, is_renumbered: bool = False) -> "Arrived":
        """`drift`: nanoseconds that the stamps' clock gained on the RTP clock for each nanosecond.

        `is_renumbered`: the engine makes packets of its own, so that its sequence numbers hide what it never
        received; then a frame that is missing on the RTP clock is lost.
        """
        stamps = np.array(self._stamps, dtype=np.int64).reshape(self._legs, self._frames)
        lost = len(self._numbers) - sum(self._numbers)
        gaps = max(0, int((stamps == NEVER).sum()) - lost)
        if is_renumbered:
            lost, gaps = lost + gaps, 0
        return Arrived(len(self._numbers), lost, gaps, lateness_ms(stamps, drift))


@dataclass(frozen=True)
class Arrived:
    """`clock_gaps`: frames that the RTP clock has skipped though no sequence number is missing."""

    expected: int
    lost: int
    clock_gaps: int
    lateness: npt.NDArray[np.float64]

    def percentile(self, percent: float) -> float:
        """Of the lateness of all packets, in ms; 0 if none came."""
        return float(np.percentile(self.lateness, percent)) if self.lateness.size else 0.0


def lateness_ms(stamps: npt.NDArray[np.int64], drift: float = 0.0) -> npt.NDArray[np.float64]:
    """Of all packets that came: a row is a leg, a column a frame; relative to the leg's earliest."""
    due = np.arange(stamps.shape[1]) * (FRAME_SECONDS * 1e9 * (1.0 + drift))
    came = stamps != NEVER
    late = np.where(came, stamps - due, np.inf)
    earliest = late.min(axis=1, keepdims=True) if stamps.shape[1] else late
    return np.asarray((late - np.where(np.isfinite(earliest), earliest, 0.0))[came] / 1e6)
