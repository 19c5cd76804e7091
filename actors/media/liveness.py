"""Whether a leg's peer is still there: the verdict behind `PathUp` and `PathLost`."""

from enum import Enum

LOST_AFTER = 2.0
"""Seconds without anything valid from the peer."""
UP_WITHIN = 8.0
"""Seconds that a negotiated leg has for its first media."""


class Phase(Enum):
    IDLE = "idle"
    WAITING = "waiting"
    FLOWING = "flowing"
    LOST = "lost"


class Liveness:
    """`heard_at` is when the last authenticated datagram came; the engine writes it directly."""

    __slots__ = ("heard_at", "phase")

    def __init__(self) -> None:
        self.phase = Phase.IDLE
        self.heard_at = 0.0

    @property
    def is_flowing(self) -> bool:
        return self.phase is Phase.FLOWING

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to say, unless something is heard before."""
        if self.phase is Phase.WAITING:
            return self._waiting_since + UP_WITHIN
        return self.heard_at + LOST_AFTER if self.phase is Phase.FLOWING else None

    def negotiate(self, now: float) -> None:
        """A media session begins."""
        self.phase = Phase.WAITING
