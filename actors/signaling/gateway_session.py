"""The gateway's end of one socket, pure: a frame and the time in, effects and a deadline out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias, assert_never

from actors.signaling.errors import RemoteProtocolError
from actors.signaling.gateway_effects import (
    Authenticated,
    CloseSocket,
    GatewayEffect,
    RegistrationChanged,
    Route,
    SendFrame,
    SendHeartbeat,
)
from actors.signaling.messages import (
    Connected,
    Envelope,
    Hangup,
    Invite,
    Listen,
    Message,
    Offline,
    Problem,
    Register,
    Registered,
    WireError,
)
from actors.signaling.rate import RateLimit, complain, take
from actors.signaling.schema import HEARTBEAT, decode_client_untrusted
from actors.signaling.timing import SessionTiming
from actors.signaling.token import TOKEN_EXPIRED, TOKEN_INVALID, AccessToken, TokenRefused

MAX_HELD_MESSAGES = 32
MAX_PROTOCOL_ERRORS = 16

MALFORMED = 31100
NOT_AUTHORISED = 31201
RATE_EXCEEDED = 31206

NORMAL = 1000
GOING_AWAY = 1001
POLICY_VIOLATION = 1008

Authenticate: TypeAlias = Callable[[str], AccessToken]


class Phase(Enum):
    """ANONYMOUS: no good token yet. REFUSED: about to be closed, unless a good token comes."""

    ANONYMOUS = "anonymous"
    REFUSED = "refused"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Locality:
    """What `connected` tells about the gateway."""

    edge: str | None = None
    region: str | None = None
    home: str | None = None
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic time, and the wall clock's for tokens."""

    now: float
    wall: float


@dataclass(frozen=True, slots=True)
class GatewaySession:
    """One socket's state; `close_at`, `expires_at` and `unregister_at` are None while they do not apply."""

    timing: SessionTiming
    locality: Locality
    heard_at: float
    heartbeat_at: float
    close_at: float | None
    rate: RateLimit
    phase: Phase = Phase.ANONYMOUS
    token: AccessToken | None = None
    expires_at: float | None = None
    unregister_at: float | None = None
    held: tuple[Register | Envelope, ...] = field(default=(), repr=False)
    protocol_errors: int = 0

    @property
    def deadline(self) -> float:
        """When `expire` is due, monotonic."""
        due = (self.close_at, self.expires_at, self.unregister_at)
        return min(
            self.heard_at + self.timing.silence, self.heartbeat_at, *(at for at in due if at is not None)
        )

    @property
    def is_closed(self) -> bool:
        return self.phase is Phase.CLOSED

    @property
    def is_registered(self) -> bool:
        return self.unregister_at is not None


Step: TypeAlias = tuple[GatewaySession, tuple[GatewayEffect, ...]]


def open_session(
    now: float, *, timing: SessionTiming | None = None, locality: Locality | None = None
) -> GatewaySession:
    """A socket that has just been accepted."""
    timing = timing or SessionTiming()
    return GatewaySession(
        timing=timing,
        locality=locality or Locality(),
        heard_at=now,
        heartbeat_at=now + timing.heartbeat,
        close_at=now + timing.authentication,
        rate=RateLimit(now),
    )


def receive(
    state: GatewaySession, text: str | bytes, clock: Clock, *, authenticate: Authenticate, has_calls: bool
) -> Step:
    """One frame came in.

    `authenticate` verifies a token or raises TokenRefused; `has_calls` says whether a call is live on this
    socket: such a socket's token refresh is not answered, as a client restarts its calls on `connected`.
    """
    if state.is_closed:
        return state, ()
    state = replace(state, heard_at=clock.now)
    rate, is_allowed = take(state.rate, clock.now)
    state = replace(state, rate=rate)
    if not is_allowed:
        return _complain(state, clock.now)
    if text == HEARTBEAT:
        return state, ()
    try:
        message = _decode(text)
    except RemoteProtocolError as error:
        return _protocol_error(state, error)
    if isinstance(message, Listen):
        return _listen(state, message, clock, authenticate, has_calls=has_calls)
    if state.phase is not Phase.OPEN:
        return _hold(state, message)
    return _take(state, message, clock.now)


def expire(state: GatewaySession, now: float) -> Step:
    """A deadline has come."""
    if state.is_closed:
        return state, ()
    if now >= state.heard_at + state.timing.silence:
        return _close(state, GOING_AWAY, "nothing received")
    if state.close_at is not None and now >= state.close_at:
        is_refused = state.phase is Phase.REFUSED
        return (
            _close(state, NORMAL, "token refused")
            if is_refused
            else _close(state, POLICY_VIOLATION, "no token")
        )
    effects: list[GatewayEffect] = []
    if now >= state.heartbeat_at:
        state = replace(state, heartbeat_at=now + state.timing.heartbeat)
        effects.append(SendHeartbeat())
    if state.expires_at is not None and now >= state.expires_at:
        state = replace(state, expires_at=None)
        effects.append(_problem(TOKEN_EXPIRED, "the access token has expired"))
    if state.unregister_at is not None and now >= state.unregister_at:
        state = replace(state, unregister_at=None)
        effects.append(RegistrationChanged(is_registered=False))
    return state, tuple(effects)


def _decode(text: str | bytes) -> Register | Listen | Envelope:
    if isinstance(text, bytes):
        raise RemoteProtocolError("binary frame")
    message: Message = decode_client_untrusted(text)
    if not isinstance(message, Register | Listen | Envelope):
        raise RemoteProtocolError("not for a gateway")
    return message


def _complain(state: GatewaySession, now: float) -> Step:
    rate, is_due = complain(state.rate, now)
    state = replace(state, rate=rate)
    return state, (_problem(RATE_EXCEEDED, "too many messages"),) if is_due else ()


def _protocol_error(state: GatewaySession, error: RemoteProtocolError) -> Step:
    state = replace(state, protocol_errors=state.protocol_errors + 1)
    answer = _problem(MALFORMED, error.reason)
    if state.protocol_errors <= MAX_PROTOCOL_ERRORS:
        return state, (answer,)
    state, effects = _close(state, POLICY_VIOLATION, "too many malformed messages")
    return state, (answer, *effects)


def _listen(
    state: GatewaySession, listen: Listen, clock: Clock, authenticate: Authenticate, *, has_calls: bool
) -> Step:
    try:
        token = authenticate(listen.token)
    except TokenRefused as refused:
        return _refuse(state, clock.now, refused.code, refused.reason)
    if state.token is not None and state.token.identity != token.identity:
        return _refuse(state, clock.now, TOKEN_INVALID, "another identity")
    is_refresh = state.token is not None
    ttl = token.expires_at - clock.wall
    held, state = (
        state.held,
        replace(state, phase=Phase.OPEN, token=token, close_at=None, expires_at=clock.now + ttl, held=()),
    )
    effects: list[GatewayEffect] = [Authenticated(token, listen, is_refresh)]
    if not (is_refresh and has_calls):
        effects.append(SendFrame(_connected(state, token, ttl)))
    for message in held:
        state, more = _take(state, message, clock.now)
        effects.extend(more)
    return state, tuple(effects)


def _connected(state: GatewaySession, token: AccessToken, ttl: float) -> Connected:
    place = state.locality
    return Connected(token.identity, max(ttl, 0.0), place.edge, place.region, place.home, place.gateway)


def _refuse(state: GatewaySession, now: float, code: int, reason: str) -> Step:
    """Answer a bad token. A client that keeps sending them does not put off the end."""
    due = now + state.timing.refused_close
    close_at = due if state.close_at is None else min(due, state.close_at)
    return replace(state, phase=Phase.REFUSED, close_at=close_at), (_problem(code, reason),)


def _hold(state: GatewaySession, message: Register | Envelope) -> Step:
    """A client sends what it had queued right after `listen`, so it may come before the token is good."""
    if len(state.held) >= MAX_HELD_MESSAGES:
        return state, (_problem(RATE_EXCEEDED, "too many messages before a valid token"),)
    return replace(state, held=(*state.held, message)), ()


def _take(state: GatewaySession, message: Register | Envelope, now: float) -> Step:
    match message:
        case Register(audio=True):
            return _register(state, now)
        case Register():
            was_registered, state = state.is_registered, replace(state, unregister_at=None)
            change = (RegistrationChanged(is_registered=False),) if was_registered else ()
            return state, (*change, SendFrame(Offline()))
        case Envelope(sid, Invite()) if state.expires_at is None:
            error = WireError(TOKEN_EXPIRED, "the access token has expired")
            return state, (SendFrame(Problem(error, sid)), SendFrame(Envelope(sid, Hangup(error))))
        case Envelope():
            return state, (Route(message),)
        case _:
            assert_never(message)


def _register(state: GatewaySession, now: float) -> Step:
    """`ready` goes out before the change is announced: the router may ring the client at once."""
    if state.expires_at is None:
        return state, (_problem(TOKEN_EXPIRED, "the access token has expired"),)
    if state.token is None or not state.token.may_receive:
        return state, (_problem(NOT_AUTHORISED, "the access token has no incoming grant"),)
    was_registered = state.is_registered
    state = replace(state, unregister_at=now + state.timing.registration)
    change = () if was_registered else (RegistrationChanged(is_registered=True),)
    return state, (SendFrame(Registered()), *change)


def _close(state: GatewaySession, code: int, reason: str) -> Step:
    was_registered = state.is_registered
    state = replace(state, phase=Phase.CLOSED, unregister_at=None, held=())
    change = (RegistrationChanged(is_registered=False),) if was_registered else ()
    return state, (*change, CloseSocket(code, reason))


def _problem(code: int, reason: str) -> SendFrame:
    return SendFrame(Problem(WireError(code, reason)))
