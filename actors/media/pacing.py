"""When frames are due, and when it pays to let packets gather: two pure clocks of the engine."""

from collections.abc import Sequence
from dataclasses import dataclass

TICK = 0.005
GROUPS = 4
"""A leg belongs to one group and each tick serves one group, so a leg has its turn each 20 ms."""
FRAME = TICK * GROUPS
MAX_CATCH_UP_FRAMES = 3
STALL = 0.5
"""A loop that did not run for so long must not blame its peers."""


@dataclass(frozen=True, slots=True)
class Due:
    """Ticks to serve now, and how many whole frames each leg has missed for good."""

    ticks: Sequence[int]
    missed_frames: int
    stalled: float


class FrameClock:
    """Counts ticks from `now`; after a pause a few frames are caught up, the rest is let go."""

    def __init__(self, now: float) -> None:
        self._epoch = now
        self._tick = 0
        self._last = now

    @property
    def deadline(self) -> float:
        return self._epoch + (self._tick + 1) * TICK

    def take(self, now: float) -> Due:
        """The ticks that are due at `now`."""
        newest = int((now - self._epoch) / TICK + 1e-6)
        late = newest - self._tick
        missed = max(0, -(-(late - MAX_CATCH_UP_FRAMES * GROUPS) // GROUPS))
        ticks = range(self._tick + 1 + missed * GROUPS, newest + 1)
        gap = now - self._last
        self._tick, self._last = max(newest, self._tick), now
        return Due(ticks, missed, gap if gap > STALL else 0.0)


WINDOW = 0.1
BUSY_RATE = 1000
FULL_RATE = 5000
DEEP_DRAIN = 64


class Linger:
    """How long to leave the sockets alone before the next drain, so that one wake-up serves many packets."""

    def __init__(self) -> None:
        self._window_end = 0.0
        self._count = 0
        self._pause = 0.0

    def pause(self, packets: int, now: float) -> float:
        """Seconds to wait after a drain of `packets`: nothing when idle, 1-2 ms once the rate is high."""
        self._count += packets
        if now >= self._window_end:
            rate = self._count / (WINDOW + max(0.0, now - self._window_end))
            self._pause = 0.002 if rate > FULL_RATE else 0.001 if rate > BUSY_RATE else 0.0
            self._window_end = now + WINDOW
            self._count = 0
        return 0.0 if packets > DEEP_DRAIN else self._pause
