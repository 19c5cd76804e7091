"""What a call's parameters say: caller verification and the connect token."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from actors.errors import InvalidArgumentError

MAX_CONNECT_TOKEN_CHARS: Final = 256 * 1024

VERIFIED = "TN-Validation-Passed-A"
UNESCAPED = "-_.!~*'()"


@dataclass(frozen=True, slots=True)
class CallerInfo:
    """Whether the caller's number was verified (STIR/SHAKEN)."""

    is_verified: bool


@dataclass(frozen=True, slots=True)
class ConnectToken:
    """What a connect token holds; the reconnect token in it is a bearer secret."""

    custom_parameters: Mapping[str, str]
    parameters: Mapping[str, str]
    reconnect: str

    def __repr__(self) -> str:
        return f"ConnectToken({self.parameters.get('CallSid')})"


def caller_info(parameters: Mapping[str, str]) -> CallerInfo | None:
    """None when nothing is known about the caller's number."""
    status = parameters.get("StirStatus")
    return CallerInfo(status == VERIFIED) if status else None


def encode_connect_token(token: ConnectToken) -> str:
    """Base64 of the percent-encoded JSON, byte for byte as the browser SDK writes it."""
    document = {
        "customParameters": dict(token.custom_parameters),
        "parameters": dict(token.parameters),
        "signalingReconnectToken": token.reconnect,
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(quote(text, safe=UNESCAPED).encode()).decode()


def decode_connect_token_untrusted(text: str) -> ConnectToken:
    """The opposite of `encode_connect_token`.

    Raises:
        InvalidArgumentError: not such a token, or without CallSid or reconnect token.
    """
    if len(text) > MAX_CONNECT_TOKEN_CHARS:
        raise InvalidArgumentError(f"connect_token has more than {MAX_CONNECT_TOKEN_CHARS} characters")
    try:
        document = json.loads(unquote(base64.b64decode(text, validate=True).decode()))
        parameters, custom = _strings(document, "parameters"), _strings(document, "customParameters")
    except (binascii.Error, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError("connect_token cannot be decoded") from error
    reconnect = document.get("signalingReconnectToken") if isinstance(document, dict) else None
    if "CallSid" not in parameters or not isinstance(reconnect, str) or not reconnect:
        raise InvalidArgumentError("connect_token lacks parameters.CallSid or signalingReconnectToken")
    return ConnectToken(custom, parameters, reconnect)


def _strings(document: object, key: str) -> dict[str, str]:
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, dict):
        return {}
    return {str(name): str(text) for name, text in value.items()}
