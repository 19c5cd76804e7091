"""The client's end of the signaling stream, pure.

It outlives sockets: what is queued goes out on the next one.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias, assert_never

from actors.signaling.client_events import Lost, Malformed, StreamEvent, Unsent
from actors.signaling.errors import RemoteProtocolError
from actors.signaling.messages import (
    Close,
    Connected,
    Envelope,
    Listen,
    Message,
    Offline,
    Problem,
    Register,
    Registered,
    Reinvite,
)
from actors.signaling.schema import HEARTBEAT, decode_gateway_untrusted
from actors.signaling.timing import StreamTiming
from actors.signaling.token import TOKEN_EXPIRED

MAX_QUEUED_MESSAGES = 256


class Status(Enum):
    """DOWN: no socket. LISTENING: token sent. CONNECTED: token accepted. CLOSED: told to stay away."""

    DOWN = "down"
    LISTENING = "listening"
    CONNECTED = "connected"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SendFrame:
    message: Message


@dataclass(frozen=True, slots=True)
class SendHeartbeat:
    pass


@dataclass(frozen=True, slots=True)
class Deliver:
    """Tell the device."""

    event: StreamEvent


@dataclass(frozen=True, slots=True)
class Abandon:
    """The socket is of no use any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Close the socket and do not come back."""


ClientEffect: TypeAlias = SendFrame | SendHeartbeat | Deliver | Abandon | Finish


@dataclass(frozen=True, slots=True)
class ClientSession:
    """`listen` holds the current token; `is_registration_wanted` is what was asked for last.

    The device registers again after `connected`: the calls that reconnect have to go first.
    """

    listen: Listen = field(repr=False)
    timing: StreamTiming = field(default_factory=StreamTiming)
    status: Status = Status.DOWN
    queue: tuple[Envelope, ...] = field(default=(), repr=False)
    is_registration_wanted: bool = False
    register_at: float | None = None
    heard_at: float = 0.0

    @property
    def is_open(self) -> bool:
        return self.status in (Status.LISTENING, Status.CONNECTED)

    @property
    def deadline(self) -> float | None:
        """When `expire` is due; None while there is no socket."""
        if not self.is_open:
            return None
        lost_at = self.heard_at + self.timing.silence
        return lost_at if self.register_at is None else min(lost_at, self.register_at)


Step: TypeAlias = tuple[ClientSession, tuple[ClientEffect, ...]]


def opened(state: ClientSession, now: float) -> Step:
    """A socket is open: the token first, then what was queued, without waiting for the gateway's answer."""
    frames = (SendFrame(state.listen), *(SendFrame(envelope) for envelope in state.queue))
    return replace(state, status=Status.LISTENING, queue=(), register_at=None, heard_at=now), frames


def lost(state: ClientSession, reason: str, code: int | None = None) -> Step:
    """The socket is gone; nothing happens if there was none."""
    if not state.is_open:
        return state, ()
    return replace(state, status=Status.DOWN, register_at=None), (Deliver(Lost(reason, code)),)


def leave(state: ClientSession) -> Step:
    """The device has had enough: nobody need be told that the socket goes."""
    return replace(state, status=Status.DOWN, register_at=None), (Finish(),)


def ask(state: ClientSession, request: Envelope | Listen | Register, now: float) -> Step:
    """The device wants something sent.

    While there is no socket, call messages are queued, except an ICE restart's offer: it would be stale.
    """
    match request:
        case Listen():
            state = replace(state, listen=request)
            return state, (SendFrame(request),) if state.is_open else ()
        case Register(audio):
            state = replace(state, is_registration_wanted=audio)
            return (
                _register(state, now)
                if state.is_open
                else (state, (Deliver(Unsent(request, is_queued=False)),))
            )
        case Envelope():
            return (state, (SendFrame(request),)) if state.is_open else _queue(state, request)
        case _:
            assert_never(request)


def receive(state: ClientSession, text: str | bytes, now: float) -> Step:
    """One frame came in. What cannot be read is told to the device; the socket lives on."""
    if not state.is_open:
        return state, ()
    state = replace(state, heard_at=now)
    if text == HEARTBEAT:
        return state, (SendHeartbeat(),)
    if isinstance(text, bytes):
        return state, ()
    try:
        message = decode_gateway_untrusted(text)
    except RemoteProtocolError as error:
        return state, (Deliver(Malformed(error.reason, error.kind)),)
    return _take(state, message)


def expire(state: ClientSession, now: float) -> Step:
    """A deadline has come."""
    if not state.is_open:
        return state, ()
    if now >= state.heard_at + state.timing.silence:
        return state, (Abandon(f"nothing received for {state.timing.silence:g} s"),)
    if state.register_at is not None and now >= state.register_at:
        return _register(state, now)
    return state, ()


def _register(state: ClientSession, now: float) -> Step:
    is_wanted = state.is_registration_wanted
    register_at = now + state.timing.registration if is_wanted else None
    return replace(state, register_at=register_at), (SendFrame(Register(is_wanted)),)


def _queue(state: ClientSession, envelope: Envelope) -> Step:
    is_queued = not isinstance(envelope.body, Reinvite) and len(state.queue) < MAX_QUEUED_MESSAGES
    queue = (*state.queue, envelope) if is_queued else state.queue
    return replace(state, queue=queue), (Deliver(Unsent(envelope, is_queued)),)


def _take(state: ClientSession, message: Message | None) -> Step:
    match message:
        case None | Listen() | Register():
            return state, ()
        case Connected():
            return replace(state, status=Status.CONNECTED), (Deliver(message),)
        case Offline():
            return replace(state, register_at=None), (Deliver(message),)
        case Problem(error) if error.code == TOKEN_EXPIRED:
            return replace(state, register_at=None), (Deliver(message),)
        case Close():
            return replace(state, status=Status.CLOSED, register_at=None, queue=()), (
                Deliver(message),
                Finish(),
            )
        case Registered() | Problem() | Envelope():
            return state, (Deliver(message),)
        case _:
            assert_never(message)
