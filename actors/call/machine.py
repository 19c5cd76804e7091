"""The call's state machine: one pure function for both roles and both directions.

`step` takes what happened, `expire` takes the time; both return the next state and the effects, in
the order in which they are to happen. Recovery lives in `recovery`, endings in `ending`.
"""

from dataclasses import replace
from typing import assert_never

from actors import events
from actors.call import ending, quality, recovery
from actors.call.state import (
    Accept,
    Alert,
    CallState,
    CallStatus,
    Direction,
    Disconnect,
    Effect,
    Emit,
    Ignore,
    Input,
    Measured,
    Mute,
    Part,
    PartDown,
    PartExhausted,
    PartUp,
    Received,
    Reject,
    Reported,
    Role,
    Send,
    SendMessage,
    Step,
    TellVolume,
    Timer,
    ToInsights,
    ToMedia,
    UseMedia,
)
from actors.call.timers import cancel_timers, set_timer
from actors.media import messages as media
from actors.signaling import messages as wire

NOT_SENT = 31005
UNANSWERED = (CallStatus.CONNECTING, CallStatus.RINGING)
NOMINAL_DIGIT_MS = 160
"""A digit that comes in a message has no length; this is what the browser SDK makes its tones."""


def create(state: CallState, now: float) -> Step:
    """The first step of a call: it announces itself; an unanswered call at the gateway has a time limit."""
    if state.role is Role.GATEWAY:
        state = set_timer(state, Timer.RING, now + state.timing.ring)
    created = events.CallCreated(
        direction=state.direction,
        role=state.role,
        caller=state.parameters.get("From", ""),
        callee=state.parameters.get("To", ""),
    )
    return state, (Emit(created),)


def step(state: CallState, happened: Input, now: float) -> Step:  # noqa: C901 - one clause for each input
    """What a call does about one input. Inputs that no longer matter change nothing."""
    if state.is_over:
        return state, ()
    match happened:
        case Accept(codecs):
            return _accept(state, codecs)
        case Alert(has_early_media):
            return _alert(state, has_early_media)
        case Reject(error):
            return ending.reject(state, error)
        case Ignore():
            return ending.ignore(state)
        case Disconnect(error):
            return ending.disconnect(state, error)
        case Mute(should_mute):
            return _mute(state, should_mute)
        case SendMessage():
            return _send_message(state, happened)
        case UseMedia(media.SendDigits(digits)) if not state.has_telephone_events:
            return _send_digits_by_message(state, digits)
        case UseMedia(command):
            return state, (ToMedia(command),)
        case Received(body, call_sid):
            return _received(state, body, call_sid, now)
        case Reported(report):
            return _reported(state, report, now)
        case Measured():
            return quality.measured(state, happened)
        case PartDown():
            return recovery.part_down(state, happened, now)
        case PartUp(part):
            return recovery.part_up(state, part, now)
        case PartExhausted():
            return ending.exhausted(state, happened)
        case _:
            assert_never(happened)


def expire(state: CallState, now: float) -> Step:
    """Handle every timer that is due at `now`."""
    effects: tuple[Effect, ...] = ()
    for timer, at in sorted(state.timers, key=lambda entry: entry[1]):
        if at > now or state.is_over:
            break
        state = cancel_timers(state, timer)
        state, more = _timer_fired(state, timer, now)
        effects += more
    return state, effects


def _timer_fired(state: CallState, timer: Timer, now: float) -> Step:
    match timer:
        case Timer.RING:
            return ending.unanswered(state)
        case Timer.HOLD | Timer.GIVE_UP:
            return ending.given_up(state, timer)
        case Timer.ICE_RETRY:
            return recovery.retry_ice(state, now)
        case _:
            assert_never(timer)


# --- commands ------------------------------------------------------------------------------------


def _accept(state: CallState, codecs: tuple[str, ...]) -> Step:
    if state.phase is not CallStatus.PENDING:
        return state, ()
    state = replace(state, phase=CallStatus.CONNECTING, codecs=codecs or state.codecs)
    if state.direction is Direction.OUTGOING:
        return replace(state, is_describing=True), (
            ToMedia(media.CreateOffer(state.codecs, state.max_average_bitrate)),
        )
    state = replace(state, is_answered=True)
    if state.is_described:
        return _open(state, (Send(wire.Answer(), renew=True),))
    return _answer_offer(state)


def _alert(state: CallState, has_early_media: bool) -> Step:
    if (
        state.phase is not CallStatus.PENDING
        or state.role is Role.CLIENT
        or state.direction is Direction.OUTGOING
    ):
        return state, ()
    if has_early_media and not state.is_described:
        return _answer_offer(state)
    return recovery.send(state, Send(wire.Ringing()), Emit(events.Ringing(has_early_media=False)))


def _answer_offer(state: CallState) -> Step:
    if state.is_describing or state.remote_offer is None:
        return state, ()
    answer = media.AnswerOffer(state.remote_offer, state.codecs, state.max_average_bitrate)
    return replace(state, is_describing=True), (ToMedia(answer),)


def _mute(state: CallState, should_mute: bool) -> Step:
    if should_mute == state.is_muted:
        return state, ()
    return replace(state, is_muted=should_mute), (
        ToMedia(media.SetMuted(should_mute)),
        Emit(events.Muted(should_mute)),
    )


def _send_digits_by_message(state: CallState, digits: str) -> Step:
    """The peer takes no telephone-events. Late digits are of no use: they do not wait for signaling."""
    if state.role is Role.GATEWAY:
        return state, ()
    if Part.SIGNALING in state.down:
        return state, (Emit(events.Failed(NOT_SENT, "digits cannot be sent while signaling is down")),)
    return state, (Send(wire.Digits(digits)),)


def _send_message(state: CallState, command: SendMessage) -> Step:
    message = command.message
    if state.role is Role.CLIENT:
        state = replace(state, unacknowledged=(*state.unacknowledged, command))
        return recovery.send(state, Send(message))
    sent = events.MessageSent(
        message.voice_event_sid, message.message_type, command.content_type, message.content
    )
    return recovery.send(state, Send(message), Emit(sent))


# --- messages of the peer ------------------------------------------------------------------------


def _received(  # noqa: C901 - one clause for each message
    state: CallState, body: wire.CallMessage, call_sid: str | None, now: float
) -> Step:
    match body:
        case wire.Ringing(sdp):
            return _received_ringing(state, sdp, call_sid)
        case wire.Answer():
            return _received_answer(state, body, call_sid, now)
        case wire.Cancel():
            return ending.cancelled(state)
        case wire.Hangup(error, message):
            return ending.hung_up(state, error, message)
        case wire.Reject():
            return ending.declined(state)
        case wire.Reinvite(sdp):
            return state, (ToMedia(media.AnswerRestart(sdp)),) if state.role is Role.GATEWAY else ()
        case wire.Resume(sdp):
            return recovery.resumed(state, sdp)
        case wire.Digits(digits):
            return state, tuple(_signaled(digit) for digit in digits if digit != "w")
        case wire.UserMessage():
            return _received_message(state, body)
        case wire.Ack(voice_event_sid):
            return _acknowledged(state, voice_event_sid)
        case wire.Refusal(voice_event_sid, error):
            return _refused(state, voice_event_sid, error)
        case wire.Invite() | wire.Offer():
            return state, ()
        case _:
            assert_never(body)


def _signaled(digit: str) -> Emit:
    return Emit(events.DigitReceived(digit, NOMINAL_DIGIT_MS, is_signaled=True))


def _received_ringing(state: CallState, sdp: str | None, call_sid: str | None) -> Step:
    if state.role is Role.GATEWAY or state.direction is Direction.INCOMING or state.phase not in UNANSWERED:
        return state, ()
    state = replace(state, call_sid=call_sid or state.call_sid, phase=CallStatus.RINGING)
    effects: tuple[Emit | ToMedia, ...] = (Emit(events.Ringing(has_early_media=sdp is not None)),)
    if sdp is not None and state.is_describing:
        state = replace(state, is_describing=False)
        effects += (ToMedia(media.ApplyAnswer(sdp)),)
    return state, effects


def _received_answer(state: CallState, body: wire.Answer, call_sid: str | None, now: float) -> Step:
    if state.role is Role.CLIENT and body.reconnect:
        state = replace(state, token=body.reconnect)
    if state.phase in UNANSWERED and state.direction is Direction.OUTGOING:
        state, effects = _answered(replace(state, call_sid=call_sid or state.call_sid), body.sdp)
        state, more = recovery.received_answer(state, None, now)
        return state, (*effects, *more)
    return recovery.received_answer(state, body.sdp, now)


def _answered(state: CallState, sdp: str | None) -> Step:
    """The callee took the call. Its description may have come before, as early media."""
    state = replace(state, is_answered=True)
    if sdp is not None and state.is_describing:
        return replace(state, is_describing=False), (ToMedia(media.ApplyAnswer(sdp)),)
    return _open(state) if state.is_described else (state, ())


def _received_message(state: CallState, message: wire.UserMessage) -> Step:
    received = Emit(
        events.MessageReceived(
            message.voice_event_sid, message.message_type, message.content_type, message.content
        )
    )
    if state.role is Role.GATEWAY:
        return recovery.send(state, Send(wire.Ack(message.voice_event_sid)), received)
    return state, (received,)


def _without_message(state: CallState, voice_event_sid: str) -> tuple[CallState, SendMessage | None]:
    sent = next((c for c in state.unacknowledged if c.message.voice_event_sid == voice_event_sid), None)
    left = tuple(c for c in state.unacknowledged if c is not sent)
    return replace(state, unacknowledged=left), sent


def _acknowledged(state: CallState, voice_event_sid: str) -> Step:
    state, sent = _without_message(state, voice_event_sid)
    if sent is None:
        return state, ()
    message = sent.message
    event = events.MessageSent(
        message.voice_event_sid, message.message_type, sent.content_type, message.content
    )
    return state, (Emit(event),)


def _refused(state: CallState, voice_event_sid: str, error: wire.WireError) -> Step:
    state, sent = _without_message(state, voice_event_sid)
    if sent is None:
        return state, ()
    refused = events.Failed(error.code, error.message, is_remote=True, voice_event_sid=voice_event_sid)
    return state, (Emit(refused),)


# --- reports of the media actor --------------------------------------------------------------------


def _reported(  # noqa: C901 - one clause for each report
    state: CallState, report: media.Report, now: float
) -> Step:
    match report:
        case media.LocalOffer(sdp, restart):
            return _offer_made(state, sdp) if not restart else recovery.restart_offered(state, sdp)
        case media.LocalAnswer(sdp, codec, restart, has_events):
            state = replace(state, codec=codec, local_sdp=sdp, has_telephone_events=has_events)
            return _answer_made(state, sdp) if not restart else recovery.answer_restart(state, sdp)
        case media.Applied(codec, restart, has_events):
            described = replace(state, codec=codec, has_telephone_events=has_events)
            return _described(described) if not restart else (state, ())
        case media.Kept():
            return recovery.answer_restart(state, None)
        case media.DescriptionFailed():
            return (
                recovery.restart_failed(state) if report.restart else ending.description_failed(state, report)
            )
        case media.Flowing():
            return state, (Emit(events.MediaFlowing()),)
        case media.Secured(ice, dtls, local, remote, candidates):
            return state, (Emit(events.MediaSecured(ice, dtls, local, remote, candidates)),)
        case media.Counters():
            return state, (ToInsights(report),)
        case media.Volume():
            return state, (TellVolume(report),)
        case media.ToneHeard(hz):
            return state, (Emit(events.ToneHeard(hz)),)
        case media.ToneGone(hz):
            return state, (Emit(events.ToneGone(hz)),)
        case media.PlaybackEnded():
            return state, (Emit(events.PlaybackEnded()),)
        case media.DigitReceived(digit, duration_ms):
            return state, (Emit(events.DigitReceived(digit, duration_ms)),)
        case _:
            assert_never(report)


def _offer_made(state: CallState, sdp: str) -> Step:
    if state.phase is not CallStatus.CONNECTING:
        return state, ()
    state = replace(state, local_sdp=sdp)
    if state.role is Role.CLIENT and state.token is not None:
        return _take_over(state, sdp, state.token)
    if state.role is Role.CLIENT:
        return recovery.send(state, Send(wire.Invite(sdp, state.custom_parameters)))
    state = replace(state, phase=CallStatus.RINGING)
    return recovery.send(
        state,
        Send(wire.Offer(sdp, state.parameters), renew=True),
        Emit(events.Ringing(has_early_media=False)),
    )


def _take_over(state: CallState, sdp: str, token: str) -> Step:
    """A call that began with another's token. With signaling down, the offer travels with the resumption."""
    return state, () if Part.SIGNALING in state.down else (Send(wire.Resume(sdp, token)),)


def _answer_made(state: CallState, sdp: str) -> Step:
    state = replace(state, is_describing=False, is_described=True)
    if state.is_answered:
        return _open(state, (Send(wire.Answer(sdp), renew=True),))
    return recovery.send(state, Send(wire.Ringing(sdp)), Emit(events.Ringing(has_early_media=True)))


def _described(state: CallState) -> Step:
    state = replace(state, is_described=True)
    return _open(state) if state.is_answered else (state, ())


def _open(state: CallState, sends: tuple[Send, ...] = ()) -> Step:
    """Answered and described: the call is open, whatever the path does. `accept` comes before the message."""
    state = cancel_timers(replace(state, phase=CallStatus.OPEN), Timer.RING)
    return recovery.send(state, Emit(events.Accepted(state.codec or "")), *sends)
