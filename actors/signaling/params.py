"""Custom parameters of a call, in the two encodings that the wire has for them.

A dialling client escapes keys and values. A rung client unescapes values only, so its keys travel raw.
"""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from actors.signaling.errors import RemoteProtocolError

MAX_PARAMS = 512
MAX_PARAMS_CHARS = 64 * 1024

UNRESERVED = "-_.!~*'()"
"""What JavaScript's `encodeURIComponent` leaves alone beside letters and digits."""

KEY_BREAKERS = frozenset("&=")


def encode_invite_params(params: Mapping[str, str]) -> str:
    """`twilio.params` of a client's `invite`: keys and values as `encodeURIComponent` writes them.

    Raises ValueError for too many.
    """
    return _checked(params, "&".join(f"{_escape(key)}={_escape(value)}" for key, value in params.items()))


def decode_invite_params_untrusted(text: str) -> dict[str, str]:
    """Inverse of `encode_invite_params`: `+` stays; empty keys are skipped, the last duplicate wins.

    Raises RemoteProtocolError for too many.
    """
    pairs = (pair.partition("=") for pair in _split(text))
    return {unquote(key): unquote(value) for key, _, value in pairs if key}


def encode_params(params: Mapping[str, str]) -> str:
    """`parameters.Params` of an `invite` that rings a client: raw keys, escaped values.

    Raises ValueError for what the client could not read back: a key that is empty or contains `&` or `=`,
    and too many.
    """
    for key in params:
        if not key or not KEY_BREAKERS.isdisjoint(key):
            raise ValueError(f"custom parameter {key!r}: a key must not be empty nor contain '&' or '='")
    return _checked(params, "&".join(f"{key}={_escape(value)}" for key, value in params.items()))


def decode_params_untrusted(text: str) -> dict[str, str]:
    """`Params` as a client reads it. Raises RemoteProtocolError for too many.

    In values `+` and `%20` are spaces and a second `=` ends them; keys are taken verbatim.
    """
    params: dict[str, str] = {}
    for pair in _split(text):
        key, *values = pair.split("=")
        if key:
            params[key] = unquote(values[0].replace("+", " ")) if values else ""
    return params


def _checked(params: Mapping[str, str], text: str) -> str:
    if len(params) > MAX_PARAMS or len(text) > MAX_PARAMS_CHARS:
        raise ValueError(f"more than {MAX_PARAMS} custom parameters, or than {MAX_PARAMS_CHARS} characters")
    return text


def _split(text: str) -> list[str]:
    if len(text) > MAX_PARAMS_CHARS or text.count("&") >= MAX_PARAMS:
        raise RemoteProtocolError("too many parameters")
    return text.split("&")


def _escape(text: str) -> str:
    return quote(text, safe=UNRESERVED)
