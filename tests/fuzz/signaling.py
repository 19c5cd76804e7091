"""Targets for what comes as text: frames, tokens and parameters."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

from actors.call.parameters import (
    MAX_CONNECT_TOKEN_CHARS,
    ConnectToken,
    decode_connect_token_untrusted,
    encode_connect_token,
)
from actors.errors import InvalidArgumentError
from actors.gateway.message_policy import MessagePolicy, begin, judge
from actors.redact import redact
from actors.signaling import messages as wire
from actors.signaling.errors import RemoteProtocolError
from actors.signaling.messages import Message
from actors.signaling.params import (
    MAX_PARAMS_CHARS,
    decode_invite_params_untrusted,
    decode_params_untrusted,
    encode_invite_params,
    encode_params,
)
from actors.signaling.schema import (
    MAX_FRAME_CHARS,
    decode_client_untrusted,
    decode_gateway_untrusted,
    encode,
)
from actors.signaling.token import (
    CONTENT_TYPE,
    MAX_IDENTITY_CHARS,
    MAX_TOKEN_CHARS,
    Keyring,
    TokenRefused,
    mint,
    verify_untrusted,
)
from tests.fuzz.target import MEBIBYTE, Cursor, Memory, Target, packed

NOW = 1_700_000_000.0
ACCOUNT, KEY, SECRET = "AC1", "SK1", "b7f0" * 8
KEYS = Keyring({KEY: SECRET})
CALL, EVENT = "CA1", "KX1"
SDP = "v=0\r\n"

CLIENT_SAYS: tuple[Message, ...] = (
    wire.Listen("token", 30.0, "browser"),
    wire.Register(audio=True),
    wire.Register(audio=False),
    wire.Envelope("TJ1", wire.Invite(SDP, {"To": "bob", "a b": "c&d"})),
    wire.Envelope(CALL, wire.Resume(SDP, "rt")),
    wire.Envelope(CALL, wire.Answer(SDP)),
    wire.Envelope(CALL, wire.Hangup(wire.WireError(31000, "why"), "fatal")),
    wire.Envelope(CALL, wire.Reject()),
    wire.Envelope(CALL, wire.Reinvite(SDP)),
    wire.Envelope(CALL, wire.Digits("12w#")),
    wire.Envelope(CALL, wire.UserMessage({"deep": [1, None, [2.5, "x"]]}, "type", EVENT)),
)
GATEWAY_SAYS: tuple[Message, ...] = (
    wire.Connected("alice", 3600.0, "here", "region", "home", "gateway"),
    wire.Registered(),
    wire.Offline(),
    wire.Close(),
    wire.Problem(wire.WireError(31205, "expired"), CALL, 5.0),
    wire.Envelope(CALL, wire.Offer(SDP, {"From": "bob", "Params": encode_params({"a": "b c"})}, "rt")),
    wire.Envelope(CALL, wire.Ringing(SDP)),
    wire.Envelope(CALL, wire.Answer(SDP, "rt")),
    wire.Envelope(CALL, wire.Cancel()),
    wire.Envelope(CALL, wire.Hangup(wire.WireError(31480, "busy"))),
    wire.Envelope(CALL, wire.UserMessage("text", "type", EVENT, "text/plain")),
    wire.Envelope(CALL, wire.Ack(EVENT)),
    wire.Envelope(CALL, wire.Refusal(EVENT, wire.WireError(31212, "large"))),
)


def text_of(data: bytes) -> str:
    """Any text: what is no UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


# --- frames -----------------------------------------------------------------------------------------------


def check_message(message: Message) -> None:
    """What was read can be written, judged and logged."""
    encode(message)
    redact({"message": message})
    match message:
        case wire.Envelope(_, wire.UserMessage() as body):
            judge(MessagePolicy(), begin(MessagePolicy(), 0.0), body, 0.0)


def read_client_frame(data: bytes) -> None:
    check_message(decode_client_untrusted(text_of(data)))


def read_gateway_frame(data: bytes) -> None:
    message = decode_gateway_untrusted(text_of(data))
    if message is not None:
        check_message(message)


def written(messages: tuple[Message, ...]) -> Callable[[], Iterator[bytes]]:
    return lambda: (encode(message).encode() for message in messages)


def large_frames() -> Iterator[bytes]:
    """Containers and keys that take far more room in memory than in JSON."""
    head = b'{"type":"message","payload":{"callsid":"a","messagetype":"b","voiceeventsid":"c","content":'
    room = MAX_FRAME_CHARS - len(head) - 4
    for unit in (b"[]", b"{}", b"0", b"1.5", b'""'):
        yield head + b"[" + b",".join([unit] * (room // (len(unit) + 1))) + b"]}}"
    keys = b",".join(b'"%x":0' % number for number in range(room // 10))
    yield head + b"{" + keys + b"}}}"
    yield head + b"[" * (room // 2) + b"]" * (room // 2) + b"}}"
    yield b'{"type":"invite","payload":{"callsid":"a","sdp":"","parameters":{' + keys + b"}}}"
    params = b"&".join(b"%x" % number for number in range(room // 8))
    yield b'{"type":"invite","payload":{"callsid":"a","sdp":"","twilio":{"params":"' + params + b'"}}}'
    yield b'{"type":"error","payload":{"error":{"code":' + b"9" * 4000 + b"}}}"
    yield b" " * (2 * MAX_FRAME_CHARS)


FIELDS = (
    "type payload callsid sdp token media audio twilio params parameters reconnect error code message"
    " content messagetype voiceeventsid contenttype acktype dtmf reconnectTimeout browserinfo identity"
    " ttl retryAfter"
)
FRAME_WORDS = tuple(f'"{name}":'.encode() for name in FIELDS.split())


# --- tokens -----------------------------------------------------------------------------------------------


def unpadded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def signed(header: bytes, payload: bytes) -> str:
    """What the holder of a key could send, whatever it says."""
    head = unpadded(header) + b"." + unpadded(payload)
    return (head + b"." + unpadded(hmac.digest(SECRET.encode(), head, "sha256"))).decode()


def read_token(data: bytes) -> None:
    cursor = Cursor(data)
    token = signed(cursor.chunk(), cursor.rest()) if cursor.pick((True, False)) else text_of(cursor.rest())
    access = verify_untrusted(token, keys=KEYS, now=NOW)
    assert access.key == KEY
    assert access.expires_at > NOW
    assert 0 < len(access.identity) <= MAX_IDENTITY_CHARS


def tokens() -> Iterator[bytes]:
    token = mint("alice", account=ACCOUNT, key=KEY, secret=SECRET, now=NOW)
    yield b"\1" + token.encode()
    header = json.dumps({"typ": "JWT", "cty": CONTENT_TYPE, "alg": "HS256"}).encode()
    payload = token.split(".")[1]
    yield b"\0" + packed(header) + base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    yield b"\0" + packed(b'{"alg":"HS512","cty":"twilio-fpa;v=1","b64":false,"crit":["b64"],"kid":7}') + b"{}"


def large_tokens() -> Iterator[bytes]:
    header = unpadded(json.dumps({"cty": CONTENT_TYPE, "alg": "HS256"}).encode())
    deep = unpadded(b"[" * (MAX_TOKEN_CHARS // 2))
    wide = unpadded(b'{"iss":"SK1","x":[' + b"{}," * 3000 + b"0]}")
    yield b"\1" + header + b"." + deep + b"."
    yield b"\1" + header + b"." + wide + b".AAAA"
    yield b"\1" + b"." * (2 * MAX_TOKEN_CHARS)


def read_connect_token(data: bytes) -> None:
    cursor = Cursor(data)
    mode = cursor.pick(("json", "escaped", "text"))
    text = text_of(cursor.rest())
    if mode != "text":
        escaped = quote(text, errors="surrogateescape") if mode == "json" else text
        text = base64.b64encode(escaped.encode("utf-8", "surrogateescape")).decode()
    token = decode_connect_token_untrusted(text)
    assert token.reconnect
    assert "CallSid" in token.parameters


def connect_tokens() -> Iterator[bytes]:
    text = encode_connect_token(ConnectToken({"a": "b"}, {"CallSid": CALL, "From": "bob"}, "rt"))
    yield b"\2" + text.encode()
    yield b"\1" + base64.b64decode(text)
    yield b'\0{"parameters":{"CallSid":1,"x":[{}]},"signalingReconnectToken":"rt","customParameters":{}}'


def large_connect_tokens() -> Iterator[bytes]:
    deep = b'\0{"signalingReconnectToken":"rt","parameters":{"CallSid":%s}}'
    for depth in (300, 480, 960, 20_000):
        yield deep % (b"[" * depth + b"]" * depth)
    yield deep % (b"9" * 5000)
    yield b"\1" + b"[{}," * (MAX_CONNECT_TOKEN_CHARS // 6)
    yield b"\2" + b"A" * (2 * MAX_CONNECT_TOKEN_CHARS)


# --- parameters -------------------------------------------------------------------------------------------


def read_params(data: bytes) -> None:
    text = text_of(data)
    dialled, rung = decode_invite_params_untrusted(text), decode_params_untrusted(text)
    for params in (dialled, rung):
        assert all(params)


def param_texts() -> Iterator[bytes]:
    params = {"To": "bob", "über": "ä&=+%/?:@,;#", "kept": "-_.!~*'()"}
    yield encode_invite_params(params).encode()
    yield encode_params(params).encode()
    yield b"=lost&&a=b=c&bare&bad=%zz%ff+%20"


def large_params() -> Iterator[bytes]:
    yield b"&" * MAX_PARAMS_CHARS
    yield b"%41" * (MAX_PARAMS_CHARS // 3)
    yield b"&".join(b"%d" % number for number in range(MAX_PARAMS_CHARS // 6))
    yield b"%ff" * MAX_PARAMS_CHARS


PROTOCOL = (RemoteProtocolError,)
FRAME_MEMORY = Memory(2 * MEBIBYTE, 128)

TARGETS = (
    Target(
        "client_frame",
        read_client_frame,
        written(CLIENT_SAYS),
        ("actors.signaling.schema.decode_client_untrusted",),
        PROTOCOL,
        large_frames,
        FRAME_WORDS,
        memory=FRAME_MEMORY,
    ),
    Target(
        "gateway_frame",
        read_gateway_frame,
        written(GATEWAY_SAYS),
        ("actors.signaling.schema.decode_gateway_untrusted",),
        PROTOCOL,
        large_frames,
        FRAME_WORDS,
        memory=FRAME_MEMORY,
    ),
    Target(
        "access_token",
        read_token,
        tokens,
        ("actors.signaling.token.verify_untrusted",),
        (TokenRefused,),
        large_tokens,
        (
            b'"exp":',
            b'"nbf":',
            b'"iat":',
            b'"grants":',
            b'"identity":',
            b'"alg":"HS256"',
            b'"crit":',
            b"1e308",
        ),
        memory=Memory(2 * MEBIBYTE, 128),
    ),
    Target(
        "connect_token",
        read_connect_token,
        connect_tokens,
        ("actors.call.parameters.decode_connect_token_untrusted",),
        (InvalidArgumentError,),
        large_connect_tokens,
        (b'"parameters":', b'"CallSid":', b'"customParameters":', b'"signalingReconnectToken":"', b"%22"),
        memory=Memory(2 * MEBIBYTE, 256),
    ),
    Target(
        "params",
        read_params,
        param_texts,
        (
            "actors.signaling.params.decode_invite_params_untrusted",
            "actors.signaling.params.decode_params_untrusted",
        ),
        PROTOCOL,
        large_params,
        (b"&", b"=", b"%20", b"%c3%bc", b"+"),
    ),
)
