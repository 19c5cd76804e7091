"""When a child is restarted, after which delay, and when to give up. Pure: no clock, no random."""

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, assert_never


class Restart(Enum):
    """Which ends of a child lead to a restart (the words are OTP's)."""

    PERMANENT = "permanent"
    """Always restarted, after a normal return as well."""
    TRANSIENT = "transient"
    """Restarted after a crash; a normal return finishes it."""
    TEMPORARY = "temporary"
    """Never restarted."""


class GiveUp(Enum):
    """Why a child is not restarted."""

    FINISHED = "finished"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds between an end and the restart.

    The first restart of a streak waits `initial`, then `minimum`, growing by `factor` each time.
    `jitter` (0..1) spreads a delay by that share to both sides. No delay is longer than `maximum`.
    """

    initial: float = 0.0
    minimum: float = 0.1
    maximum: float = 20.0
    factor: float = 2.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        delays = (self.initial, self.minimum, self.maximum)
        if not all(math.isfinite(delay) and delay >= 0 for delay in delays):
            raise ValueError("delays must be finite and not negative")
        if not (math.isfinite(self.factor) and self.factor >= 1):
            raise ValueError("factor must be finite and at least 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter must be within 0..1")

    def delay(self, restart: int, roll: float) -> float:
        """Seconds before restart `restart` (from 0) of a streak; `roll` in [0, 1) places the jitter."""
        nominal = self._nominal(restart)
        return min(nominal + (2 * roll - 1) * self.jitter * nominal, self.maximum)

    def _nominal(self, restart: int) -> float:
        if restart == 0:
            return min(self.initial, self.maximum)
        try:
            grown = self.minimum * float(self.factor) ** (restart - 1)
        except OverflowError:  # a streak of a thousand: far beyond any maximum
            return self.maximum if self.minimum else 0.0
        return min(grown, self.maximum)


@dataclass(frozen=True, slots=True)
class History:
    """What a policy remembers of one child between two decisions.

    `crashes` are the times of the ends that were answered by a restart, oldest first; those of a permanent
    child's normal returns are among them. `streak` counts the restarts since the child last was ready.
    """

    crashes: tuple[float, ...] = ()
    streak: int = 0


@dataclass(frozen=True, slots=True)
class RestartAfter:
    """Start the next incarnation in `delay` seconds and keep `history` for the next decision."""

    delay: float
    history: History


Decision: TypeAlias = RestartAfter | GiveUp


@dataclass(frozen=True, slots=True)
class Policy:
    """The restart rules of one child.

    `intensity` is the number of restarts allowed within `period` seconds, None for no limit. The window is
    half open: a restart exactly `period` seconds ago no longer counts.
    """

    restart: Restart = Restart.PERMANENT
    intensity: int | None = 1
    period: float = 5.0
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        if self.intensity is not None and self.intensity < 0:
            raise ValueError("intensity must not be negative")
        if not self.period > 0:
            raise ValueError("period must be positive")

    def decide(
        self, history: History, *, crashed: bool, uptime: float | None, now: float, roll: float
    ) -> Decision:
        """Whether a child that ended at `now` comes back.

        `uptime`: for how many seconds it had been ready, None if it never was; only an incarnation that was
        ready ends the streak of growing delays. `roll` in [0, 1) places the jitter.
        """
        if not self._wants_restart(crashed):
            return GiveUp.FINISHED
        recent = tuple(at for at in history.crashes if now - at < self.period)
        if self.intensity is not None and len(recent) >= self.intensity:
            return GiveUp.EXHAUSTED
        restart = history.streak if uptime is None else 0
        crashes = () if self.intensity is None else (*recent, now)  # no limit: nothing worth remembering
        return RestartAfter(self.backoff.delay(restart, roll), History(crashes, restart + 1))

    def _wants_restart(self, crashed: bool) -> bool:
        match self.restart:
            case Restart.PERMANENT:
                return True
            case Restart.TRANSIENT:
                return crashed
            case Restart.TEMPORARY:
                return False
            case _:
                assert_never(self.restart)
