"""Where a process spends its CPU: stacks sampled by a CPU timer, or every call counted."""

import cProfile
import linecache
import pstats
import signal
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

from benchmarks.messages import ProfileEntry

ROOT: Final = Path(__file__).resolve().parents[1]
MAX_ENTRIES: Final = 60
MAX_SOURCE: Final = 60


class Sampler:
    """Samples the main thread's stack each time the process has used so much CPU.

    A C function counts as the line that calls it.
    """

    def __init__(self, hz: int) -> None:
        self._interval = 1.0 / hz
        self._own: Counter[tuple[str, int, str]] = Counter()
        self._total: Counter[tuple[str, int, str]] = Counter()

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, self._interval, self._interval)

    def stop(self) -> tuple[ProfileEntry, ...]:
        """Lines by their own CPU, the most expensive first."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        return tuple(
            ProfileEntry(_describe(place), count, count * self._interval, self._total[place] * self._interval)
            for place, count in self._own.most_common(MAX_ENTRIES)
        )

    def _sample(self, _: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self._own[_place(frame)] += 1
        places = set()
        while frame is not None:
            places.add(_place(frame))
            frame = frame.f_back
        self._total.update(places)


class CallCounter:
    """Counts every call through cProfile: exact counts, of system calls too, and much distorted times."""

    def __init__(self) -> None:
        self._profile = cProfile.Profile()

    def start(self) -> None:
        self._profile.enable()

    def stop(self) -> tuple[ProfileEntry, ...]:
        """Functions by their own time, the most expensive first."""
        self._profile.disable()
        stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = vars(
            pstats.Stats(self._profile)
        )["stats"]
        entries = [
            ProfileEntry(f"{_short(file)}:{line} {name}" if line else name, count, own, total)
            for (file, line, name), (_, count, own, total, _) in stats.items()
        ]
        return tuple(sorted(entries, key=lambda entry: -entry.seconds)[:MAX_ENTRIES])


def open_profiler(hz: int) -> Sampler | CallCounter:
    return Sampler(hz) if hz else CallCounter()


def _place(frame: FrameType) -> tuple[str, int, str]:
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname


def _describe(place: tuple[str, int, str]) -> str:
    file, line, name = place
    source = linecache.getline(file, line).strip()[:MAX_SOURCE]
    return f"{_short(file)}:{line} {name}: {source}"


def _short(file: str) -> str:
    path = Path(file)
    if path.is_relative_to(ROOT):
        return path.relative_to(ROOT).as_posix()
    return "/".join(path.parts[-2:])
