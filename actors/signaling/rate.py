"""A token bucket: how many messages a peer may send."""

from dataclasses import dataclass, replace

MAX_MESSAGES_PER_SECOND = 50.0
MAX_MESSAGE_BURST = 200.0
COMPLAINT_INTERVAL = 1.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`level` messages may come at once as of `at`; no complaint is due before `complain_at`."""

    at: float
    level: float = MAX_MESSAGE_BURST
    per_second: float = MAX_MESSAGES_PER_SECOND
    burst: float = MAX_MESSAGE_BURST
    complain_at: float = 0.0


def take(limit: RateLimit, now: float) -> tuple[RateLimit, bool]:
    """Count one message; False if it is one too many."""
    level = min(limit.level + (now - limit.at) * limit.per_second, limit.burst)
    if level < 1.0:
        return replace(limit, at=now, level=level), False
    return replace(limit, at=now, level=level - 1.0), True


def complain(limit: RateLimit, now: float) -> tuple[RateLimit, bool]:
    """True if the peer is to be told: once a second, lest the answers be a flood as well."""
    if now < limit.complain_at:
        return limit, False
    return replace(limit, complain_at=now + COMPLAINT_INTERVAL), True
