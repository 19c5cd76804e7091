"""Digits as telephone-events (RFC 4733): a sender in 20 ms steps and a reader."""

import struct
from collections import deque
from dataclasses import dataclass
from typing import Final

from actors.media.datagram import InvalidDatagram

DIGITS: Final = "0123456789*#ABCD"
TONE_STEPS = 8
GAP_STEPS = 4
"""80 ms: the 70 ms wanted, rounded up to whole frames."""
WAIT_STEPS = 25
END_REPEATS = 2
MAX_QUEUED_DIGITS = 256
LOST_END = 0.3
"""Seconds after an event's last packet when it has ended though no packet said so."""
VOLUME = 10
"""In -dBm0."""

_event = struct.Struct("!BBH")
_END_BIT = 0x80


@dataclass(frozen=True, slots=True)
class EventPayload:
    """A telephone-event's payload; `duration` in ticks of the RTP clock."""

    digit: str
    duration: int
    is_end: bool


def parse_untrusted(payload: bytes) -> EventPayload | None:
    """Read a telephone-event; None for an event that is not a digit. Raises `InvalidDatagram`."""
    if len(payload) < _event.size:
        raise InvalidDatagram("telephone_event_length")
    event, flags, duration = _event.unpack_from(payload)
    if event >= len(DIGITS):
        return None
    return EventPayload(DIGITS[event], duration, bool(flags & _END_BIT))


@dataclass(frozen=True, slots=True)
class EventStep:
    """What to send in one step; `is_first` starts a new timestamp and carries the marker."""

    payload: bytes
    is_first: bool
    copies: int


class DigitSender:
    """Turns a row of digits into one step each 20 ms. While `is_speaking`, audio is left out."""

    __slots__ = ("_digits", "_step", "is_speaking")

    def __init__(self) -> None:
        self._digits: deque[str] = deque()
        self._step = 0
        self.is_speaking = False

    def add(self, digits: str) -> None:
        """Queue digits; `w` waits 500 ms. What is not a digit, or beyond `MAX_QUEUED_DIGITS`, is left out."""
        room = MAX_QUEUED_DIGITS - len(self._digits)
        self._digits.extend([d for d in digits.upper() if d in DIGITS or d == "W"][:room])

    @property
    def is_active(self) -> bool:
        return bool(self._digits) or self.is_speaking

    def step(self, ticks: int) -> EventStep | None:
        """The next 20 ms, `ticks` of the RTP clock: an event to send, or None for a gap or a wait."""
        if not self._digits:
            self.is_speaking = False
            return None
        digit = self._digits[0]
        is_wait = digit == "W"
        self.is_speaking = not is_wait
        self._step += 1
        step = self._step
        if step >= (WAIT_STEPS if is_wait else TONE_STEPS + GAP_STEPS):
            self._digits.popleft()
            self._step = 0
        if is_wait or step > TONE_STEPS:
            return None
        is_end = step == TONE_STEPS
        payload = _event.pack(DIGITS.index(digit), VOLUME | (_END_BIT if is_end else 0), step * ticks)
        return EventStep(payload, step == 1, 1 + END_REPEATS if is_end else 1)


class DigitReader:
    """Each event once, however many packets tell of it: they share SSRC and timestamp (section 2.5.1.2)."""

    __slots__ = ("_key", "_pending", "_told_at")

    def __init__(self) -> None:
        self._key: tuple[int, int] | None = None
        self._pending: EventPayload | None = None
        self._told_at = 0.0

    def read(self, event: EventPayload, ssrc: int, timestamp: int, now: float) -> list[EventPayload]:
        """The events that have ended with this packet."""
        ended = []
        if (ssrc, timestamp) != self._key:
            if self._key is not None and self._key[0] == ssrc and _is_older(timestamp, self._key[1]):
                return []
            ended = self._end()
            self._key = ssrc, timestamp
            self._pending = event
        elif self._pending is None:
            return []
        self._pending = event
        self._told_at = now
        return ended + (self._end() if event.is_end else [])

    def expire(self, now: float) -> list[EventPayload]:
        """The event whose end was lost, once nothing more is told of it."""
        return self._end() if self._pending is not None and now - self._told_at > LOST_END else []

    def _end(self) -> list[EventPayload]:
        ended = [] if self._pending is None else [self._pending]
        self._pending = None
        return ended


def _is_older(timestamp: int, than: int) -> bool:
    return (timestamp - than) & 0x80000000 != 0
