"""What passes between a client's stream and the device that owns it."""

from dataclasses import dataclass
from typing import TypeAlias

from actors.signaling.messages import (
    Close,
    Connected,
    Envelope,
    Listen,
    Offline,
    Problem,
    Register,
    Registered,
)


@dataclass(frozen=True, slots=True)
class Lost:
    """The socket that was open is gone; `code` is the WebSocket close code, if one came."""

    reason: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Unsent:
    """No socket to send it on; `is_queued` if it goes out on the next one, else it is dropped."""

    message: Envelope | Register
    is_queued: bool


@dataclass(frozen=True, slots=True)
class Malformed:
    """The gateway sent what cannot be read; `kind` is the message type, if it was read."""

    reason: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Close the socket and end the stream."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Fault: the transport is closed without a word to the gateway."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Fault: nothing is read or written any more; the socket stays open."""


StreamRequest: TypeAlias = Envelope | Listen | Register | Leave | Cut | Stall
"""What the device posts to its stream. `Listen` replaces the token, at once on an open socket."""

StreamEvent: TypeAlias = (
    Connected | Registered | Offline | Problem | Close | Envelope | Lost | Unsent | Malformed
)
"""What the stream posts to its device, in the order in which it happened."""
