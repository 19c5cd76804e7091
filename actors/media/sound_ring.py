"""Samples on their way between the thread of a sound device and the loop. Neither ever waits."""

import numpy as np

from actors.media.codec import Samples


class SampleRing:
    """A bounded queue for one writer and one reader, each in a thread of its own, without a lock.

    Each side changes only its own count. `overflowed` counts samples that found no room; they are lost.
    """

    __slots__ = ("_has_read", "_has_written", "_samples", "overflowed")

    def __init__(self, capacity: int) -> None:
        self._samples: Samples = np.zeros(capacity, np.int16)
        self._has_written = 0
        self._has_read = 0
        self.overflowed = 0

    def __len__(self) -> int:
        return self._has_written - self._has_read

    def write(self, samples: Samples) -> None:
        """Take as many as there is room for."""
        capacity = self._samples.size
        size = min(samples.size, capacity - len(self))
        self.overflowed += samples.size - size
        at = self._has_written % capacity
        first = min(size, capacity - at)
        self._samples[at : at + first] = samples[:first]
        self._samples[: size - first] = samples[first:size]
        self._has_written += size  # last: the reader may take them now

    def read_into(self, out: Samples) -> int:
        """Fill the beginning of `out` with what there is; how much that was."""
        capacity = self._samples.size
        size = min(out.size, len(self))
        at = self._has_read % capacity
        first = min(size, capacity - at)
        out[:first] = self._samples[at : at + first]
        out[first:size] = self._samples[: size - first]
        self._has_read += size
        return size

    def skip(self, count: int) -> None:
        """Leave the oldest out."""
        self._has_read += min(count, len(self))


class Cushion:
    """Reads a ring by a clock that is not its writer's.

    Begins once `target` samples wait, and again after it ran dry; when more than `limit` wait, it goes on
    with the newest `target`. `underflowed` counts how often it ran dry, `skipped` the samples left out.
    """

    __slots__ = ("_is_begun", "_limit", "_target", "ring", "skipped", "underflowed")

    def __init__(self, ring: SampleRing, target: int, limit: int) -> None:
        self.ring = ring
        self._target = target
        self._limit = limit
        self._is_begun = False
        self.skipped = 0
        self.underflowed = 0

    def read_into(self, out: Samples) -> None:
        """Fill all of `out`, with silence where there is nothing."""
        ring, waiting = self.ring, len(self.ring)
        if not self._is_begun:
            if waiting < self._target:
                out[:] = 0
                return
            self._is_begun = True
        if waiting > self._limit:
            ring.skip(waiting - self._target)
            self.skipped += waiting - self._target
        size = ring.read_into(out)
        if size < out.size:
            out[size:] = 0
            self._is_begun = False
            self.underflowed += 1
