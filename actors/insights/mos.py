"""Mean opinion score from network figures: the E-model in the simplified form that voice clients use."""

import math
from typing import TypeGuard

R_BEST = 94.768
LOSS_WEIGHT = 2.5
R_WORST_USABLE = 6.52
PROCESSING_MS = 10.0
KNEE_MS = 160.0
UNUSABLE_MS = 1000.0


def mean_opinion_score(
    rtt_ms: float | None, jitter_ms: float | None, loss_percent: float | None
) -> float | None:
    """1.0 (unusable) to about 4.43; None unless every figure is a finite number of at least 0.

    Args:
        rtt_ms: round-trip time in milliseconds.
        jitter_ms: RFC 3550 interarrival jitter in milliseconds.
        loss_percent: packets lost of those expected, 0..100.
    """
    if not (_is_figure(rtt_ms) and _is_figure(jitter_ms) and _is_figure(loss_percent)):
        return None
    return _score(_rating(rtt_ms + 2 * jitter_ms + PROCESSING_MS, loss_percent))


def _rating(latency_ms: float, loss_percent: float) -> float:
    """R-factor: falls slowly up to 160 ms, then steeply; each percent lost costs 2.5."""
    if latency_ms < KNEE_MS:
        r = R_BEST - latency_ms / 40
    elif latency_ms < UNUSABLE_MS:
        r = R_BEST - (latency_ms - 120) / 10
    else:
        r = 0.0
    if loss_percent > r / LOSS_WEIGHT:
        return 0.0
    return max(r - LOSS_WEIGHT * loss_percent, R_WORST_USABLE)


def _score(r: float) -> float:
    """ITU-T G.107 annex B."""
    return 1 + 0.035 * r + 0.000007 * r * (r - 60) * (100 - r)


def _is_figure(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value) and value >= 0
