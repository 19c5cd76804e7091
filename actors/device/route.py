"""Which of a device's gateways is tried next, and when at the earliest. Pure."""

from dataclasses import dataclass, replace

from actors.device.options import DeviceOptions

RETRY_AFTER_PATIENCE = 75.0


@dataclass(frozen=True, slots=True)
class Route:
    """The gateways in their order, and the one to try next.

    An attempt that no gateway accepts leads to the next one. While calls hang on the preferred gateway
    (`is_settled`), that one alone is tried for a while after its loss.

    Args:
        addresses: `host:port` of each, the preferred first.
        patience: seconds from the loss for which a settled device tries the preferred one.
        retry_after: seconds from the next loss for which the gateway does not want to see us.
        is_trying: the newest attempt has not been accepted.
        prefer_until: when patience ends.
        due: nothing is tried before.
    """

    addresses: tuple[str, ...]
    patience: float = 0.0
    index: int = 0
    is_settled: bool = False
    retry_after: float | None = None
    is_trying: bool = False
    prefer_until: float | None = None
    due: float = 0.0

    @classmethod
    def of(cls, options: DeviceOptions) -> "Route":
        return cls(options.addresses, options.signaling_patience)

    def attempt(self) -> "Route":
        """A new attempt begins."""
        step = 1 if self.is_trying else 0
        return replace(self, index=(self.index + step) % len(self.addresses), is_trying=True)

    def accepted(self) -> "Route":
        """A gateway has accepted us."""
        return replace(self, is_trying=False, prefer_until=None, retry_after=None)

    def lost(self, now: float) -> "Route":
        """The socket is gone; of a streak of losses the first counts."""
        if not self.is_settled or self.prefer_until is not None:
            return self
        wait = self.retry_after
        if wait is None:
            return replace(self, prefer_until=now + self.patience)
        return replace(self, prefer_until=now + RETRY_AFTER_PATIENCE, due=now + wait, retry_after=None)

    def address(self, now: float) -> str:
        """Where to go now."""
        is_preferred = self.is_settled and self.prefer_until is not None and now < self.prefer_until
        return self.addresses[0 if is_preferred else self.index]
