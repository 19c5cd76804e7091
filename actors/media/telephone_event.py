"""Digits as telephone-events (RFC 4733): a sender in 20 ms steps and a reader."""

import struct
from collections import deque
from dataclasses import dataclass
from typing import Final

from actors.media.datagram import InvalidDatagram

DIGITS: Final = "0123456789*#ABCD"
STEPS_A_SECOND = 50
TONE_STEPS = 8
GAP_STEPS = 4
"""80 ms: the 70 ms wanted, rounded up to whole frames."""
WAIT_STEPS = 25
END_REPEATS = 2
MAX_QUEUED_DIGITS = 256
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

    __slots__ = ("_digits", "_step", "_ticks", "is_speaking")

    def __init__(self, clock_rate: int) -> None:
        self._digits: deque[str] = deque()
        self._ticks = clock_rate // STEPS_A_SECOND
        self._step = 0
        self.is_speaking = False

    def add(self, digits: str) -> None:
        """Queue digits; `w` waits 500 ms. What is not a digit, or beyond `MAX_QUEUED_DIGITS`, is left out."""
        room = MAX_QUEUED_DIGITS - len(self._digits)
        self._digits.extend([d for d in digits.upper() if d in DIGITS or d == "W"][:room])

    @property
    def is_idle(self) -> bool:
        return not self._digits

    def step(self) -> EventStep | None:
        """The next 20 ms: an event to send, or None for a gap or a wait."""
        if not self._digits:
            self.is_speaking = False
            return None
        digit = self._digits[0]
        self._step += 1
        self.is_speaking = digit != "W"
        step = self._step
        if step >= (WAIT_STEPS if digit == "W" else TONE_STEPS + GAP_STEPS):
            self._digits.popleft()
            self._step = 0
        if digit == "W" or step > TONE_STEPS:
            return None
        is_end = step == TONE_STEPS
        payload = _event.pack(DIGITS.index(digit), VOLUME | (_END_BIT if is_end else 0), step * self._ticks)
        return EventStep(payload, step == 1, 1 + END_REPEATS if is_end else 1)
