"""A device's state as a pure machine: registration, the active call, the calls that ring."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, assert_never

from actors.signaling.messages import Offer

TOKEN_REFUSALS = frozenset({31201, 31202, 31204, 31205, 31207})
BAD_REQUEST = 31400
TOKEN_EXPIRED = 31205


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
    """The gateway sent `error`."""

    code: int
    reason: str


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
class CallOver:
    key: str


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
    | CallOver
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
    """Emit `error`; `is_remote`: the code is the gateway's and still to be mapped."""

    code: int
    reason: str
    is_remote: bool = False


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
)
Step: TypeAlias = tuple[DeviceState, tuple[Effect, ...]]


def step(  # noqa: C901 - one clause for each input
    state: DeviceState, happened: Input, now: float
) -> Step:
    """What a device does about one input; a destroyed device does nothing."""
    if state.status is DeviceStatus.DESTROYED:
        return state, ()
    match happened:
        case RegistrationAsked(is_wanted):
            return _ask_registration(state, is_wanted=is_wanted)
        case Destroyed():
            return _destroy(state)
        case Approached():
            return replace(state, is_turned_away=False), ()
        case StreamUp():
            return _stream_up(state, happened, now)
        case StreamDown():
            return _stream_down(state, happened)
        case StreamClosed():
            state = replace(
                state, wants_registration=False, is_connected=False, is_turned_away=True, token_due=None
            )
            state, effects = _become(state, DeviceStatus.UNREGISTERED)
            return state, (*effects, UnbindCalls())
        case GatewayReady():
            is_expected = state.wants_registration and state.is_connected
            return _become(state, DeviceStatus.REGISTERED) if is_expected else (state, ())
        case GatewayOffline():
            return _become(replace(state, edge=None), DeviceStatus.UNREGISTERED)
        case GatewayProblem(code, reason):
            return _problem(state, code, reason)
        case StreamProblem(code, reason):
            return state, (ErrorRaised(code, reason),)
        case Offered():
            return _offered(state, happened)
        case _:
            return _call_changed(state, happened)


def expire(state: DeviceState, now: float) -> Step:
    """The token is about to run out."""
    if state.token_due is None or state.token_due > now:
        return state, ()
    return replace(state, token_due=None), (TokenExpiring(),)


def _become(state: DeviceState, status: DeviceStatus) -> Step:
    if state.status is status:
        return state, ()
    return replace(state, status=status), (StatusChanged(status),)


def _ask_registration(state: DeviceState, *, is_wanted: bool) -> Step:
    state = replace(state, wants_registration=is_wanted)
    ask = (AskRegistration(is_wanted),) if state.is_connected else ()
    if not is_wanted:
        return state, ask
    state, effects = _become(state, DeviceStatus.REGISTERING)
    return state, (*effects, *ask)


def _destroy(state: DeviceState) -> Step:
    calls = tuple(RejectCall(key) for key in state.pending)
    active = (EndCall(state.active),) if state.active else ()
    state, gone = _become(state, DeviceStatus.UNREGISTERED)
    state, destroyed = _become(state, DeviceStatus.DESTROYED)
    state = replace(
        state, active=None, pending=(), token_due=None, wants_registration=False, is_connected=False
    )
    return state, (*calls, *active, *gone, *destroyed)


def _stream_up(state: DeviceState, up: StreamUp, now: float) -> Step:
    due = now + max(0.0, up.ttl - state.token_refresh_s)
    state = replace(
        state,
        is_connected=True,
        is_turned_away=False,
        identity=up.identity,
        edge=up.edge,
        home=up.home,
        token_due=due,
    )
    ask = (AskRegistration(is_wanted=True),) if state.wants_registration else ()
    return state, (BindCalls(), *ask)


def _stream_down(state: DeviceState, down: StreamDown) -> Step:
    state = replace(state, is_connected=False, edge=None)
    error = (ErrorRaised(down.code, down.reason),) if down.code is not None else ()
    is_waiting = state.status is DeviceStatus.REGISTERING
    state, effects = (state, ()) if is_waiting else _become(state, DeviceStatus.UNREGISTERED)
    return state, (UnbindCalls(), *error, *effects)


def _problem(state: DeviceState, code: int, reason: str) -> Step:
    """A refused token ends the wish to be registered: the same token would be refused again."""
    effects: tuple[Effect, ...] = (ErrorRaised(code, reason, is_remote=True),)
    if code in TOKEN_REFUSALS:
        state = replace(
            state,
            wants_registration=state.wants_registration and code == TOKEN_EXPIRED,
            is_turned_away=not state.is_connected,
        )
        if state.status is DeviceStatus.REGISTERING:
            state, more = _become(state, DeviceStatus.UNREGISTERED)
            effects += more
    return state, effects


def _offered(state: DeviceState, offered: Offered) -> Step:
    """A busy device lets the caller ring on, unless its user wants to know."""
    if not offered.call_sid or not offered.offer.sdp:
        return state, (ErrorRaised(BAD_REQUEST, "the gateway sent a malformed invite"),)
    if state.active is not None and not state.allows_incoming_while_busy:
        return state, ()
    return state, (OpenIncoming(offered.call_sid, offered.offer),)


def _call_changed(state: DeviceState, happened: CallPlaced | CallRings | CallTaken | CallOver) -> Step:
    match happened:
        case CallPlaced(key):
            return replace(state, active=key, pending=()), tuple(LetGo(other) for other in state.pending)
        case CallRings(key):
            return replace(state, pending=(*state.pending, key)), ()
        case CallTaken(key):
            pending = tuple(other for other in state.pending if other != key)
            ended = (EndCall(state.active),) if state.active not in (None, key) else ()
            return replace(state, active=key, pending=pending), tuple(e for e in ended if e.key)
        case CallOver(key):
            pending = tuple(other for other in state.pending if other != key)
            return replace(state, active=None if state.active == key else state.active, pending=pending), ()
        case _:
            assert_never(happened)
