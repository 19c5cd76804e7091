"""The machine of one leg's media session: descriptions in and out, engine commands, loss and return.

Pure. `step` takes a pair of ICE credentials that was never used; once it is in the state, the next
step needs another.
"""

from dataclasses import replace
from typing import assert_never

from msgspec import structs

from actors.media import engine_messages as e
from actors.media import messages as m
from actors.media.description import (
    DEFAULT_CODECS,
    OFFERED_PAYLOAD_TYPES,
    OWN_LAYOUT,
    SHAPES,
    DescriptionError,
    Kind,
    RemoteDescription,
    choose_codec,
    choose_dtls_role,
)
from actors.media.engine_messages import Codec, IceCredentials
from actors.media.messages import Command, Failure
from actors.media.negotiation_state import (
    Effect,
    Negotiation,
    Phase,
    Session,
    Step,
    ToCall,
    ToEngine,
)
from actors.media.sdp import parse_description_untrusted
from actors.media.sdp_write import write_answer, write_offer, write_reoffer


def command(state: Negotiation, message: Command, fresh: IceCredentials) -> Step:
    """What the call wants. Descriptions that cannot be used become `DescriptionFailed`."""
    if state.phase is Phase.CLOSED:
        return state, ()
    match message:
        case m.CreateOffer(codecs, bitrate):
            return _create_offer(replace(state, max_average_bitrate=bitrate), codecs, fresh)
        case m.AnswerOffer(sdp, codecs, bitrate):
            return _answer_offer(replace(state, allowed=codecs, max_average_bitrate=bitrate), sdp, fresh)
        case m.ApplyAnswer(sdp):
            return _apply_answer(state, sdp)
        case m.RestartIce():
            return _restart_ice(state, fresh)
        case m.AnswerRestart(sdp):
            return _answer_restart(state, sdp, fresh)
        case m.CloseMedia():
            return replace(state, phase=Phase.CLOSED), (ToEngine(e.CloseLeg(state.leg)),)
        case m.Play() | m.ListenFor() | m.Measure() | m.SetMuted() | m.SendDigits():
            return _set(state, message)
        case _:
            assert_never(message)


def open_leg(state: Negotiation, local: IceCredentials) -> Step:
    """Reserve the leg, and give it all that was asked for so far."""
    opened: list[e.EngineCommand] = [e.OpenLeg(state.leg, state.role, local)]
    opened += [e.Feed(state.leg, state.source)] if state.source is not None else []
    opened += [e.Detect(state.leg, state.tones)] if state.tones else []
    opened += [e.MeasureLeg(state.leg, state.metering)] if state.metering is not m.Metering.OFF else []
    opened += [e.MuteLeg(state.leg, muted=True)] if state.is_muted else []
    return replace(state, local=local), tuple(map(ToEngine, opened))


def _set(state: Negotiation, message: m.Play | m.ListenFor | m.Measure | m.SetMuted | m.SendDigits) -> Step:
    """Remembered for a leg that is not open yet or has to be opened again; digits are of the moment."""
    todo: e.EngineCommand
    match message:
        case m.Play(source):
            state, todo = replace(state, source=source), e.Feed(state.leg, source)
        case m.ListenFor(hz):
            state, todo = replace(state, tones=hz), e.Detect(state.leg, hz)
        case m.Measure(metering):
            state, todo = replace(state, metering=metering), e.MeasureLeg(state.leg, metering)
        case m.SetMuted(muted):
            state, todo = replace(state, is_muted=muted), e.MuteLeg(state.leg, muted)
        case m.SendDigits(digits):
            todo = e.InsertDigits(state.leg, digits)
        case _:
            assert_never(message)
    return state, () if state.local is None else (ToEngine(todo),)


# --- we offer -----------------------------------------------------------------------------------


def _create_offer(state: Negotiation, codecs: tuple[str, ...], fresh: IceCredentials) -> Step:
    names = tuple(dict.fromkeys(name for name in codecs or DEFAULT_CODECS if name in SHAPES))
    if not names:
        return _fail(state, Failure.LOCAL_DESCRIPTION, "none of the codecs asked for is known here")
    if state.session is not None:
        return _fail(state, Failure.LOCAL_DESCRIPTION, "there is a media session already")
    effects: tuple[Effect, ...] = ()
    local = state.local
    if local is None:
        local = fresh
        state, effects = open_leg(state, local)
    state = replace(state, phase=Phase.OFFERED, offered=names, version=state.version + 1)
    return state, (*effects, ToCall(m.LocalOffer(write_offer(state.describe(local), names))))


def _restart_ice(state: Negotiation, fresh: IceCredentials) -> Step:
    session = state.session
    if session is None:
        return _fail(state, Failure.LOCAL_DESCRIPTION, "no media session to restart", restart=True)
    state = replace(state, phase=Phase.REOFFERED, reoffered=fresh, version=state.version + 1)
    sdp = write_reoffer(state.describe(fresh), session.layout, session.codec)
    return state, (ToEngine(e.RestartLeg(state.leg, fresh)), ToCall(m.LocalOffer(sdp, restart=True)))


def _apply_answer(state: Negotiation, sdp: str) -> Step:
    """The answer to our offer, if there is one without an answer."""
    is_restart = state.phase is Phase.REOFFERED
    if not is_restart and state.phase is not Phase.OFFERED:
        return state, ()
    try:
        remote = parse_description_untrusted(sdp, Kind.ANSWER)
        return _apply_restart(state, remote) if is_restart else _apply_first(state, remote)
    except DescriptionError as error:
        return _fail(state, Failure.REMOTE_DESCRIPTION, str(error), restart=is_restart)


def _apply_first(state: Negotiation, remote: RemoteDescription) -> Step:
    codec = choose_codec(remote, state.offered, OFFERED_PAYLOAD_TYPES)
    layout = OWN_LAYOUT.agreed(remote.layout)
    session = Session(remote, layout, codec, choose_dtls_role(remote, state.role))
    state, effects = _negotiate(state, session)
    return state, (*effects, ToCall(m.Applied(codec.name, has_events=_has_events(codec))))


def _apply_restart(state: Negotiation, remote: RemoteDescription) -> Step:
    """The usual answer carries the session on; one from a replaced peer begins another."""
    was = state.session
    if was is None:
        return state, ()
    codec = choose_codec(remote, (was.codec.name,), {was.codec.name: was.codec.receive_payload_type})
    session = Session(remote, was.layout, codec, was.dtls)
    state = replace(state, local=state.reoffered, reoffered=None)
    if state.is_hollow or remote.fingerprint != was.remote.fingerprint:
        session = replace(session, dtls=choose_dtls_role(remote, state.role))
        state, effects = _negotiate(state, session)
    else:
        state, effects = _carry_on(state, was, session)
    return state, (*effects, ToCall(m.Applied(codec.name, restart=True, has_events=_has_events(codec))))


# --- the peer offers ----------------------------------------------------------------------------


def _answer_offer(state: Negotiation, sdp: str, fresh: IceCredentials) -> Step:
    try:
        remote = parse_description_untrusted(sdp, Kind.OFFER)
        return _answer(state, remote, fresh, restart=False)
    except DescriptionError as error:
        return _fail(state, Failure.REMOTE_DESCRIPTION, str(error))


def _answer_restart(state: Negotiation, sdp: str, fresh: IceCredentials) -> Step:
    """Reconnecting peers send whatever their local description is: their offer, or their old answer."""
    if state.phase is Phase.OFFERED:
        return _take_up(state, sdp, fresh)
    try:
        remote = parse_description_untrusted(sdp)
        if remote.kind is Kind.OFFER:
            return _answer(state, remote, fresh, restart=True)
    except DescriptionError as error:
        return _fail(state, Failure.REMOTE_DESCRIPTION, str(error), restart=True)
    if state.session is None or state.session.remote.fingerprint == remote.fingerprint:
        return state, (ToCall(m.Kept()),)
    return _fail(state, Failure.REMOTE_DESCRIPTION, "an answer from another media session", restart=True)


def _take_up(state: Negotiation, sdp: str, fresh: IceCredentials) -> Step:
    """Our first offer is out: who takes the call up answers it late, or offers from another device."""
    try:
        remote = parse_description_untrusted(sdp)
        if remote.kind is Kind.OFFER:
            return _answer(replace(state, allowed=state.offered), remote, fresh, restart=False)
        state, effects = _apply_first(state, remote)
    except DescriptionError as error:
        return _fail(state, Failure.REMOTE_DESCRIPTION, str(error))
    return state, (*effects, ToCall(m.Kept()))


def _answer(state: Negotiation, remote: RemoteDescription, fresh: IceCredentials, *, restart: bool) -> Step:
    was = state.session
    if was is None or was.remote.fingerprint != remote.fingerprint:
        names = state.allowed if was is None else (was.codec.name, *(state.allowed or SHAPES))
        codec = _prefer(remote, names)
        session = Session(remote, remote.layout, codec, choose_dtls_role(remote, state.role))
        return _answer_new(state, session, fresh, restart=restart)
    session = Session(remote, remote.layout, _choose_again(remote, was.codec), was.dtls)
    if state.is_hollow:
        return _answer_new(state, session, fresh, restart=restart)
    if was.remote.ice == remote.ice:
        report = ToCall(m.Kept()) if restart else _local_answer(state, was, restart=False)
        return state, (report,)
    state = replace(state, local=fresh, reoffered=None, version=state.version + 1)
    state, effects = _carry_on(state, was, session)
    renewed = ToEngine(e.RestartLeg(state.leg, fresh))
    return state, (renewed, *effects, _local_answer(state, session, restart=restart))


def _prefer(remote: RemoteDescription, names: tuple[str, ...]) -> Codec:
    """The first of `names` that the peer has; without names, the peer's favourite."""
    offered = {codec.name for codec in remote.codecs}
    favourite = next((name for name in names if name in offered), None)
    if favourite is not None:
        return choose_codec(remote, (favourite,))
    return choose_codec(remote, names or SHAPES)


def _choose_again(remote: RemoteDescription, was: Codec) -> Codec:
    """The codec in use, if the peer still has it."""
    names = {codec.name for codec in remote.codecs}
    return choose_codec(remote, (was.name,)) if was.name in names else choose_codec(remote)


def _answer_new(state: Negotiation, session: Session, fresh: IceCredentials, *, restart: bool) -> Step:
    """A new media session, on a new leg or in place of the one on ours."""
    effects: tuple[Effect, ...]
    if state.local is None:
        state, effects = open_leg(state, fresh)
    else:
        state, effects = replace(state, local=fresh), (ToEngine(e.RestartLeg(state.leg, fresh)),)
    state, begun = _negotiate(replace(state, reoffered=None, version=state.version + 1), session)
    return state, (*effects, *begun, _local_answer(state, session, restart=restart))


def _carry_on(state: Negotiation, was: Session, session: Session) -> Step:
    """An ICE restart: DTLS and SRTP stay, the codec too unless the peer has changed it."""
    todo: e.EngineCommand = e.RestartPeer(state.leg, session.remote.ice, session.remote.candidates)
    if _is_same_format(was.codec, session.codec):
        session = replace(session, codec=was.codec)
    else:
        todo = e.Negotiate(state.leg, session.peer, session.dtls, session.codec)
    return replace(state, phase=Phase.ESTABLISHED, session=session), (ToEngine(todo),)


def _is_same_format(one: Codec, other: Codec) -> bool:
    """Whether packets look the same; a bitrate wish in `fmtp` is no reason to begin anew."""
    return structs.replace(one, fmtp="") == structs.replace(other, fmtp="")


def _negotiate(state: Negotiation, session: Session) -> Step:
    begun = e.Negotiate(state.leg, session.peer, session.dtls, session.codec)
    state = replace(state, phase=Phase.ESTABLISHED, session=session, has_flowed=False, is_hollow=False)
    return state, (ToEngine(begun),)


def _local_answer(state: Negotiation, session: Session, *, restart: bool) -> ToCall:
    if state.local is None:
        raise AssertionError("an answer without a leg")
    sdp = write_answer(state.describe(state.local), session.remote, session.codec, session.dtls)
    return ToCall(m.LocalAnswer(sdp, session.codec.name, restart, _has_events(session.codec)))


def _has_events(codec: Codec) -> bool:
    return codec.dtmf_payload_type is not None


def _fail(state: Negotiation, failure: Failure, reason: str, *, restart: bool = False) -> Step:
    return state, (ToCall(m.DescriptionFailed(failure, reason, restart)),)
