"""Test numbers that answer with call messages, and what passes messages on between two calls."""

from contextlib import suppress

from actors import events
from actors.call import Call, Message
from actors.call.follow import CallEvents
from actors.errors import InvalidStateError

USER_DEFINED = "user-defined-message"


async def digits(call: Call, _: str) -> None:
    """Tell the caller of every digit that it sends."""
    with call.events() as records:
        call.accept()
        async for record in records:
            match record.event:
                case events.DigitReceived(digit, duration_ms):
                    tell(call, Message({"digit": digit, "durationMs": duration_ms}, USER_DEFINED))


async def message(call: Call, _: str) -> None:
    """Send every message back to the caller, as `{"echo": …}` of the same type."""
    with call.events() as records:
        call.accept()
        async for record in records:
            match record.event:
                case events.MessageReceived(_, kind, content_type, content):
                    tell(call, Message({"echo": content}, kind, content_type))


async def relay(records: CallEvents, other: Call) -> None:
    """Pass a call's messages on to another call, until the first has ended.

    Digits that came as a message too: those in the audio are passed on with it.
    """
    async for record in records:
        match record.event:
            case events.MessageReceived(_, kind, content_type, content):
                tell(other, Message(content, kind, content_type))
            case events.DigitReceived(digit, is_signaled=True):
                press(other, digit)


def tell(call: Call, message: Message) -> None:
    """Send a message to a call that may have ended meanwhile."""
    with suppress(InvalidStateError):
        call.send_message(message)


def press(call: Call, digit: str) -> None:
    """Send a digit to a call that may have ended meanwhile."""
    with suppress(InvalidStateError):
        call.send_digits(digit)
