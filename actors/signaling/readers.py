"""Which payload belongs to which wire type, by direction, and the message it makes."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from actors.signaling import payloads as wire
from actors.signaling.errors import RemoteProtocolError
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
from actors.signaling.params import decode_invite_params_untrusted, decode_params_untrusted

MAX_CONTENT_DEPTH = 64
MAX_RECONNECT_TIMEOUT = 30.0
UNKNOWN_ERROR = 31000

Shape: TypeAlias = tuple[type[Any], Callable[[Any], Message | None]]


def _listen(payload: wire.ListenPayload) -> Message:
    browser = payload.browserinfo and payload.browserinfo.browser
    user_agent = (browser.user_agent if browser else None) or ""
    timeout = min(max(payload.reconnect_timeout or 0.0, 0.0), MAX_RECONNECT_TIMEOUT)
    return Listen(payload.token or "", timeout, "" if user_agent == "unknown" else user_agent)


def _register(payload: wire.RegisterPayload) -> Message:
    return Register(payload.media.audio)


def _invite(payload: wire.InvitePayload) -> Message:
    if payload.reconnect is not None:
        return Envelope(payload.callsid, Resume(payload.sdp, payload.reconnect))
    params = (payload.twilio and payload.twilio.params) or ""
    return Envelope(payload.callsid, Invite(payload.sdp, decode_invite_params_untrusted(params)))


def _offer(payload: wire.OfferPayload) -> Message:
    parameters = {key: value for key, value in payload.parameters.items() if value is not None}
    decode_params_untrusted(parameters.get("Params", ""))  # here it can still be refused
    return Envelope(payload.callsid, Offer(payload.sdp, parameters, payload.reconnect))


def _ringing(payload: wire.SdpPayload) -> Message:
    return Envelope(payload.callsid, Ringing(payload.sdp))


def _answer(payload: wire.SdpPayload) -> Message:
    return Envelope(payload.callsid, Answer(payload.sdp, payload.reconnect))


def _cancel(payload: wire.CallPayload) -> Message:
    return Envelope(payload.callsid, Cancel())


def _reject(payload: wire.CallPayload) -> Message:
    return Envelope(payload.callsid, Reject())


def _reinvite(payload: wire.ReinvitePayload) -> Message:
    return Envelope(payload.callsid, Reinvite(payload.sdp))


def _digits(payload: wire.DigitsPayload) -> Message:
    return Envelope(payload.callsid, Digits(payload.dtmf))


def _hangup(payload: wire.HangupPayload) -> Message:
    error = _error(payload.error) if payload.error else None
    return Envelope(payload.callsid, Hangup(error, payload.message))


def _user_message(payload: wire.MessagePayload) -> Message:
    if _is_deeper(payload.content, MAX_CONTENT_DEPTH):
        raise RemoteProtocolError("nested too deeply")
    content_type = payload.contenttype or "application/json"
    body = UserMessage(payload.content, payload.messagetype, payload.voiceeventsid, content_type)
    return Envelope(payload.callsid, body)


def _ack(payload: wire.AckPayload) -> Message | None:
    return Envelope(payload.callsid, Ack(payload.voiceeventsid)) if payload.acktype == "message" else None


def _connected(payload: wire.ConnectedPayload) -> Message:
    token = payload.token
    return Connected(token.identity, token.ttl, payload.edge, payload.region, payload.home, payload.gateway)


def _problem(payload: wire.ProblemPayload) -> Message:
    error = _error(payload.error)
    if payload.voiceeventsid is not None:
        return Envelope(payload.callsid, Refusal(payload.voiceeventsid, error))
    return Problem(error, payload.callsid, payload.error.retry_after)


def _error(payload: wire.ErrorPayload) -> WireError:
    return WireError(payload.code, payload.message or "")


def _is_deeper(content: object, depth: int) -> bool:
    """Whether containers are nested more than `depth` deep: what came in must also go out again."""
    layer = [content]
    for _ in range(depth):
        layer = [child for item in layer for child in _children(item)]
    return any(isinstance(item, dict | list) for item in layer)


def _children(item: object) -> list[Any]:
    match item:
        case dict():
            return list(item.values())
        case list():
            return item
        case _:
            return []


FROM_CLIENT: Mapping[str, Shape] = {
    "listen": (wire.ListenPayload, _listen),
    "register": (wire.RegisterPayload, _register),
    "invite": (wire.InvitePayload, _invite),
    "answer": (wire.SdpPayload, _answer),
    "reinvite": (wire.ReinvitePayload, _reinvite),
    "dtmf": (wire.DigitsPayload, _digits),
    "message": (wire.MessagePayload, _user_message),
    "hangup": (wire.HangupPayload, _hangup),
    "reject": (wire.CallPayload, _reject),
}

FROM_GATEWAY: Mapping[str, Shape] = {
    "connected": (wire.ConnectedPayload, _connected),
    "ready": (wire.EmptyPayload, lambda _: Registered()),
    "offline": (wire.EmptyPayload, lambda _: Offline()),
    "close": (wire.EmptyPayload, lambda _: Close()),
    "error": (wire.ProblemPayload, _problem),
    "invite": (wire.OfferPayload, _offer),
    "ringing": (wire.SdpPayload, _ringing),
    "answer": (wire.SdpPayload, _answer),
    "cancel": (wire.CallPayload, _cancel),
    "hangup": (wire.HangupPayload, _hangup),
    "message": (wire.MessagePayload, _user_message),
    "ack": (wire.AckPayload, _ack),
}
