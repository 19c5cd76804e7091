"""The wire schema: examples, the round-trip law, and whatever a peer may throw at it."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.signaling import messages as wire
from actors.signaling.errors import RemoteProtocolError
from actors.signaling.payloads import MAX_SDP_CHARS
from actors.signaling.readers import MAX_CONTENT_DEPTH
from actors.signaling.schema import MAX_FRAME_CHARS, decode_client_untrusted, decode_gateway_untrusted, encode

pytestmark = pytest.mark.pure

SDP = "v=0\r\n…"
CA1, CA2 = "CA00000000000000000000000000000001", "CA00000000000000000000000000000002"
KX = "KX0123456789abcdef0123456789abcdef"
TEMP = "TJS0f6e2c1a-9b3d-4c55-8e21-7a90d1b2c3d4"
PARAMETERS = {
    "From": "client:bob",
    "To": "client:alice",
    "CallSid": CA2,
    "AccountSid": "AC00000000000000000000000000000009",
    "Params": "room=blue%20one&n=2",
}
BROWSER = {
    "browser": {"platform": "Linux x86_64", "userAgent": "ua"},
    "p": "browser",
    "plugin": "rtc",
    "v": "2.18.4",
}
CONTENT = {"content": {"a": 1}, "contenttype": "application/json", "messagetype": "user-defined-message"}
USER_MESSAGE = wire.Envelope(CA1, wire.UserMessage({"a": 1}, "user-defined-message", KX))

FROM_CLIENT = [
    (
        "listen",
        {"token": "eyJ", "reconnectTimeout": 30, "browserinfo": BROWSER},
        wire.Listen("eyJ", 30, "ua"),
    ),
    ("register", {"media": {"audio": True}}, wire.Register(audio=True)),
    (
        "invite",
        {"callsid": TEMP, "sdp": SDP, "twilio": {"params": "To=bob&note=a%20b"}},
        wire.Envelope(TEMP, wire.Invite(SDP, {"To": "bob", "note": "a b"})),
    ),
    ("invite", {"callsid": TEMP, "sdp": SDP, "twilio": {}}, wire.Envelope(TEMP, wire.Invite(SDP))),
    (
        "invite",
        {"callsid": CA2, "reconnect": "rt-def", "sdp": SDP, "twilio": {}},
        wire.Envelope(CA2, wire.Resume(SDP, "rt-def")),
    ),
    ("answer", {"callsid": CA2, "sdp": SDP}, wire.Envelope(CA2, wire.Answer(SDP))),
    ("reinvite", {"callsid": CA2, "sdp": SDP}, wire.Envelope(CA2, wire.Reinvite(SDP))),
    ("dtmf", {"callsid": CA1, "dtmf": "12w#"}, wire.Envelope(CA1, wire.Digits("12w#"))),
    ("message", {"callsid": CA1, **CONTENT, "voiceeventsid": KX}, USER_MESSAGE),
    ("hangup", {"callsid": CA1, "message": "no media"}, wire.Envelope(CA1, wire.Hangup(message="no media"))),
    ("reject", {"callsid": CA2}, wire.Envelope(CA2, wire.Reject())),
]
FROM_GATEWAY = [
    (
        "connected",
        {
            "region": "EU_FRANKFURT",
            "edge": "frankfurt",
            "home": "de1",
            "gateway": "gw-7",
            "token": {"identity": "alice", "ttl": 3599},
        },
        wire.Connected("alice", 3599, "frankfurt", "EU_FRANKFURT", "de1", "gw-7"),
    ),
    ("ready", {}, wire.Registered()),
    ("offline", {}, wire.Offline()),
    ("close", {}, wire.Close()),
    ("ringing", {"callsid": CA1}, wire.Envelope(CA1, wire.Ringing())),
    ("answer", {"callsid": CA1, "sdp": SDP, "reconnect": "rt"}, wire.Envelope(CA1, wire.Answer(SDP, "rt"))),
    (
        "invite",
        {"callsid": CA2, "sdp": SDP, "reconnect": "rt-def", "parameters": PARAMETERS},
        wire.Envelope(CA2, wire.Offer(SDP, PARAMETERS, "rt-def")),
    ),
    ("cancel", {"callsid": CA2}, wire.Envelope(CA2, wire.Cancel())),
    (
        "hangup",
        {"callsid": CA1, "error": {"code": 31486, "message": "busy"}},
        wire.Envelope(CA1, wire.Hangup(wire.WireError(31486, "busy"))),
    ),
    ("hangup", {}, wire.Envelope(None, wire.Hangup())),
    ("message", {"callsid": CA1, **CONTENT, "voiceeventsid": KX}, USER_MESSAGE),
    ("ack", {"acktype": "message", "callsid": CA1, "voiceeventsid": KX}, wire.Envelope(CA1, wire.Ack(KX))),
    (
        "error",
        {"callsid": CA1, "voiceeventsid": KX, "error": {"code": 31210, "message": "unknown message type"}},
        wire.Envelope(CA1, wire.Refusal(KX, wire.WireError(31210, "unknown message type"))),
    ),
    (
        "error",
        {"error": {"code": 31205, "message": "expired"}},
        wire.Problem(wire.WireError(31205, "expired")),
    ),
    (
        "error",
        {"error": {"code": 31902, "message": "overloaded", "retryAfter": 30}},
        wire.Problem(wire.WireError(31902, "overloaded"), retry_after=30),
    ),
]


def frame(kind, payload):
    return json.dumps({"type": kind, "version": "1.6", "payload": payload}, ensure_ascii=False)


@pytest.mark.parametrize(("kind", "payload", "message"), FROM_CLIENT)
def test_what_clients_say_is_read(kind, payload, message):
    assert decode_client_untrusted(frame(kind, payload)) == message


@pytest.mark.parametrize(("kind", "payload", "message"), FROM_GATEWAY)
def test_what_gateways_say_is_read(kind, payload, message):
    assert decode_gateway_untrusted(frame(kind, payload)) == message


@pytest.mark.parametrize(("kind", "payload", "message"), [*FROM_CLIENT[1:], *FROM_GATEWAY])
def test_what_we_write_is_what_the_sdk_expects(kind, payload, message):
    assert json.loads(encode(message)) == {"type": kind, "version": "1.6", "payload": payload}


def test_a_listen_tells_what_the_sdk_tells():
    payload = json.loads(encode(wire.Listen("eyJ", 30.0, "trunkline")))["payload"]
    browser = {"platform": "unknown", "userAgent": "trunkline"}
    assert payload == {
        "token": "eyJ",
        "reconnectTimeout": 30,
        "browserinfo": {"browser": browser, "p": "browser", "plugin": "rtc"},
    }


@pytest.mark.parametrize("text", ['{"type":"ready"}', '{"type":"ready","payload":null}'])
def test_a_payload_may_be_absent(text):
    assert decode_gateway_untrusted(text) == wire.Registered()


def test_a_client_ignores_types_it_does_not_know_and_a_gateway_refuses_them():
    assert decode_gateway_untrusted('{"type":"roster","payload":{}}') is None
    assert (
        decode_gateway_untrusted(frame("ack", {"acktype": "other", "callsid": CA1, "voiceeventsid": KX}))
        is None
    )
    with pytest.raises(RemoteProtocolError):
        decode_client_untrusted('{"type":"roster","payload":{}}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '{"payload":{}}',
        '{"type":7}',
        frame("invite", {"sdp": SDP}),
        frame("invite", {"callsid": CA1}),
        frame("invite", {"callsid": "", "sdp": SDP}),
        frame("invite", {"callsid": CA1, "sdp": "x" * (MAX_SDP_CHARS + 1)}),
        frame("invite", {"callsid": CA1, "sdp": SDP, "twilio": {"params": 1}}),
        frame("register", {}),
        frame("register", {"media": {"audio": "yes"}}),
        frame("message", {"callsid": CA1, "messagetype": "t", "voiceeventsid": KX}),
        "{" + " " * MAX_FRAME_CHARS + "}",
        '{"type":"message","payload":' + "[" * 100_000,
        '{"type":"listen","payload":{"token":"\\ud800"}}',
        frame("invite", {"callsid": CA1, "sdp": SDP, "twilio": {"params": "&" * 1000}}),
        frame("hangup", {"callsid": CA1, "error": {"code": 2**31}}),
        frame("listen", {"token": "t", "browserinfo": {"browser": {"userAgent": "x" * 5000}}}),
    ],
)
def test_a_malformed_frame_is_the_peers_fault(text):
    with pytest.raises(RemoteProtocolError):
        decode_client_untrusted(text)


@pytest.mark.parametrize("digits", ["1a", "1 2", "1\n", "\u0661", "1" * 257])
def test_only_digits_are_digits(digits):
    """An application may send on what it gets, and a call refuses to send anything else."""
    with pytest.raises(RemoteProtocolError):
        decode_client_untrusted(frame("dtmf", {"callsid": CA1, "dtmf": digits}))


def test_a_malformed_message_says_its_type_and_never_its_content():
    with pytest.raises(RemoteProtocolError) as caught:
        decode_gateway_untrusted(frame("invite", {"callsid": CA1, "sdp": {"secret": 1}}))
    assert caught.value.kind == "invite"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("parameters", [{str(n): "" for n in range(65)}, {"Params": "&" * 1000}])
def test_a_call_with_too_many_parameters_is_refused_before_it_rings(parameters):
    with pytest.raises(RemoteProtocolError) as caught:
        decode_gateway_untrusted(frame("invite", {"callsid": CA1, "sdp": SDP, "parameters": parameters}))
    assert caught.value.kind == "invite"


def test_content_is_refused_when_it_could_not_be_passed_on():
    def nested(depth):
        return wire.Envelope(CA1, wire.UserMessage(json.loads("[" * depth + "]" * depth), "t", KX))

    deepest = nested(MAX_CONTENT_DEPTH)
    assert decode_client_untrusted(encode(deepest)) == deepest
    with pytest.raises(RemoteProtocolError, match="deep"):
        decode_client_untrusted(encode(nested(MAX_CONTENT_DEPTH + 1)))


@pytest.mark.parametrize(("sent", "kept"), [(-1, 0.0), (31, 30.0), (1e300, 30.0), (2.5, 2.5)])
def test_the_reconnect_timeout_is_kept_within_what_the_sdk_may_ask(sent, kept):
    assert decode_client_untrusted(frame("listen", {"token": "t", "reconnectTimeout": sent})) == wire.Listen(
        "t", kept
    )


def test_only_a_hangup_or_a_refusal_goes_without_an_id():
    with pytest.raises(TypeError):
        encode(wire.Envelope(None, wire.Cancel()))


TEXT = st.text(max_size=30)
SID = st.text(min_size=1, max_size=40)
MAYBE = st.none() | TEXT
ERRORS = st.builds(wire.WireError, st.integers(0, 99_999), TEXT)
KEYS = st.text(min_size=1, max_size=10)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
USER_MESSAGES = st.builds(wire.UserMessage, JSON, TEXT, SID, st.text(min_size=1, max_size=20))
CLIENT_BODIES = st.one_of(
    st.builds(wire.Invite, TEXT, st.dictionaries(KEYS, TEXT, max_size=3)),
    st.builds(wire.Resume, TEXT, TEXT),
    st.builds(wire.Answer, MAYBE),
    st.builds(wire.Hangup, st.none() | ERRORS, MAYBE),
    st.builds(wire.Reject),
    st.builds(wire.Reinvite, TEXT),
    st.builds(wire.Digits, st.text("0123456789*#w", max_size=8)),
    USER_MESSAGES,
)
CLIENT_MESSAGES = st.one_of(
    st.builds(wire.Envelope, SID, CLIENT_BODIES),
    st.builds(wire.Listen, TEXT, st.floats(0, 30), TEXT.filter(lambda text: text != "unknown")),
    st.builds(wire.Register, st.booleans()),
)
GATEWAY_BODIES = st.one_of(
    st.builds(wire.Offer, TEXT, st.dictionaries(KEYS, TEXT, max_size=3), MAYBE),
    st.builds(wire.Ringing, MAYBE),
    st.builds(wire.Answer, MAYBE, MAYBE),
    st.builds(wire.Cancel),
    st.builds(wire.Hangup, st.none() | ERRORS),
    st.builds(wire.Ack, SID),
    st.builds(wire.Refusal, SID, ERRORS),
    USER_MESSAGES,
)
GATEWAY_MESSAGES = st.one_of(
    st.builds(wire.Envelope, SID, GATEWAY_BODIES),
    st.builds(wire.Connected, TEXT, st.floats(0, 1e6), MAYBE, MAYBE, MAYBE, MAYBE),
    st.builds(wire.Problem, ERRORS, st.none() | SID, st.none() | st.floats(0, 1e6)),
    st.sampled_from([wire.Registered(), wire.Offline(), wire.Close()]),
)
KINDS = st.sampled_from([*sorted({kind for kind, _, _ in [*FROM_CLIENT, *FROM_GATEWAY]}), "other"])
PAYLOAD_KEYS = st.sampled_from(
    [
        "callsid",
        "sdp",
        "token",
        "media",
        "twilio",
        "parameters",
        "error",
        "content",
        "voiceeventsid",
        "acktype",
    ]
)
HOSTILE = st.one_of(
    st.text(),
    st.text(st.sampled_from('{}[]":,\\utype payload')),
    st.builds(frame, KINDS, JSON),
    st.builds(frame, KINDS, st.dictionaries(PAYLOAD_KEYS, JSON)),
    st.builds(lambda message, cut: encode(message)[:cut], CLIENT_MESSAGES, st.integers(0, 200)),
)


@given(CLIENT_MESSAGES)
def test_a_gateway_reads_what_a_client_writes(message):
    assert decode_client_untrusted(encode(message)) == message


@given(GATEWAY_MESSAGES)
def test_a_client_reads_what_a_gateway_writes(message):
    assert decode_gateway_untrusted(encode(message)) == message


@given(HOSTILE)
@example("\ud800")
@example(
    '{"type":"message","payload":{"callsid":"a","content":"\\udc00","messagetype":"","voiceeventsid":"b"}}'
)
def test_readers_raise_only_the_protocol_error_and_what_they_read_can_be_written(text):
    for read in (decode_client_untrusted, decode_gateway_untrusted):
        try:
            message = read(text)
        except RemoteProtocolError:
            continue
        if message is not None:
            encode(message)


def test_the_sdp_of_a_message_may_be_as_long_as_the_limit():
    message = wire.Envelope(CA1, wire.Reinvite("x" * MAX_SDP_CHARS))
    assert decode_client_untrusted(encode(message)) == message
    assert replace(message, call_sid=CA2) != message
