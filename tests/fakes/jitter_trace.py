"""A bad network as a trace: which packets of a call are lost, and how long the others were on their way.

`tests/data/jitter_trace.txt` has a line for each 20 ms packet: its delay in milliseconds, or `lost`. It was
made by `generate(seed=20240612)`: loss after Gilbert and Elliott, queueing as a walk, and now and then a
stall after which all that was held up comes at once.
"""

import random
from collections.abc import Iterator
from pathlib import Path

TRACE = Path(__file__).parents[1] / "data" / "jitter_trace.txt"
SEED = 20240612
PACKETS = 3000
STALL = 0.15
STALL_PACKETS = (700, 1500, 2300)
GOOD_TO_BAD, BAD_TO_GOOD = 0.01, 0.4
LOSS_GOOD, LOSS_BAD = 0.002, 0.5


def generate(seed: int = SEED, packets: int = PACKETS) -> Iterator[float | None]:
    """Milliseconds, or None for a packet that is lost."""
    rolls = random.Random(seed)
    is_bad, queue, held_until = False, 0.0, 0.0
    for number in range(packets):
        sent = 20.0 * number
        is_bad = rolls.random() < (1 - BAD_TO_GOOD if is_bad else GOOD_TO_BAD)
        queue = min(60.0, max(0.0, 0.7 * queue + rolls.gauss(1.0, 4.0) * (3 if is_bad else 1)))
        if number in STALL_PACKETS:
            held_until = sent + 1000 * STALL
        delay = max(20.0 + queue, held_until + 20.0 - sent)
        is_lost = rolls.random() < (LOSS_BAD if is_bad else LOSS_GOOD)
        yield None if is_lost else round(delay, 1)


def read_trace() -> list[float | None]:
    """In milliseconds, in order; None for what is lost."""
    return [None if line == "lost" else float(line) for line in TRACE.read_text().split()]
