"""Connect tokens, byte for byte, and caller verification."""

import base64
import json
from urllib.parse import quote

import pytest

from actors.call.parameters import (
    MAX_CONNECT_TOKEN_CHARS,
    CallerInfo,
    ConnectToken,
    caller_info,
    decode_connect_token_untrusted,
    encode_connect_token,
)
from actors.errors import InvalidArgumentError

pytestmark = pytest.mark.pure

TOKEN = ConnectToken({"room": "blå ✓", "x": "a'b(c)*!~"}, {"CallSid": "CA1", "From": "client:zoë"}, "rt-1")
ESCAPED = (
    "%7B%22customParameters%22%3A%7B%22room%22%3A%22bl%C3%A5%20%E2%9C%93%22%2C%22x%22%3A%22a'b(c)*!~%22%7D"
    "%2C%22parameters%22%3A%7B%22CallSid%22%3A%22CA1%22%2C%22From%22%3A%22client%3Azo%C3%AB%22%7D"
    "%2C%22signalingReconnectToken%22%3A%22rt-1%22%7D"
)
"""`encodeURIComponent(JSON.stringify(…))` of the same in a browser."""


def encoded(document: object) -> str:
    return base64.b64encode(quote(json.dumps(document)).encode()).decode()


def test_a_connect_token_is_what_the_browser_writes() -> None:
    assert base64.b64decode(encode_connect_token(TOKEN)).decode() == ESCAPED


def test_a_connect_token_is_read_back() -> None:
    assert decode_connect_token_untrusted(encode_connect_token(TOKEN)) == TOKEN


def test_a_connect_token_does_not_show_its_secret() -> None:
    assert "rt-1" not in repr(TOKEN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "é",
        "not base64!",
        base64.b64encode(b"\xff").decode(),
        base64.b64encode(b"{").decode(),
        encoded([]),
        encoded("text"),
        encoded({"signalingReconnectToken": "rt"}),
        encoded({"parameters": [], "signalingReconnectToken": "rt"}),
        encoded({"parameters": {"From": "x"}, "signalingReconnectToken": "rt"}),
        encoded({"parameters": {"CallSid": "CA1"}}),
        encoded({"parameters": {"CallSid": "CA1"}, "signalingReconnectToken": ""}),
        encoded({"parameters": {"CallSid": "CA1"}, "signalingReconnectToken": 5}),
    ],
)
def test_what_is_no_connect_token_is_an_invalid_argument(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        decode_connect_token_untrusted(text)


def test_a_connect_token_is_no_longer_than_its_limit_and_not_nested_without_end() -> None:
    """It may come from anywhere; whoever made it must not end the task of who reads it."""
    with pytest.raises(InvalidArgumentError, match="more than"):
        decode_connect_token_untrusted("A" * (MAX_CONNECT_TOKEN_CHARS + 1))
    deep = '{"signalingReconnectToken":"rt","parameters":{"CallSid":' + "[" * 60_000 + "]" * 60_000 + "}}"
    with pytest.raises(InvalidArgumentError, match="decoded"):
        decode_connect_token_untrusted(base64.b64encode(deep.encode()).decode())


def test_custom_parameters_may_be_missing_and_become_text() -> None:
    bare = {"parameters": {"CallSid": "CA1", "n": 5}, "signalingReconnectToken": "rt"}
    assert decode_connect_token_untrusted(encoded(bare)) == ConnectToken(
        {}, {"CallSid": "CA1", "n": "5"}, "rt"
    )


@pytest.mark.parametrize("parameters", [{}, {"StirStatus": ""}, {"From": "+4930"}])
def test_nothing_is_known_of_a_caller_without_a_status(parameters: dict[str, str]) -> None:
    assert caller_info(parameters) is None


@pytest.mark.parametrize(
    ("status", "is_verified"),
    [
        ("TN-Validation-Passed-A", True),
        ("TN-Validation-Passed-B", False),
        ("TN-Validation-Passed-C", False),
        ("TN-Validation-Failed-A", False),
        ("TN-Validation-Failed-B", False),
        ("TN-Validation-Failed-C", False),
        ("TN-No-Validation", False),
        ("tn-validation-passed-a", False),
    ],
)
def test_only_full_attestation_verifies_a_caller(status: str, is_verified: bool) -> None:
    assert caller_info({"StirStatus": status, "From": "+4930"}) == CallerInfo(is_verified)
