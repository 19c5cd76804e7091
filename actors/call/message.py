"""Call messages as applications see them."""

from dataclasses import dataclass
from typing import Any

from actors.errors import InvalidArgumentError
from actors.ids import new_voice_event_sid
from actors.signaling.messages import UserMessage


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a call.

    Args:
        content: any JSON value but null.
        message_type: for instance `user-defined-message`.
        content_type: a MIME type; `application/json` where none is given.
        voice_event_sid: the message's id; made when it is sent.
    """

    content: Any
    message_type: str
    content_type: str | None = None
    voice_event_sid: str | None = None


def wire_message(message: Message) -> UserMessage:
    """What goes over the wire for `message`.

    Raises:
        InvalidArgumentError: no content, or no message type.
    """
    if message.content is None:
        raise InvalidArgumentError("a message needs content")
    if not isinstance(message.message_type, str):
        raise InvalidArgumentError("message_type must be a string")
    if not message.message_type:
        raise InvalidArgumentError("message_type must not be empty")
    return UserMessage(
        content=message.content,
        message_type=message.message_type,
        voice_event_sid=message.voice_event_sid or new_voice_event_sid(),
        content_type=message.content_type or "application/json",
    )
