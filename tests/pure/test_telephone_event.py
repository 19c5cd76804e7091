"""Digits as telephone-events: each told once, whatever is lost or repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.media.datagram import InvalidDatagram
from actors.media.telephone_event import (
    DIGITS,
    MAX_QUEUED_DIGITS,
    DigitReader,
    DigitSender,
    EventPayload,
    parse_untrusted,
)

pytestmark = pytest.mark.pure

TICKS = 160


def play(digits: str) -> list[EventPayload | None]:
    sender = DigitSender()
    sender.add(digits)
    steps = []
    while sender.is_active:
        step = sender.step(TICKS)
        steps.append(None if step is None else parse_untrusted(step.payload))
    return steps


def test_a_digit_lasts_160_ms_and_is_followed_by_a_gap() -> None:
    steps = play("5")
    events = [step for step in steps if step is not None]
    assert [event.duration for event in events] == [160 * n for n in range(1, 9)]
    assert [event.is_end for event in events] == [False] * 7 + [True]
    assert steps[8:] == [None] * 5


def test_end_is_sent_three_times_and_only_the_first_packet_begins() -> None:
    sender = DigitSender()
    sender.add("5")
    steps = [step for _ in range(20) if (step := sender.step(TICKS)) is not None]
    assert [step.copies for step in steps] == [1] * 7 + [3]
    assert [step.is_first for step in steps] == [True] + [False] * 7


def test_wait_lasts_half_a_second_and_lets_audio_through() -> None:
    sender = DigitSender()
    sender.add("w")
    speaking = []
    while sender.is_active:
        assert sender.step(TICKS) is None
        speaking.append(sender.is_speaking)
    assert speaking == [False] * 25


def test_all_sixteen_digits_and_nothing_else() -> None:
    played = [event.digit for event in play("0123x456789*#abcd ") if event and event.is_end]
    assert "".join(played) == DIGITS


def test_queue_is_bounded() -> None:
    sender = DigitSender()
    sender.add("1" * (MAX_QUEUED_DIGITS + 50))
    sender.add("2")
    ended = 0
    while sender.is_active:
        step = sender.step(TICKS)
        ended += step is not None and step.copies > 1
    assert ended == MAX_QUEUED_DIGITS


def test_repeated_end_is_told_once() -> None:
    reader = DigitReader()
    end = EventPayload("1", 1280, is_end=True)
    told = [reader.read(end, 9, 1000, 0.0) for _ in range(3)]
    assert told == [[end], [], []]


def test_late_packet_of_an_older_event_is_ignored() -> None:
    reader = DigitReader()
    reader.read(EventPayload("1", 1280, is_end=True), 9, 1000, 0.0)
    reader.read(EventPayload("2", 1280, is_end=True), 9, 3000, 0.2)
    assert reader.read(EventPayload("1", 1280, is_end=True), 9, 1000, 0.3) == []


def test_event_whose_end_was_lost_is_told_by_the_next_or_by_time() -> None:
    reader = DigitReader()
    one, two = EventPayload("1", 960, is_end=False), EventPayload("2", 160, is_end=False)
    assert reader.read(one, 9, 1000, 0.0) == []
    assert reader.read(two, 9, 3000, 0.2) == [one]
    assert reader.expire(0.3) == []
    assert reader.expire(0.6) == [two]
    assert reader.expire(9.0) == []


def test_events_that_are_no_digits_are_none() -> None:
    assert parse_untrusted(bytes((16, 0, 0, 0))) is None


@given(st.binary(max_size=8))
def test_only_the_protocol_error_is_raised(payload: bytes) -> None:
    try:
        parse_untrusted(payload)
    except InvalidDatagram:
        assert len(payload) < 4
