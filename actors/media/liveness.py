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

    __slots__ = ("_negotiated_at", "heard_at", "phase")

    def __init__(self) -> None:
        self.phase = Phase.IDLE
        self.heard_at = 0.0
        self._negotiated_at = 0.0

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to say, unless something is heard before."""
        if self.phase is Phase.WAITING:
            return self._negotiated_at + UP_WITHIN
        return self.heard_at + LOST_AFTER if self.phase is Phase.FLOWING else None

    def negotiate(self, now: float) -> None:
        """A media session begins."""
        self.phase = Phase.WAITING
        self.heard_at = self._negotiated_at = now

    def go_on(self, now: float) -> None:
        """Media flowed in an engine that is gone."""
        self.phase = Phase.FLOWING
        self.heard_at = self._negotiated_at = now

    def take_media(self, now: float) -> bool:
        """Authenticated media came; True when that is news: `PathUp`."""
        self.heard_at = now
        is_news = self.phase in {Phase.WAITING, Phase.LOST}
        if is_news:
            self.phase = Phase.FLOWING
        return is_news

    def expire(self, now: float) -> float | None:
        """The idle seconds when the path is lost now, once: `PathLost`."""
        deadline = self.deadline
        return None if deadline is None or now < deadline else self.fail(now)

    def fail(self, now: float) -> float | None:
        """Nothing valid can come any more; as `expire`."""
        since = self._negotiated_at if self.phase is Phase.WAITING else self.heard_at
        if self.phase not in {Phase.WAITING, Phase.FLOWING}:
            return None
        self.phase = Phase.LOST
        return now - since

    def forgive(self, seconds: float, now: float) -> None:
        """We ourselves did not listen for so long."""
        self.heard_at = min(self.heard_at + seconds, now)
        self._negotiated_at = min(self._negotiated_at + seconds, now)
