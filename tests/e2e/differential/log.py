"""What a party has written down, in a form in which two logs can be compared."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MEASURED = frozenset({"sample", "volume", "warning", "warning-cleared"})
"""Events whose numbers are measurements: only their types can be compared."""
IDS = (
    (re.compile(r"CA[0-9a-f]{32}"), "<CallSid>"),
    (re.compile(r"AC[0-9a-zA-Z]{1,32}"), "<AccountSid>"),
    (re.compile(r"KX[0-9a-f]{32}"), "<VoiceEventSid>"),
    (re.compile(r"TJS[0-9a-f-]{36}"), "<temporary id>"),
    (re.compile(r"[\w-]+\.[\w-]+\.[\w-]+"), "<access token>"),
    (re.compile(r"[0-9A-Za-z+/]{60,}={0,2}"), "<connect token>"),
)
MARK = "$"
"""The one key of an object that stands for something else than data: a call, a device, an error."""


@dataclass(frozen=True)
class Entry:
    """Something emitted, or a method that returned or raised; `state` is what the handler saw."""

    source: str
    name: str
    args: tuple[Any, ...]
    state: str | None

    @property
    def line(self) -> str:
        """The entry as text, with names for what differs from run to run."""
        args = ", ".join(shape(arg, is_measured=self.name in MEASURED) for arg in _stripped(self.args))
        return f"{self.name}({args}) while {self.state}"


def _stripped(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the `undefined` at the end that means the same as nothing."""
    while args and args[-1] is None:
        args = args[:-1]
    return args


def shape(value: Any, *, is_measured: bool = False) -> str:
    """Data as text: keys sorted, ids by kind, numbers of a measurement by type."""
    if isinstance(value, Mapping):
        if set(value) == {MARK}:
            return f"<{value[MARK]}>"
        inside = (f"{key}: {shape(value[key], is_measured=is_measured)}" for key in sorted(value))
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list | tuple) and is_measured:
        return f"[{' | '.join(sorted({shape(entry, is_measured=True) for entry in value}))}]"
    if isinstance(value, list | tuple):
        return f"[{', '.join(shape(entry, is_measured=is_measured) for entry in value)}]"
    if isinstance(value, str):
        return next((kind for pattern, kind in IDS if pattern.fullmatch(value)), repr(value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return "number" if is_measured else f"{value:g}"


def lines_of(entries: Iterable[Entry], source: str, without: frozenset[str]) -> list[str]:
    """What a source has emitted, in order."""
    return [entry.line for entry in entries if entry.source == source and entry.name not in without]


def camel(name: str) -> str:
    """The SDK's spelling of one of our names."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
