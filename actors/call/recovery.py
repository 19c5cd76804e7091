"""How a call loses its parts and gets them back.

`reconnecting` is published once for each part and outage, `reconnected` once, when the last lost
part works again. What cannot be sent while signaling is down waits in the outbox.
"""

from dataclasses import replace

from actors import events
from actors.call import ending, quality
from actors.call.state import (
    CallState,
    CallStatus,
    Direction,
    Effect,
    Emit,
    Part,
    PartDown,
    Restart,
    Role,
    Send,
    Step,
    Timer,
    ToMedia,
)
from actors.call.timers import cancel_timers, is_running, set_timer
from actors.media import messages as media
from actors.signaling import messages as wire

CODES = {
    Part.SIGNALING: ending.SIGNALING_LOST,
    Part.MEDIA: ending.MEDIA_LOST,
    Part.CALL: ending.SIGNALING_FAILED,
}
MAX_HELD_MESSAGES = 64


def send(state: CallState, *effects: Effect) -> Step:
    """Let effects happen, but hold messages to the peer while signaling is down.

    Of several unsent answers only the newest counts: it replaces the older one.
    """
    if Part.SIGNALING not in state.down:
        return state, effects
    held = list(state.outbox)
    for effect in effects:
        if isinstance(effect, Send):
            if isinstance(effect.body, wire.Answer):
                held = [s for s in held if not isinstance(s.body, wire.Answer)]
            held.append(effect)
    rest = tuple(effect for effect in effects if not isinstance(effect, Send))
    return replace(state, outbox=tuple(held[-MAX_HELD_MESSAGES:])), rest


def part_down(state: CallState, lost: PartDown, now: float) -> Step:
    if lost.part is Part.INSIGHTS:
        return state, ()
    if lost.part is Part.SIGNALING and _ends_without_signaling(state):
        return ending.signaling_lost(state)
    if lost.part in state.down:
        return state, ()
    if not state.down:
        state = replace(state, down_since=now, cause=lost.cause)
    newly = frozenset(Part) - {Part.INSIGHTS} if lost.part is Part.CALL else frozenset({lost.part})
    state = replace(state, down=state.down | newly, is_resuming=False)
    if Part.SIGNALING in newly and state.role is Role.GATEWAY:
        state = set_timer(state, Timer.HOLD, now + max(state.timing.hold, lost.hold))
    reconnecting = Emit(events.Reconnecting(lost.part, CODES[lost.part], lost.reason), lost.cause)
    state, warned = quality.media_lost(state, lost)
    state, effects = _media_down(state, lost, now) if Part.MEDIA in newly else (state, ())
    return state, (*warned, reconnecting, *effects)


def _ends_without_signaling(state: CallState) -> bool:
    """Before it has an answer, a call lives on its socket alone, and always if its client has no token.

    A ringing callee may come back.
    """
    if state.phase is CallStatus.OPEN:
        return state.role is Role.CLIENT and state.token is None
    if state.phase is CallStatus.PENDING:
        return state.direction is Direction.INCOMING
    if state.role is Role.CLIENT:
        return state.token is None
    return state.direction is Direction.INCOMING


def _media_down(state: CallState, lost: PartDown, now: float) -> Step:
    """A client restarts ICE: at once when the path is gone, later when a new incarnation should find it."""
    if not state.is_described:
        return state, ()
    client = state.role is Role.CLIENT
    limit = state.timing.client_give_up if client else state.timing.gateway_give_up
    state = set_timer(state, Timer.GIVE_UP, now + limit)
    if not client:
        return state, ()
    if lost.is_path_lost:
        return retry_ice(state, now)
    return set_timer(state, Timer.ICE_RETRY, now + state.timing.reattach), ()


def retry_ice(state: CallState, now: float) -> Step:
    """Start another ICE cycle and set the time of the next.

    An `answer` to early media's restart would be taken for the callee's, so that has to wait.
    """
    if Part.MEDIA not in state.down:
        return state, ()
    state = set_timer(state, Timer.ICE_RETRY, now + state.timing.ice_retry)
    if state.phase is not CallStatus.OPEN:
        return state, ()
    return replace(state, restart=Restart.REQUESTED), (ToMedia(media.RestartIce()),)


def restart_offered(state: CallState, sdp: str) -> Step:
    """Our ICE restart offer is ready. With signaling down it travels in the reconnect `invite`."""
    if state.restart is Restart.NONE:
        return state, ()
    state = replace(state, local_sdp=sdp, restart=Restart.OFFERED)
    if Part.SIGNALING in state.down:
        return state, ()
    return state, (Send(wire.Reinvite(sdp)),)


def part_up(state: CallState, part: Part, now: float) -> Step:
    if part not in state.down:
        return state, ()
    if part is Part.SIGNALING and _can_resume(state):
        return replace(state, is_resuming=True), (
            Send(wire.Resume(state.local_sdp or "", state.token or "")),
        )
    return _recovered(state, part, now)


def _can_resume(state: CallState) -> bool:
    return state.role is Role.CLIENT and state.token is not None and state.local_sdp is not None


def _recovered(state: CallState, part: Part, now: float) -> Step:
    state = replace(state, down=state.down - {part})
    effects: tuple[Effect, ...] = ()
    if part is Part.SIGNALING:
        effects = state.outbox
        state = cancel_timers(replace(state, outbox=(), is_resuming=False), Timer.HOLD)
    if part is Part.MEDIA:
        state = cancel_timers(replace(state, restart=Restart.NONE), Timer.GIVE_UP, Timer.ICE_RETRY)
        state, effects = quality.media_found(state)
    if state.down:
        return state, effects
    reconnected = Emit(events.Reconnected(outage=now - state.down_since), state.cause)
    return replace(state, cause=None), (*effects, reconnected)


def received_answer(state: CallState, sdp: str | None, now: float) -> Step:
    """A further `answer`: to our reconnect `invite`, to our `reinvite`, or just with a new token."""
    effects: tuple[Effect, ...] = ()
    if state.restart is Restart.OFFERED and sdp is not None:
        state = replace(state, restart=Restart.NONE)
        effects = (ToMedia(media.ApplyAnswer(sdp)),)
    if not state.is_resuming:
        return state, effects
    state, more = _recovered(state, Part.SIGNALING, now)
    if Part.MEDIA in state.down and not effects and not is_running(state, Timer.ICE_RETRY):
        state, restart = retry_ice(state, now)
        more += restart
    return state, effects + more


def resumed(state: CallState, sdp: str) -> Step:
    """The client came back with its token and its current description; media decides what that means.

    A client that was being rung takes the call by it, on the device that rang or on another.
    """
    if state.role is Role.CLIENT:
        return state, ()
    if state.phase is CallStatus.RINGING and state.is_describing:
        state = replace(state, is_answered=True, is_describing=False)
    return state, (ToMedia(media.AnswerRestart(sdp)),)


def answer_restart(state: CallState, sdp: str | None) -> Step:
    return send(state, Send(wire.Answer(sdp), renew=True))


def restart_failed(state: CallState) -> Step:
    """A restart's description does not fit. A client tries again by timer; a gateway still owes an answer."""
    return answer_restart(state, None) if state.role is Role.GATEWAY else (state, ())
