"""A device's state as a pure machine: registration, the active call, the calls that ring."""

from dataclasses import replace
from typing import assert_never

from actors.device.state import (
    Approached,
    AskRegistration,
    BindCalls,
    CallAnswered,
    CallOver,
    CallPlaced,
    CallRings,
    CallTaken,
    Destroyed,
    DeviceState,
    DeviceStatus,
    Effect,
    EndCall,
    ErrorRaised,
    GatewayOffline,
    GatewayProblem,
    GatewayReady,
    HoldOff,
    Input,
    LetGo,
    Offered,
    OpenIncoming,
    OptionsChanged,
    RegistrationAsked,
    RejectCall,
    Settle,
    StatusChanged,
    Step,
    StreamClosed,
    StreamDown,
    StreamProblem,
    StreamUp,
    TokenExpiring,
    UnbindCalls,
)

TOKEN_REFUSALS = frozenset({31201, 31202, 31204, 31205, 31207})
BAD_REQUEST = 31400
TOKEN_EXPIRED = 31205
MAX_RETRY_AFTER = 300.0


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
        case GatewayProblem():
            return _problem(state, happened)
        case StreamProblem(code, reason):
            return state, (ErrorRaised(code, reason),)
        case Offered():
            return _offered(state, happened)
        case OptionsChanged(is_allowed, refresh):
            return replace(state, allows_incoming_while_busy=is_allowed, token_refresh_s=refresh), ()
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
        state,
        active=None,
        pending=(),
        token_due=None,
        wants_registration=False,
        is_connected=False,
        is_ringing=False,
        edge=None,
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
    if not state.wants_registration:
        return state, (BindCalls(),)
    state, effects = _become(state, DeviceStatus.REGISTERING)
    return state, (BindCalls(), *effects, AskRegistration(is_wanted=True))


def _stream_down(state: DeviceState, down: StreamDown) -> Step:
    state = replace(state, is_connected=False, edge=None)
    error = (ErrorRaised(down.code, down.reason),) if down.code is not None else ()
    is_waiting = state.status is DeviceStatus.REGISTERING
    state, effects = (state, ()) if is_waiting else _become(state, DeviceStatus.UNREGISTERED)
    return state, (UnbindCalls(), *error, *effects)


def _problem(state: DeviceState, problem: GatewayProblem) -> Step:
    """Whatever it is that the gateway objects to while we register, it will not send `ready`."""
    raised = ErrorRaised(problem.code, problem.reason, is_remote=True, call_sid=problem.call_sid)
    effects: tuple[Effect, ...] = (raised,)
    if problem.retry_after is not None and state.is_settled:
        effects += (HoldOff(min(max(0.0, problem.retry_after), MAX_RETRY_AFTER)),)
    is_registering = state.status is DeviceStatus.REGISTERING
    if problem.code in TOKEN_REFUSALS:
        state, refused = _refuse_token(state, problem.code)
    elif is_registering and state.is_connected and problem.call_sid is None:
        state, refused = _refuse_registration(state)
    else:
        refused = ()
    return state, (*effects, *refused)


def _refuse_token(state: DeviceState, code: int) -> Step:
    """A refused token ends the wish to be registered: the same token would be refused again.

    An expired one is expected to be replaced, and then we register again. Who is registered with an older
    token stays so.
    """
    is_registered = state.status is DeviceStatus.REGISTERED
    wants_registration = state.wants_registration and (code == TOKEN_EXPIRED or is_registered)
    state = replace(state, wants_registration=wants_registration, is_turned_away=not state.is_connected)
    is_registering = state.status is DeviceStatus.REGISTERING
    return _become(state, DeviceStatus.UNREGISTERED) if is_registering else (state, ())


def _refuse_registration(state: DeviceState) -> Step:
    """The stream is not to repeat what was refused."""
    state, effects = _become(replace(state, wants_registration=False), DeviceStatus.UNREGISTERED)
    return state, (AskRegistration(is_wanted=False), *effects)


def _offered(state: DeviceState, offered: Offered) -> Step:
    """A busy device lets the caller ring on, unless its user wants to know."""
    if not offered.call_sid or not offered.offer.sdp:
        return state, (ErrorRaised(BAD_REQUEST, "the gateway sent a malformed invite"),)
    if state.active is not None and not state.allows_incoming_while_busy:
        return state, ()
    return state, (OpenIncoming(offered.call_sid, offered.offer),)


def _call_changed(
    state: DeviceState, happened: CallPlaced | CallRings | CallTaken | CallAnswered | CallOver
) -> Step:
    match happened:
        case CallPlaced(key):
            placed = replace(state, active=key, pending=(), is_ringing=False)
            return placed, tuple(LetGo(other) for other in state.pending)
        case CallRings(key):
            is_ringing = state.is_ringing or state.active is None
            return replace(state, pending=(*state.pending, key), is_ringing=is_ringing), ()
        case CallTaken(key):
            return _taken(state, key)
        case CallAnswered(key):
            return _settle(state, is_settled=state.is_settled or key == state.active)
        case CallOver(key, was_ignored):
            return _over(state, key, was_ignored=was_ignored)
        case _:
            assert_never(happened)


def _taken(state: DeviceState, key: str) -> Step:
    """Only one call is active at a time."""
    ended = (EndCall(state.active),) if state.active is not None and state.active != key else ()
    state, settled = _settle(state, is_settled=True)
    state = replace(state, active=key, pending=_without(state.pending, key), is_ringing=False)
    return state, (*ended, *settled)


def _over(state: DeviceState, key: str, *, was_ignored: bool) -> Step:
    active = None if state.active == key else state.active
    pending = _without(state.pending, key)
    is_ringing = state.is_ringing and bool(pending) and not was_ignored
    state = replace(state, active=active, pending=pending, is_ringing=is_ringing)
    return _settle(state, is_settled=state.is_settled and bool(active or state.pending))


def _settle(state: DeviceState, *, is_settled: bool) -> Step:
    if state.is_settled == is_settled:
        return state, ()
    return replace(state, is_settled=is_settled), (Settle(is_settled),)


def _without(keys: tuple[str, ...], key: str) -> tuple[str, ...]:
    return tuple(other for other in keys if other != key)
