"""The log of a device whose user gave it no channel."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import structlog

from actors.errors import InvalidArgumentError
from actors.events import Record
from actors.log import LEVELS, LogSink, open_logger

LOG_LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {"trace": 0, "debug": 1, "info": 2, "warn": 3, "error": 4, "silent": 5}
)
SEVERITIES: Final = (0, LEVELS["debug"], LEVELS["info"], LEVELS["warning"], LEVELS["error"], 1000)
"""The least severe record that is written, by log level."""


def parse_level(level: object) -> int:
    """The number of a log level, given as number or name; what is neither counts as `error`.

    Raises:
        InvalidArgumentError: no such number or name.
    """
    if isinstance(level, str) and level.lower() in LOG_LEVELS:
        return LOG_LEVELS[level.lower()]
    if isinstance(level, str) or (isinstance(level, int | float) and level not in LOG_LEVELS.values()):
        raise InvalidArgumentError(f"no log level: {level!r}; they are 0 to 5, or {', '.join(LOG_LEVELS)}")
    return int(level) if isinstance(level, int | float) else LOG_LEVELS["error"]


class DeviceLog:
    """Writes the records of one device and its calls that are at least as severe as `level` says.

    They go where structlog is set up to write to, and to standard error if it is not set up.
    """

    def __init__(self, level: int, sink: Callable[[Record], None] | None = None) -> None:
        self.level = level
        self._sink = sink if sink is not None else _open_sink()

    def __call__(self, record: Record) -> None:
        if LEVELS[record.event.level] >= SEVERITIES[self.level]:
            self._sink(record)


def _open_sink() -> LogSink:
    return LogSink() if structlog.is_configured() else LogSink(open_logger("console"))
