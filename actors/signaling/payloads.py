"""The JSON payloads, one struct per shape; field names are the wire's own."""

from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct, field

MAX_SDP_CHARS = 64 * 1024
MAX_TOKEN_CHARS = 16 * 1024
MAX_SID_CHARS = 128
MAX_TEXT_CHARS = 4 * 1024
MAX_DIGITS_CHARS = 256
MAX_PARAMETERS = 64
MAX_ERROR_CODE = 2**31 - 1

Sdp: TypeAlias = Annotated[str, Meta(max_length=MAX_SDP_CHARS)]
Sid: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_SID_CHARS)]
Token: TypeAlias = Annotated[str, Meta(max_length=MAX_TOKEN_CHARS)]
Text: TypeAlias = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
Digits: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9*#w]*\Z", max_length=MAX_DIGITS_CHARS)]
Code: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_ERROR_CODE)]
Parameters: TypeAlias = Annotated[dict[str, str | None], Meta(max_length=MAX_PARAMETERS)]


class Payload(Struct, frozen=True, omit_defaults=True):
    """Absent and null are the same on reading; defaults are left out on writing."""


class EmptyPayload(Payload, frozen=True):
    pass


class BrowserPayload(Payload, frozen=True, rename="camel"):
    platform: Text | None = None
    user_agent: Text | None = None


class BrowserInfoPayload(Payload, frozen=True):
    browser: BrowserPayload | None = None
    p: Text | None = None
    plugin: Text | None = None
    v: Text | None = None


class ListenPayload(Payload, frozen=True, rename="camel"):
    token: Token | None = None
    reconnect_timeout: float | None = None
    browserinfo: BrowserInfoPayload | None = None


class MediaPayload(Payload, frozen=True):
    audio: bool


class RegisterPayload(Payload, frozen=True):
    media: MediaPayload


class ConnectedTokenPayload(Payload, frozen=True):
    identity: Text
    ttl: float


class ConnectedPayload(Payload, frozen=True):
    token: ConnectedTokenPayload
    region: Text | None = None
    edge: Text | None = None
    home: Text | None = None
    gateway: Text | None = None


class ErrorPayload(Payload, frozen=True, rename="camel"):
    code: Code
    message: Text | None = None
    retry_after: float | None = None


class ProblemPayload(Payload, frozen=True):
    error: ErrorPayload
    callsid: Sid | None = None
    voiceeventsid: Sid | None = None


class TwilioPayload(Payload, frozen=True):
    params: str | None = None


class InvitePayload(Payload, frozen=True):
    callsid: Sid
    sdp: Sdp
    twilio: TwilioPayload | None = None
    reconnect: Token | None = None


class OfferPayload(Payload, frozen=True):
    callsid: Sid
    sdp: Sdp
    parameters: Parameters = field(default_factory=dict)
    reconnect: Token | None = None


class CallPayload(Payload, frozen=True):
    callsid: Sid


class SdpPayload(Payload, frozen=True):
    callsid: Sid
    sdp: Sdp | None = None
    reconnect: Token | None = None


class ReinvitePayload(Payload, frozen=True):
    callsid: Sid
    sdp: Sdp


class HangupPayload(Payload, frozen=True):
    callsid: Sid | None = None
    error: ErrorPayload | None = None
    message: Text | None = None


class DigitsPayload(Payload, frozen=True):
    callsid: Sid
    dtmf: Digits


class MessagePayload(Payload, frozen=True):
    callsid: Sid
    content: Any
    messagetype: Text
    voiceeventsid: Sid
    contenttype: Text | None = None


class AckPayload(Payload, frozen=True):
    callsid: Sid
    voiceeventsid: Sid
    acktype: Text | None = None
