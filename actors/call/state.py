"""A call's frozen state, what can happen to it, and what it asks of its shell.

`LEGAL` is the shape of the machine: the documented statuses and the edges between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from actors.events import CallEvent
from actors.insights.monitor import Change
from actors.media import messages as media
from actors.signaling import messages as wire

MAX_UNACKNOWLEDGED = 50
"""Call messages that the peer is yet to take; fewer than are held during an outage."""


class Role(StrEnum):
    """Which end of the wire this call object stands at."""

    CLIENT = "client"
    GATEWAY = "gateway"


class Direction(StrEnum):
    INCOMING = "INCOMING"
    OUTGOING = "OUTGOING"


class CallStatus(StrEnum):
    """The documented statuses of a `Call`."""

    PENDING = "pending"
    CONNECTING = "connecting"
    RINGING = "ringing"
    OPEN = "open"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


LEGAL: Mapping[CallStatus, frozenset[CallStatus]] = MappingProxyType(
    {
        CallStatus.PENDING: frozenset({CallStatus.CONNECTING, CallStatus.RECONNECTING, CallStatus.CLOSED}),
        CallStatus.CONNECTING: frozenset(
            {CallStatus.RINGING, CallStatus.OPEN, CallStatus.RECONNECTING, CallStatus.CLOSED}
        ),
        CallStatus.RINGING: frozenset({CallStatus.OPEN, CallStatus.RECONNECTING, CallStatus.CLOSED}),
        CallStatus.OPEN: frozenset({CallStatus.RECONNECTING, CallStatus.CLOSED}),
        CallStatus.RECONNECTING: frozenset(
            {CallStatus.CONNECTING, CallStatus.RINGING, CallStatus.OPEN, CallStatus.CLOSED}
        ),
        CallStatus.CLOSED: frozenset(),
    }
)


class Part(StrEnum):
    """The actors of a call."""

    CALL = "call"
    SIGNALING = "signaling"
    MEDIA = "media"
    INSIGHTS = "insights"


class Timer(StrEnum):
    RING = "ring"
    HOLD = "hold"
    GIVE_UP = "give_up"
    ICE_RETRY = "ice_retry"


class Restart(StrEnum):
    """Where an ICE restart of ours stands."""

    NONE = "none"
    REQUESTED = "requested"
    OFFERED = "offered"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; see the timers table of the documentation."""

    ring: float = 60.0
    hold: float = 35.0
    client_give_up: float = 30.0
    gateway_give_up: float = 40.0
    ice_retry: float = 5.0
    reattach: float = 3.0


@dataclass(frozen=True, slots=True)
class CallState:
    """Everything a call knows. A restarted call actor goes on from here.

    `phase` is the status without regard to lost parts; `down` are the parts being repaired.
    """

    role: Role
    direction: Direction
    temp_sid: str
    call_sid: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    custom_parameters: Mapping[str, str] = field(default_factory=dict)
    timing: Timing = Timing()
    phase: CallStatus = CallStatus.PENDING
    codecs: tuple[str, ...] = ()
    max_average_bitrate: int | None = None
    codec: str | None = None
    remote_offer: str | None = field(default=None, repr=False)
    local_sdp: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    is_answered: bool = False
    is_describing: bool = False
    is_described: bool = False
    is_resuming: bool = False
    is_muted: bool = False
    has_telephone_events: bool = True
    restart: Restart = Restart.NONE
    down: frozenset[Part] = frozenset()
    down_since: float = 0.0
    cause: str | None = None
    is_path_lost: bool = False
    outbox: tuple["Send", ...] = ()
    unacknowledged: tuple["SendMessage", ...] = ()
    timers: tuple[tuple[Timer, float], ...] = ()

    @property
    def status(self) -> CallStatus:
        live = (CallStatus.CONNECTING, CallStatus.RINGING, CallStatus.OPEN)
        return CallStatus.RECONNECTING if self.down and self.phase in live else self.phase

    @property
    def is_backed_up(self) -> bool:
        """So many messages of ours are on their way that another could push one out of the outbox."""
        on_their_way = self.unacknowledged if self.role is Role.CLIENT else self.outbox
        return len(on_their_way) >= MAX_UNACKNOWLEDGED

    @property
    def is_over(self) -> bool:
        return self.phase is CallStatus.CLOSED

    @property
    def deadline(self) -> float | None:
        return min((at for _, at in self.timers), default=None)


# --- inputs: commands of whoever holds the call -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accept:
    """Take an incoming call, or place an outgoing one; `codecs` limits what is negotiated."""

    codecs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """Gateway, incoming: tell the caller that it rings, with early media if asked."""

    has_early_media: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """Decline a pending call; a gateway says why with `error`."""

    error: wire.WireError | None = None


@dataclass(frozen=True, slots=True)
class Ignore:
    """Let a pending call go without telling the caller."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """End the call; a gateway may say why with `error`."""

    error: wire.WireError | None = None


@dataclass(frozen=True, slots=True)
class Mute:
    should_mute: bool


@dataclass(frozen=True, slots=True)
class SendMessage:
    message: wire.UserMessage
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class UseMedia:
    """A command for the media actor that does not concern the call's state."""

    command: media.Play | media.ListenFor | media.Measure | media.SendDigits


# --- inputs: the other end, the parts --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Received:
    """A call message from the peer, under the id that the peer gave it."""

    body: wire.CallMessage
    call_sid: str | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """A report of the media actor."""

    report: media.Report


@dataclass(frozen=True, slots=True)
class Measured:
    """A one-second sample of the insights actor, and the warnings that it raises and clears."""

    sample: Mapping[str, Any]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class PartUp:
    """An incarnation of this part reported ready."""

    part: Part


@dataclass(frozen=True, slots=True)
class PartDown:
    """This part crashed, or (`is_path_lost`) the media path is gone; `cause` is the record that says so.

    `hold`: for how many seconds the client wants its call kept, at least.
    """

    part: Part
    reason: str
    cause: str | None = None
    is_path_lost: bool = False
    hold: float = 0.0


@dataclass(frozen=True, slots=True)
class PartExhausted:
    """The restart budget of this part is spent."""

    part: Part
    reason: str
    cause: str | None = None


Command: TypeAlias = Accept | Alert | Reject | Ignore | Disconnect | Mute | SendMessage | UseMedia
Input: TypeAlias = Command | Received | Reported | Measured | PartUp | PartDown | PartExhausted

# --- effects -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """To the peer, through the signaling binding; `renew`: with a new reconnect token."""

    body: wire.CallMessage
    renew: bool = False


@dataclass(frozen=True, slots=True)
class ToMedia:
    command: media.Command


@dataclass(frozen=True, slots=True)
class ToInsights:
    counters: media.Counters


@dataclass(frozen=True, slots=True)
class Emit:
    """Publish to the channel and to the call's listeners."""

    event: CallEvent
    caused_by: str | None = None


@dataclass(frozen=True, slots=True)
class TellVolume:
    """To the call's listeners alone: it comes too often for the channel."""

    volume: media.Volume


Effect: TypeAlias = Send | ToMedia | ToInsights | Emit | TellVolume
Step: TypeAlias = tuple[CallState, tuple[Effect, ...]]
