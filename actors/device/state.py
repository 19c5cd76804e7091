"""A device's frozen state, what can happen to it, and what it asks of its shell."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from actors.signaling.messages import Offer


class DeviceStatus(StrEnum):
    """The documented states of a `Device`."""

    UNREGISTERED = "unregistered"
    REGISTERING = "registering"
    REGISTERED = "registered"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class DeviceState:
    """`active` and `pending` hold calls by their keys; `wants_registration` outlives lost sockets.

    `is_turned_away`: the gateway has refused our token or sent us away, and we have not asked again.
    `is_ringing`: the user is to hear that somebody calls.
    `is_settled`: calls hang on the gateway we are at, so that it is the one to come back to.
    """

    status: DeviceStatus = DeviceStatus.UNREGISTERED
    wants_registration: bool = False
    is_connected: bool = False
    is_turned_away: bool = False
    allows_incoming_while_busy: bool = False
    identity: str | None = None
    edge: str | None = None
    home: str | None = None
    token_refresh_s: float = 10.0
    token_due: float | None = None
    active: str | None = None
    pending: tuple[str, ...] = ()
    is_settled: bool = False
    is_ringing: bool = False

    @property
    def is_reaching_out(self) -> bool:
        """Whether the gateway is yet to say if it accepts us."""
        is_done = self.is_connected or self.is_turned_away
        return not is_done and self.status is not DeviceStatus.DESTROYED

    @property
    def deadline(self) -> float | None:
        return self.token_due


# --- inputs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RegistrationAsked:
    """The user wants to be rung, or no longer."""

    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Destroyed:
    """The user is done with the device."""


@dataclass(frozen=True, slots=True)
class Approached:
    """We ask the gateway again: through a new stream, or with another token."""


@dataclass(frozen=True, slots=True)
class StreamUp:
    """The gateway accepted our token; `ttl` seconds of it are left."""

    identity: str
    ttl: float
    edge: str | None = None
    home: str | None = None


@dataclass(frozen=True, slots=True)
class StreamDown:
    """The socket is gone, or an attempt to open one failed."""

    reason: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The gateway told us to stay away."""


@dataclass(frozen=True, slots=True)
class GatewayReady:
    """The gateway registered us."""


@dataclass(frozen=True, slots=True)
class GatewayOffline:
    """The gateway unregistered us."""


@dataclass(frozen=True, slots=True)
class GatewayProblem:
    """The gateway sent `error`; `retry_after` seconds are asked for before the next attempt to connect."""

    code: int
    reason: str
    call_sid: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class StreamProblem:
    """Something of ours could not be sent, or something of theirs not be read."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Offered:
    """Somebody calls."""

    call_sid: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class CallPlaced:
    """A call of ours has begun; it is the active one from now on."""

    key: str


@dataclass(frozen=True, slots=True)
class CallRings:
    key: str


@dataclass(frozen=True, slots=True)
class CallTaken:
    """An incoming call was accepted."""

    key: str


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A call of ours was accepted by the other side."""

    key: str


@dataclass(frozen=True, slots=True)
class CallOver:
    """`was_ignored`: the user lets it go."""

    key: str
    was_ignored: bool = False


@dataclass(frozen=True, slots=True)
class OptionsChanged:
    """The user wants it otherwise from now on; a token's time counts from the next `connected`."""

    allows_incoming_while_busy: bool
    token_refresh_s: float


Input: TypeAlias = (
    RegistrationAsked
    | Destroyed
    | Approached
    | StreamUp
    | StreamDown
    | StreamClosed
    | GatewayReady
    | GatewayOffline
    | GatewayProblem
    | StreamProblem
    | Offered
    | CallPlaced
    | CallRings
    | CallTaken
    | CallAnswered
    | CallOver
    | OptionsChanged
)

# --- effects -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskRegistration:
    """Tell the gateway to ring us, or no longer to."""

    is_wanted: bool


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """Emit the event of this state's name."""

    status: DeviceStatus


@dataclass(frozen=True, slots=True)
class ErrorRaised:
    """Emit `error`; `is_remote`: the code is the gateway's and still to be mapped.

    `call_sid`: the call that the gateway spoke of.
    """

    code: int
    reason: str
    is_remote: bool = False
    call_sid: str | None = None


@dataclass(frozen=True, slots=True)
class TokenExpiring:
    """Emit `tokenWillExpire`."""


@dataclass(frozen=True, slots=True)
class OpenIncoming:
    call_sid: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang this call up: another has become the active one, or the device goes away."""

    key: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """Ignore this pending call."""

    key: str


@dataclass(frozen=True, slots=True)
class RejectCall:
    key: str


@dataclass(frozen=True, slots=True)
class BindCalls:
    """Every live call may speak to the gateway again."""


@dataclass(frozen=True, slots=True)
class UnbindCalls:
    """No live call can speak to the gateway."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Come back to the gateway we are at when its socket is lost, or (not) go wherever one answers."""

    is_settled: bool


@dataclass(frozen=True, slots=True)
class HoldOff:
    """When the socket is lost, wait so many seconds before the first attempt."""

    seconds: float


Effect: TypeAlias = (
    AskRegistration
    | StatusChanged
    | ErrorRaised
    | TokenExpiring
    | OpenIncoming
    | EndCall
    | LetGo
    | RejectCall
    | BindCalls
    | UnbindCalls
    | Settle
    | HoldOff
)
Step: TypeAlias = tuple[DeviceState, tuple[Effect, ...]]
