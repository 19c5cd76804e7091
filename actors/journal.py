"""Stamps events into records and publishes them: one journal for each source of events."""

from collections.abc import Callable
from dataclasses import dataclass

from actors.events import Event, Record, SharedChannel


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from: `now` is the event loop's monotonic clock, `wall` the time of day."""

    now: Callable[[], float]
    wall: Callable[[], float]


class Journal:
    """One source's place on the shared channel; numbers its records without gaps."""

    def __init__(
        self, source: str, channel: SharedChannel, clock: Clock, identity: str | None = None
    ) -> None:
        self.source = source
        self.identity = identity
        self.channel = channel
        self.clock = clock
        self._seq = 0

    def publish(self, event: Event, *, actor: str = "", caused_by: str | None = None) -> Record:
        self._seq += 1
        record = Record(
            source=self.source,
            seq=self._seq,
            at=self.clock.now(),
            wall=self.clock.wall(),
            event=event,
            actor=actor,
            identity=self.identity,
            caused_by=caused_by,
        )
        self.channel.publish(record)
        return record
