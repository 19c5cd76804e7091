"""Stamps events into records and publishes them: one journal for each source of events."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

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
        self.call_sid: str | None = None
        self.channel = channel
        self.clock = clock
        self._seq = 0

    def publish(
        self, event: Event, *, actor: str = "", identity: str | None = None, caused_by: str | None = None
    ) -> Record:
        """Stamp and publish; `identity` where it is not the source's own."""
        self._seq += 1
        record = Record(
            source=self.source,
            seq=self._seq,
            at=self.clock.now(),
            wall=self.clock.wall(),
            event=event,
            actor=actor,
            call_sid=self.call_sid,
            identity=identity or self.identity,
            caused_by=caused_by,
        )
        self.channel.publish(record)
        return record


def reason_of(error: BaseException | None) -> str:
    """What an actor ended with, in words; a permanent one may have ended without an error."""
    return f"{type(error).__name__}: {error}" if error is not None else "it returned"


def place_of(error: BaseException) -> str:
    """Where an error was raised, as `file.py:line in function`; empty for one that was never raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    innermost = frames[-1]
    return f"{PurePath(innermost.filename).name}:{innermost.lineno} in {innermost.name}"
