"""Which CPU the server has to itself, and which the others use."""

import os
from dataclasses import dataclass
from pathlib import Path

TOPOLOGY = Path("/sys/devices/system/cpu")


@dataclass(frozen=True, slots=True)
class Placing:
    """`server` and `generator` are None where there is one CPU only; `is_shared`: two threads of one core."""

    server: int | None
    generator: int | None
    is_shared: bool


def place(cpus: frozenset[int], siblings: frozenset[int]) -> Placing:
    """The last of `cpus` is the server's (`siblings` share its core); the generator keeps off its core."""
    if len(cpus) < 2:
        return Placing(None, None, is_shared=True)
    server = max(cpus)
    rest = cpus - {server}
    free = rest - siblings
    return Placing(server, min(free or rest), is_shared=not free)


def place_here() -> Placing:
    """For the CPUs that this process may use."""
    cpus = frozenset(os.sched_getaffinity(0))
    return place(cpus, siblings_of(max(cpus)))


def siblings_of(cpu: int) -> frozenset[int]:
    """The hardware threads of `cpu`'s core; empty if the kernel does not tell."""
    try:
        text = (TOPOLOGY / f"cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return frozenset()
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def pin(cpu: str) -> None:
    """Keep this process and its children to come on `cpu`, unless that is empty."""
    if cpu:
        os.sched_setaffinity(0, {int(cpu)})
