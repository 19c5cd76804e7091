"""The gateway's end of one socket, pure: a frame and the time in, effects and a deadline out."""

import math
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
    Close,
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
MAX_HELD_CHARS = 512 * 1024
"""Of all frames held: many strangers may come at once, and what is read takes more room than its text."""
MAX_PROTOCOL_ERRORS = 16

MALFORMED = 31100
NOT_AUTHORISED = 31201
RATE_EXCEEDED = 31206

NORMAL = 1000
GOING_AWAY = 1001
POLICY_VIOLATION = 1008

Authenticate: TypeAlias = Callable[[str], AccessToken]
HasRoom: TypeAlias = Callable[[str], bool]


class Phase(Enum):
    """ANONYMOUS: no good token yet. REFUSED: about to be closed, unless a good token comes.

    DISMISSED: the same, and then the client is told to stay away.
    """

    ANONYMOUS = "anonymous"
    REFUSED = "refused"
    DISMISSED = "dismissed"
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
    held_chars: int = 0
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
    state: GatewaySession,
    text: str | bytes,
    clock: Clock,
    *,
    authenticate: Authenticate,
    has_room: HasRoom,
    has_calls: bool,
) -> Step:
    """One frame came in.

    `authenticate` verifies a token or raises TokenRefused; `has_room` says whether one more socket of an
    identity may be registered; `has_calls`, whether a call is live on this socket: such a socket's token
    refresh is not answered, as a client restarts its calls on `connected`.
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
        return _listen(state, message, clock, authenticate, has_room, has_calls=has_calls)
    if state.phase is not Phase.OPEN:
        return _hold(state, message, len(text))
    return _take(state, message, clock.now, has_room)


def expire(state: GatewaySession, now: float) -> Step:
    """A deadline has come."""
    if state.is_closed:
        return state, ()
    if now >= state.heard_at + state.timing.silence:
        return _close(state, GOING_AWAY, "nothing received")
    if state.close_at is not None and now >= state.close_at:
        return _shut_out(state)
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
        if state.expires_at is None:
            effects.append(SendFrame(Offline()))
    return state, tuple(effects)


def _shut_out(state: GatewaySession) -> Step:
    match state.phase:
        case Phase.DISMISSED:
            state, effects = _close(state, NORMAL, "token refused")
            return state, (SendFrame(Close()), *effects)
        case Phase.REFUSED:
            return _close(state, NORMAL, "token refused")
        case _:
            return _close(state, POLICY_VIOLATION, "no token")


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
    state: GatewaySession,
    listen: Listen,
    clock: Clock,
    authenticate: Authenticate,
    has_room: HasRoom,
    *,
    has_calls: bool,
) -> Step:
    try:
        token = authenticate(listen.token)
    except TokenRefused as refused:
        return _refuse(state, clock.now, refused)
    if state.token is not None and state.token.identity != token.identity:
        return _refuse_identity(state, clock.now)
    is_refresh = state.token is not None
    ttl = token.expires_at - clock.wall
    held, state = state.held, replace(_renewed(state), token=token, expires_at=clock.now + ttl)
    effects: list[GatewayEffect] = [Authenticated(token, listen, is_refresh)]
    if not (is_refresh and has_calls):
        effects.append(SendFrame(_connected(state, token, ttl)))
    for message in held:
        state, more = _take(state, message, clock.now, has_room)
        effects.extend(more)
    return state, tuple(effects)


def _renewed(state: GatewaySession) -> GatewaySession:
    """A good token has come.

    Who was told that the old one had run out repeats `register` no more: if it is still registered, that
    lasts as long as the socket.
    """
    has_run_out = state.token is not None and state.expires_at is None
    lasts = has_run_out and state.is_registered
    unregister_at = math.inf if lasts else state.unregister_at
    return replace(state, phase=Phase.OPEN, close_at=None, held=(), held_chars=0, unregister_at=unregister_at)


def _connected(state: GatewaySession, token: AccessToken, ttl: float) -> Connected:
    place = state.locality
    return Connected(token.identity, max(ttl, 0.0), place.edge, place.region, place.home, place.gateway)


def _refuse(state: GatewaySession, now: float, refused: TokenRefused) -> Step:
    """Answer a bad token.

    Who has come in with a good one goes on with that. Of the others, only one whose token has run out
    should come back by itself, with whatever token it has by then: any other would be refused for ever.
    """
    answer = _problem(refused.code, refused.reason)
    if state.token is not None:
        return state, (answer,)
    phase = Phase.REFUSED if refused.code == TOKEN_EXPIRED else Phase.DISMISSED
    return _turn_away(state, now, phase), (answer,)


def _refuse_identity(state: GatewaySession, now: float) -> Step:
    """A token of somebody else is good on another socket."""
    return _turn_away(state, now, Phase.REFUSED), (_problem(TOKEN_INVALID, "another identity"),)


def _turn_away(state: GatewaySession, now: float, phase: Phase) -> GatewaySession:
    """A client that keeps sending bad tokens does not put off the end."""
    due = now + state.timing.refused_close
    close_at = due if state.close_at is None else min(due, state.close_at)
    return replace(state, phase=phase, close_at=close_at)


def _hold(state: GatewaySession, message: Register | Envelope, chars: int) -> Step:
    """A client sends what it had queued right after `listen`, so it may come before the token is good."""
    held_chars = state.held_chars + chars
    if len(state.held) >= MAX_HELD_MESSAGES or held_chars > MAX_HELD_CHARS:
        return state, (_problem(RATE_EXCEEDED, "too many messages before a valid token"),)
    return replace(state, held=(*state.held, message), held_chars=held_chars), ()


def _take(state: GatewaySession, message: Register | Envelope, now: float, has_room: HasRoom) -> Step:
    match message:
        case Register(audio=True):
            return _register(state, now, has_room)
        case Register():
            return _unregister(state)
        case Envelope(sid, Invite()) if state.expires_at is None:
            error = WireError(TOKEN_EXPIRED, "the access token has expired")
            return state, (SendFrame(Problem(error, sid)), SendFrame(Envelope(sid, Hangup(error))))
        case Envelope():
            return state, (Route(message),)
        case _:
            assert_never(message)


def _register(state: GatewaySession, now: float, has_room: HasRoom) -> Step:
    """`ready` goes out before the change is announced: the router may ring the client at once.

    After a refusal `offline` lets the client's `register()` fail instead of waiting for ever.
    """
    if state.expires_at is None:
        return _unregister(state, _problem(TOKEN_EXPIRED, "the access token has expired"))
    if state.token is None or not state.token.may_receive:
        return _unregister(state, _problem(NOT_AUTHORISED, "the access token has no incoming grant"))
    if not state.is_registered and not has_room(state.token.identity):
        return _unregister(state, _problem(RATE_EXCEEDED, "too many registrations of this identity"))
    change = () if state.is_registered else (RegistrationChanged(is_registered=True),)
    state = replace(state, unregister_at=now + state.timing.registration)
    return state, (SendFrame(Registered()), *change)


def _unregister(state: GatewaySession, *reasons: SendFrame) -> Step:
    change = (RegistrationChanged(is_registered=False),) if state.is_registered else ()
    return replace(state, unregister_at=None), (*reasons, *change, SendFrame(Offline()))


def _close(state: GatewaySession, code: int, reason: str) -> Step:
    was_registered = state.is_registered
    state = replace(state, phase=Phase.CLOSED, unregister_at=None, held=())
    change = (RegistrationChanged(is_registered=False),) if was_registered else ()
    return state, (*change, CloseSocket(code, reason))


def _problem(code: int, reason: str) -> SendFrame:
    return SendFrame(Problem(WireError(code, reason)))
