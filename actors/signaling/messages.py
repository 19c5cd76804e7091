"""What the two ends of a call say to each other, as the call layer sees it.

One family serves both roles: what the client's call sends is what the gateway's call receives.
`schema` turns these into wire JSON and back; ids travel in the `Envelope`, so a call's machine
need not know under which id its peer speaks of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class WireError:
    """`{code, message}` as carried by `hangup` and `error`."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Invite:
    """Client to gateway: a new call with its SDP offer and custom parameters."""

    sdp: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resume:
    """Client to gateway: `invite` with a reconnect token; `sdp` is the current local description."""

    sdp: str = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """Gateway to client: `invite` of an incoming call."""

    sdp: str = field(repr=False)
    parameters: Mapping[str, str]
    reconnect: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Ringing:
    """Gateway to client: the callee is alerted; with `sdp`, early media."""

    sdp: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Either way: the call, a `Reinvite` or a `Resume` is answered."""

    sdp: str | None = field(default=None, repr=False)
    reconnect: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Gateway to client: stop ringing."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """Either way: the call has ended; `message` only for a client's fatal media error."""

    error: WireError | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Client to gateway: the callee declines."""


@dataclass(frozen=True, slots=True)
class Reinvite:
    """Client to gateway: an ICE restart offer."""

    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Digits:
    """Client to gateway: digits for which the client has no RFC 4733 sender; `w` is 500 ms."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserMessage:
    """Either way: a call message; `content` is any JSON value."""

    content: Any = field(repr=False)
    message_type: str
    voice_event_sid: str
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Ack:
    """Gateway to client: the call message was accepted."""

    voice_event_sid: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Gateway to client: the call message was refused."""

    voice_event_sid: str
    error: WireError


CallMessage: TypeAlias = (
    Invite
    | Resume
    | Offer
    | Ringing
    | Answer
    | Cancel
    | Hangup
    | Reject
    | Reinvite
    | Digits
    | UserMessage
    | Ack
    | Refusal
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A call message and the id it goes under: CallSid, temporary id, or none (`hangup` of everything)."""

    call_sid: str | None
    body: CallMessage


@dataclass(frozen=True, slots=True)
class Listen:
    """Client to gateway: authenticate; how long to keep a call whose socket vanished."""

    token: str = field(repr=False)
    reconnect_timeout: float = 0.0
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Connected:
    """Gateway to client: authenticated; `ttl` is the token's remaining life in seconds."""

    identity: str
    ttl: float
    edge: str | None = None
    region: str | None = None
    home: str | None = None
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """Client to gateway: ring me (`audio`), or no longer."""

    audio: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """Gateway to client: `ready`."""


@dataclass(frozen=True, slots=True)
class Offline:
    """Gateway to client: no longer registered."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Gateway to client: `error` that concerns the session, not one call message."""

    error: WireError
    call_sid: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Gateway to client: go away and stay away."""


SessionMessage: TypeAlias = Listen | Connected | Register | Registered | Offline | Problem | Close
Message: TypeAlias = SessionMessage | Envelope
