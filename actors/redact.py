"""Makes any value fit for a log line: plain, bounded and without secrets.

The second line of defence. The first is that secrets are never put into events.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final

REDACTED: Final = "[redacted]"
MAX_TEXT: Final = 8192
MAX_KEY: Final = 64
MAX_ITEMS: Final = 256
MAX_DEPTH: Final = 6
_INT64: Final = 1 << 63

_SECRET_ENDINGS: Final = (
    "token",
    "tokens",
    "pwd",
    "password",
    "passwd",
    "secret",
    "secrets",
    "sdp",
    "digit",
    "digits",
    "authorization",
    "cookie",
    "credential",
    "credentials",
)
_JWT: Final = re.compile(r"eyJ[\w-]{4,}\.[\w-]+\.[\w-]*")
_BEARER: Final = re.compile(r"(?i)\bbearer +[^\s\"',]+")
_ICE_LINE: Final = "a=ice-pwd:"
_SUSPECT: Final = re.compile(r"eyJ|a=ice-pwd:|[Bb][Ee][Aa][Rr][Ee][Rr] ")


def is_secret_key(key: str) -> bool:
    """Whether the name says that it holds a secret: `token`, `connectToken`, `ice-pwd`, `callee_sdp`."""
    return key.lower().endswith(_SECRET_ENDINGS)


def redact(fields_by_name: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of plain values with the secret ones replaced; never raises."""
    return _redact_mapping(fields_by_name, MAX_DEPTH)


def _redact_mapping(mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in mapping.items():
        if len(plain) == MAX_ITEMS:
            break
        name, is_secret = (
            _read_key(key) if isinstance(key, str) and len(key) <= MAX_KEY else _classify(str(key))
        )
        plain[name] = REDACTED if is_secret and _can_hold_secret(value) else _redact(value, depth)
    return plain


def _classify(key: str) -> tuple[str, bool]:
    return _redact_text(key), is_secret_key(key)


_read_key = lru_cache(maxsize=1024)(_classify)


def _can_hold_secret(value: object) -> bool:
    return value is not None and not isinstance(value, bool)


def _redact(value: object, depth: int) -> object:
    match value:
        case None | bool() | float():
            return value
        case Enum():
            return _redact(value.value, depth)
        case int():
            return value if -_INT64 <= value < _INT64 else str(value)
        case str():
            return _redact_text(value)
        case BaseException():
            return _redact_text(f"{type(value).__name__}: {value}")
        case bytes() | bytearray() | memoryview():
            return f"{len(value)} bytes"
        case _:
            return _redact_nested(value, depth - 1)


def _redact_nested(value: object, depth: int) -> object:
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return _redact_mapping(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact(item, depth) for _, item in zip(range(MAX_ITEMS), value, strict=False)]
    if is_dataclass(value) and not isinstance(value, type):
        shown = {f.name: getattr(value, f.name) for f in fields(value) if not f.metadata.get("pii")}
        return _redact_mapping(shown, depth)
    return _redact_text(repr(value))


def _redact_text(text: str) -> str:
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    if not text.isascii():  # a lone surrogate from the network would stop the JSON encoder
        text = text.encode("utf-8", "replace").decode()
    if not _SUSPECT.search(text):
        return text
    return REDACTED if _ICE_LINE in text else _BEARER.sub(REDACTED, _JWT.sub(REDACTED, text))
