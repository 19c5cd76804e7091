"""The machine of a media actor's hold on its leg: attaching, losing the path, having it back."""

from dataclasses import replace
from typing import assert_never

from actors.events import Endpoint
from actors.media import engine_messages as e
from actors.media import messages as m
from actors.media.engine_messages import EngineEvent, IceCredentials
from actors.media.negotiation import command, open_leg
from actors.media.negotiation_state import (
    Attached,
    BecomeReady,
    Effect,
    Input,
    Negotiation,
    Phase,
    RaiseLost,
    Step,
    ToCall,
    ToEngine,
)


def step(state: Negotiation, message: Input, fresh: IceCredentials) -> Step:
    """Take one input; `fresh` are ICE credentials that were never used."""
    match message:
        case Attached():
            return _attached(state, message)
        case (
            e.PathUp()
            | e.PathLost()
            | e.LegStatus()
            | e.LegCounters()
            | e.LegVolume()
            | e.LegToneHeard()
            | e.LegToneGone()
            | e.LegPlaybackEnded()
            | e.LegDigit()
            | e.LegSecured()
        ):
            return _event(state, message, fresh)
        case _:
            return command(state, message, fresh)


def _attached(state: Negotiation, attached: Attached) -> Step:
    """A new incarnation asks how its leg fares, if it has one."""
    state = replace(state, fingerprint=attached.fingerprint, candidates=attached.candidates, is_waiting=False)
    if state.phase is Phase.CLOSED:
        return state, (
            BecomeReady(),
            ToEngine(e.CloseLeg(state.leg)),
        )
    if state.local is None:
        return state, (BecomeReady(),)
    return replace(state, is_waiting=True), (ToEngine(e.Probe(state.leg)),)


def _event(state: Negotiation, event: EngineEvent, fresh: IceCredentials) -> Step:
    if state.phase is Phase.CLOSED or state.local is None:
        return state, ()
    match event:
        case e.PathUp():
            return _path_up(state)
        case e.PathLost(_, idle):
            return _lose(state, idle)
        case e.LegStatus():
            return _status(state, event, fresh)
        case e.LegPlaybackEnded():
            return _playback_ended(state)
        case e.LegCounters():
            return _count(state, event)
        case e.LegVolume(_, sent, received):
            return state, (ToCall(m.Volume(sent, received)),)
        case e.LegToneHeard(_, hz):
            return state, (ToCall(m.ToneHeard(hz)),)
        case e.LegToneGone(_, hz):
            return state, (ToCall(m.ToneGone(hz)),)
        case e.LegDigit(_, digit, duration_ms):
            return state, (ToCall(m.DigitReceived(digit, duration_ms)),)
        case e.LegSecured():
            return state, (ToCall(_secured(event)),)
        case _:
            assert_never(event)


def _status(state: Negotiation, status: e.LegStatus, fresh: IceCredentials) -> Step:
    """Ready at once unless media has flowed before and does not flow now."""
    if not status.is_open:
        return _reopen(state, fresh)
    if status.is_flowing:
        return _path_up(state)
    if state.is_waiting and (state.has_flowed or state.is_lost):
        return replace(state, is_lost=True), ()
    return _become_ready(state)


def _reopen(state: Negotiation, fresh: IceCredentials) -> Step:
    """The engine was replaced. An offer without an answer stays good; a media session is lost with it."""
    if state.session is None:
        state, effects = open_leg(state, state.local or fresh)
        state, ready = _become_ready(state)
        return state, (*effects, *ready)
    state, effects = open_leg(state, state.reoffered or fresh)
    state, lost = _lose(replace(state, is_hollow=True), idle=0.0)
    return state, (*effects, *lost)


def _lose(state: Negotiation, idle: float) -> Step:
    """An incarnation that waits for the path, or has said that it is gone, does not say so again."""
    if state.is_waiting or state.is_lost:
        return replace(state, is_lost=True), ()
    return replace(state, is_lost=True), (RaiseLost(idle),)


def _path_up(state: Negotiation) -> Step:
    flowing: tuple[Effect, ...] = () if state.has_flowed else (ToCall(m.Flowing()),)
    state, ready = _become_ready(replace(state, has_flowed=True, is_lost=False))
    return state, (*flowing, *ready)


def _become_ready(state: Negotiation) -> Step:
    if not state.is_waiting:
        return state, ()
    return replace(state, is_waiting=False), (BecomeReady(),)


def _playback_ended(state: Negotiation) -> Step:
    """A clip that has ended is not played again to a leg that is opened again."""
    if isinstance(state.source, m.Clip) and not state.source.loop:
        state = replace(state, source=m.Silence())
    return state, (ToCall(m.PlaybackEnded()),)


def _count(state: Negotiation, counters: e.LegCounters) -> Step:
    if state.session is None:
        return state, ()
    report = m.Counters(
        at=counters.at,
        bytes_sent=counters.bytes_sent,
        packets_sent=counters.packets_sent,
        bytes_received=counters.bytes_received,
        packets_received=counters.packets_received,
        packets_lost=counters.packets_lost,
        jitter_ms=counters.jitter_ms,
        rtt_ms=counters.rtt_ms,
        codec=state.session.codec.name,
        input_levels=counters.input_levels,
        output_levels=counters.output_levels,
    )
    return state, (ToCall(report),)


def _secured(event: e.LegSecured) -> m.Secured:
    return m.Secured(
        event.ice,
        event.dtls,
        _endpoint(event.local),
        _endpoint(event.remote),
        tuple(map(_endpoint, event.candidates)),
    )


def _endpoint(candidate: e.Candidate) -> Endpoint:
    return Endpoint(candidate.host, candidate.port, candidate.priority)
