"""When a call warns of its quality: thresholds as data, and the names of the warnings."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Comparator(StrEnum):
    """How a stat is judged. Bounds count values beyond the limit, averages need a full window.

    `maxDuration` is of consecutive samples with one value, `minStandardDeviation` of the audio levels.
    """

    MAX = "max"
    MIN = "min"
    MAX_AVERAGE = "maxAverage"
    MIN_AVERAGE = "minAverage"
    MAX_DURATION = "maxDuration"
    MIN_STANDARD_DEVIATION = "minStandardDeviation"


PREFIXES: Final = {
    Comparator.MAX: "high",
    Comparator.MAX_AVERAGE: "high",
    Comparator.MIN: "low",
    Comparator.MIN_AVERAGE: "low",
    Comparator.MAX_DURATION: "constant",
    Comparator.MIN_STANDARD_DEVIATION: "constant",
}
RAISE_COUNT: Final = 3
CLEAR_COUNT: Final = 0
SHORTEST_WINDOW: Final = 5


@dataclass(frozen=True, slots=True)
class Threshold:
    """One row of the table of warnings.

    Args:
        stat: name of the sample's field.
        comparator: how it is judged.
        limit: what it may not exceed, or fall below.
        sample_count: how many samples count; None for as many as are kept.
        raise_count: at least so many values beyond the limit raise the warning.
        clear_count: at most so many let it be cleared.
        clear_value: what an average must come back to; None for the limit.
        subject: what the warning calls the stat; empty for the stat's own name.
    """

    stat: str
    comparator: Comparator
    limit: float
    sample_count: int | None = None
    raise_count: int = RAISE_COUNT
    clear_count: int = CLEAR_COUNT
    clear_value: float | None = None
    subject: str = ""

    @property
    def warning(self) -> str:
        """The warning's name, as in `high-packet-loss`."""
        subject = self.subject or re.sub(r"[A-Z]", lambda letter: f"-{letter[0].lower()}", self.stat)
        return f"{PREFIXES[self.comparator]}-{subject}"


LEVEL_DEVIATION: Final = 327.67
"""One percent of full scale."""
THRESHOLDS: Final = (
    Threshold("audioInputLevel", Comparator.MIN_STANDARD_DEVIATION, LEVEL_DEVIATION, 10),
    Threshold("audioOutputLevel", Comparator.MIN_STANDARD_DEVIATION, LEVEL_DEVIATION, 10),
    Threshold("bytesReceived", Comparator.MIN, 1, 3, clear_count=2),
    Threshold("bytesSent", Comparator.MIN, 1, 3, clear_count=2),
    Threshold("jitter", Comparator.MAX, 30),
    Threshold("mos", Comparator.MIN, 3),
    Threshold("packetsLostFraction", Comparator.MAX, 1, subject="packet-loss"),
    Threshold("packetsLostFraction", Comparator.MAX_AVERAGE, 3, 7, clear_value=1),
    Threshold("rtt", Comparator.MAX, 400),
)
"""In the order in which they are looked at."""

CONSTANT_INPUT: Final = "constant-audio-input-level"
CONSTANT_OUTPUT: Final = "constant-audio-output-level"


def window_of(thresholds: Iterable[Threshold]) -> int:
    """How many samples have to be kept."""
    return max((SHORTEST_WINDOW, *(row.sample_count or 0 for row in thresholds)))
