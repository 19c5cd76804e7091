"""Every way in which a call ends. Nothing is published after the last event."""

from dataclasses import replace

from actors import events
from actors.call.state import (
    CallState,
    CallStatus,
    Direction,
    Effect,
    Emit,
    Part,
    PartExhausted,
    Role,
    Send,
    Step,
    Timer,
    ToMedia,
)
from actors.media import messages as media
from actors.signaling import messages as wire

UNAVAILABLE = 31480
DECLINED = 31603
SIGNALING_LOST = 53001
SIGNALING_FAILED = 53000
LOCAL_DESCRIPTION_FAILED = 53400
REMOTE_DESCRIPTION_FAILED = 53402
MEDIA_LOST = 53405


def _close(state: CallState, *effects: Effect) -> Step:
    """Closed: the message to the peer first, then the events, then the end of the media."""
    state = replace(
        state,
        phase=CallStatus.CLOSED,
        down=frozenset(),
        timers=(),
        outbox=(),
        unacknowledged=(),
        is_resuming=False,
    )
    return state, (*effects, ToMedia(media.CloseMedia()))


def _is_pending_incoming(state: CallState) -> bool:
    return state.phase is CallStatus.PENDING and state.direction is Direction.INCOMING


def _is_rung(state: CallState) -> bool:
    """At the gateway: a client is being rung, maybe on several devices, and none has answered."""
    return state.role is Role.GATEWAY and state.direction is Direction.OUTGOING and not state.is_answered


def _farewell(state: CallState, error: wire.WireError | None, message: str | None = None) -> Send:
    """What tells the peer: `cancel` to a client that is still being rung, else `hangup`."""
    return Send(wire.Cancel()) if _is_rung(state) else Send(wire.Hangup(error, message))


def _failed(
    state: CallState, code: int, reason: str, *, tell: bool = True, message: str | None = None
) -> Step:
    error = wire.WireError(code, reason) if state.role is Role.GATEWAY else None
    farewell = (_farewell(state, error, message),) if tell else ()
    return _close(
        state,
        *farewell,
        Emit(events.Failed(code, reason), state.cause),
        Emit(events.Disconnected("local"), state.cause),
    )


def disconnect(state: CallState, error: wire.WireError | None) -> Step:
    """Hang up. A pending call cannot be hung up by its client; an application at the gateway may end it."""
    if state.phase is CallStatus.PENDING and state.role is Role.CLIENT:
        return state, ()
    return _close(state, _farewell(state, error), Emit(events.Disconnected("local")))


def reject(state: CallState, error: wire.WireError | None) -> Step:
    if not _is_pending_incoming(state):
        return state, ()
    if state.role is Role.GATEWAY:
        farewell = Send(wire.Hangup(error or wire.WireError(DECLINED, "declined")))
    else:
        farewell = Send(wire.Reject())
    return _close(state, farewell, Emit(events.Rejected()))


def ignore(state: CallState) -> Step:
    """A client says nothing. At the gateway nobody else would ever answer, so the caller is told."""
    if not _is_pending_incoming(state):
        return state, ()
    farewell: tuple[Send, ...] = ()
    if state.role is Role.GATEWAY:
        farewell = (Send(wire.Hangup(wire.WireError(UNAVAILABLE, "not answered"))),)
    return _close(state, *farewell, Emit(events.Cancelled("local")))


def cancelled(state: CallState) -> Step:
    """`cancel` of the gateway ends a client's call in any state."""
    if state.role is Role.GATEWAY:
        return state, ()
    return _close(state, Emit(events.Cancelled("remote")))


def hung_up(state: CallState, error: wire.WireError | None, message: str | None) -> Step:
    """The peer has ended the call; where a client rings on other devices besides, those stop."""
    if _is_pending_incoming(state):
        return _close(state, Emit(events.Cancelled("remote")))
    effects: tuple[Emit, ...] = ()
    if error is not None:
        effects = (Emit(events.Failed(error.code, error.message, is_remote=True)),)
    elif message is not None:
        effects = (Emit(events.Failed(MEDIA_LOST, message, is_remote=True)),)
    farewell = (Send(wire.Cancel()),) if _is_rung(state) else ()
    return _close(state, *farewell, *effects, Emit(events.Disconnected("remote")))


def declined(state: CallState) -> Step:
    """A rung client declined: the call is over on all its devices."""
    if not _is_rung(state):
        return state, ()
    return _close(
        state,
        Send(wire.Cancel()),
        Emit(events.Failed(DECLINED, "declined", is_remote=True)),
        Emit(events.Disconnected("remote")),
    )


def unanswered(state: CallState) -> Step:
    """The ring time-out."""
    if _is_pending_incoming(state):
        return _close(
            state,
            Send(wire.Hangup(wire.WireError(UNAVAILABLE, "not answered in time"))),
            Emit(events.Cancelled("local")),
        )
    return _failed(state, UNAVAILABLE, "not answered in time")


def given_up(state: CallState, timer: Timer) -> Step:
    """A lost part did not come back in time."""
    if timer is Timer.HOLD:
        code = SIGNALING_LOST if state.phase is CallStatus.OPEN else UNAVAILABLE
        return _failed(state, code, "the peer did not reconnect in time")
    reason = "media did not come back in time"
    return _failed(state, MEDIA_LOST, reason, message=reason)


def signaling_lost(state: CallState) -> Step:
    """The socket of a call that cannot do without it is gone."""
    if _is_pending_incoming(state):
        return _close(state, Emit(events.Cancelled("remote")))
    return _failed(state, SIGNALING_LOST, "signaling was lost before the call was answered", tell=False)


def description_failed(state: CallState, failed: media.DescriptionFailed) -> Step:
    """A description that does not fit ends a call at its start."""
    local = failed.failure is media.Failure.LOCAL_DESCRIPTION
    code = LOCAL_DESCRIPTION_FAILED if local else REMOTE_DESCRIPTION_FAILED
    return _failed(state, code, failed.reason)


def exhausted(state: CallState, spent: PartExhausted) -> Step:
    """The restart budget of a part is spent. A call can live without its insights."""
    if spent.part is Part.INSIGHTS:
        return state, ()
    code = MEDIA_LOST if spent.part is Part.MEDIA else SIGNALING_FAILED
    reason = f"{spent.part} was restarted too often: {spent.reason}"
    return _failed(replace(state, cause=spent.cause), code, reason)
