"""Each message as its wire type and payload."""

from typing import TypeAlias, assert_never

from actors.signaling import payloads as wire
from actors.signaling.messages import (
    Ack,
    Answer,
    Cancel,
    Close,
    Connected,
    Digits,
    Envelope,
    Hangup,
    Invite,
    Listen,
    Message,
    Offer,
    Offline,
    Problem,
    Refusal,
    Register,
    Registered,
    Reinvite,
    Reject,
    Resume,
    Ringing,
    UserMessage,
    WireError,
)
from actors.signaling.params import encode_invite_params

Written: TypeAlias = tuple[str, wire.Payload]
Described: TypeAlias = Invite | Resume | Offer | Ringing | Answer | Reinvite
Plain: TypeAlias = Cancel | Reject | Digits | UserMessage | Ack

NOTHING = wire.EmptyPayload()


def frame(message: Message) -> Written:
    match message:
        case Envelope():
            return _call_frame(message)
        case Listen():
            return "listen", _listen(message)
        case Connected(identity, ttl, edge, region, home, gateway):
            token = wire.ConnectedTokenPayload(identity, ttl)
            return "connected", wire.ConnectedPayload(token, region, edge, home, gateway)
        case Register(audio):
            return "register", wire.RegisterPayload(wire.MediaPayload(audio))
        case Registered():
            return "ready", NOTHING
        case Offline():
            return "offline", NOTHING
        case Problem(error, call_sid, retry_after):
            return "error", wire.ProblemPayload(_error(error, retry_after), call_sid)
        case Close():
            return "close", NOTHING
        case _:
            assert_never(message)


def _call_frame(envelope: Envelope) -> Written:
    match envelope.body:
        case Hangup(error, message):
            return "hangup", wire.HangupPayload(envelope.call_sid, _error(error) if error else None, message)
        case Refusal(voice_event_sid, error):
            return "error", wire.ProblemPayload(_error(error), envelope.call_sid, voice_event_sid)
        case body:
            if envelope.call_sid is None:
                raise TypeError(f"{type(body).__name__} needs a call id")
            return _named_frame(envelope.call_sid, body)


def _named_frame(sid: str, body: Described | Plain) -> Written:
    match body:
        case Invite(sdp, params):
            twilio = wire.TwilioPayload(encode_invite_params(params) or None)
            return "invite", wire.InvitePayload(sid, sdp, twilio)
        case Resume(sdp, token):
            return "invite", wire.InvitePayload(sid, sdp, wire.TwilioPayload(), token)
        case Offer(sdp, parameters, reconnect):
            return "invite", wire.OfferPayload(sid, sdp, dict(parameters), reconnect)
        case Ringing(sdp):
            return "ringing", wire.SdpPayload(sid, sdp)
        case Answer(sdp, reconnect):
            return "answer", wire.SdpPayload(sid, sdp, reconnect)
        case Reinvite(sdp):
            return "reinvite", wire.ReinvitePayload(sid, sdp)
        case _:
            return _plain_frame(sid, body)


def _plain_frame(sid: str, body: Plain) -> Written:
    match body:
        case Cancel():
            return "cancel", wire.CallPayload(sid)
        case Reject():
            return "reject", wire.CallPayload(sid)
        case Digits(digits):
            return "dtmf", wire.DigitsPayload(sid, digits)
        case UserMessage(content, message_type, voice_event_sid, content_type):
            return "message", wire.MessagePayload(sid, content, message_type, voice_event_sid, content_type)
        case Ack(voice_event_sid):
            return "ack", wire.AckPayload(sid, voice_event_sid, "message")
        case _:
            assert_never(body)


def _listen(message: Listen) -> wire.ListenPayload:
    browser = wire.BrowserPayload(user_agent=message.user_agent or "unknown", platform="unknown")
    timeout = message.reconnect_timeout
    return wire.ListenPayload(
        token=message.token,
        reconnect_timeout=int(timeout) if timeout.is_integer() else timeout,
        browserinfo=wire.BrowserInfoPayload(browser, p="browser", plugin="rtc"),
    )


def _error(error: WireError, retry_after: float | None = None) -> wire.ErrorPayload:
    return wire.ErrorPayload(error.code, error.message, retry_after)
