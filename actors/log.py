"""One line per record of the shared channel, and the set-up of structlog that writes it.

Lines are written whole and flushed, in the task that published the event. A stream that has gone away loses
lines and nothing else; a pipe whose reader is slow blocks the event loop while it is full, so give the log to
something that drains it (journald, a file).
"""

import logging
import sys
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, Final, Literal, Protocol, TextIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from actors.redact import redact

LogFormat = Literal["json", "console"]

LEVELS: Final[Mapping[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_RESERVED: Final = frozenset(
    {"timestamp", "level", "event", "source", "seq", "at", "id", "actor", "call_sid", "identity", "caused_by"}
)


class LoggedEvent(Protocol):
    """A frozen dataclass; a field's metadata say what is personal (`pii`) and what no log shows (`bulky`)."""

    name: ClassVar[str]
    level: ClassVar[str]


class LoggedRecord(Protocol):
    """`at` is monotonic, `wall` the time of day, both in seconds."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def wall(self) -> float: ...
    @property
    def source(self) -> str: ...
    @property
    def identity(self) -> str | None: ...
    @property
    def actor(self) -> str: ...
    @property
    def call_sid(self) -> str | None: ...
    @property
    def caused_by(self) -> str | None: ...
    @property
    def id(self) -> str: ...
    @property
    def event(self) -> Any: ...


class LogSink:
    """A sink of the shared channel: writes each record as one line, its event's fields beside the record's.

    Personal fields are left out unless `show_pii`. A field that is named like one of the record's gets
    the prefix `event_`. Secrets never show, whatever `show_pii` says.
    """

    def __init__(self, logger: FilteringBoundLogger | None = None, *, show_pii: bool = False) -> None:
        self._logger: FilteringBoundLogger = structlog.get_logger() if logger is None else logger
        self._show_pii = show_pii

    def __call__(self, record: LoggedRecord) -> None:
        event: LoggedEvent = record.event
        level = LEVELS[event.level]
        if not self._logger.is_enabled_for(level):
            return
        shown = {
            name: getattr(event, attribute)
            for attribute, name, is_pii in _fields(type(event))
            if self._show_pii or not is_pii
        }
        self._logger.log(level, event.name, **_envelope(record), **shown)


@cache
def _fields(event: Any) -> tuple[tuple[str, str, bool], ...]:
    """Attribute, name in the log and whether it is personal, of each field of an event class."""
    return tuple(
        (
            field.name,
            f"event_{field.name}" if field.name in _RESERVED else field.name,
            bool(field.metadata.get("pii")),
        )
        for field in fields(event)
        if not field.metadata.get("bulky")
    )


def _envelope(record: LoggedRecord) -> dict[str, object]:
    line: dict[str, object] = {
        "timestamp": datetime.fromtimestamp(record.wall, UTC).isoformat(timespec="microseconds"),
        "source": record.source,
        "seq": record.seq,
        "at": record.at,
        "id": record.id,
    }
    optional = {
        "actor": record.actor,
        "call_sid": record.call_sid,
        "identity": record.identity,
        "caused_by": record.caused_by,
    }
    return line | {name: value for name, value in optional.items() if value}


class LineLogger:
    """Writes whole lines and flushes; a stream that refuses them is counted, not reported."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0

    def msg(self, message: str) -> None:
        try:
            self._stream.write(message + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # closed, or the reader has gone: a log never ends a call
            self.lost += 1

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = msg


def configure_logging(log_format: LogFormat, stream: TextIO | None = None, *, level: str = "debug") -> None:
    """Send structlog's lines, and warnings of libraries that use `logging`, to `stream` (standard error).

    `json` writes one object a line, `console` text for a person; `level` is the lowest that is written.
    """
    stream = sys.stderr if stream is None else stream
    processors = _processors(log_format, stream)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: LineLogger(stream),
        cache_logger_on_first_use=True,
    )
    library = logging.StreamHandler(stream)
    library.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors[2:]],
        )
    )
    logging.basicConfig(handlers=[library], level=logging.WARNING, force=True)


def open_logger(log_format: LogFormat, stream: TextIO | None = None) -> FilteringBoundLogger:
    """A logger of its own, whatever structlog is set up to; it writes to `stream` (standard error)."""
    stream = sys.stderr if stream is None else stream
    logger: FilteringBoundLogger = structlog.wrap_logger(
        LineLogger(stream),
        processors=_processors(log_format, stream),
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
    )
    return logger


def _processors(log_format: LogFormat, stream: TextIO) -> list[Processor]:
    render: Processor = structlog.processors.JSONRenderer(serializer=_to_json)
    if log_format == "console":
        render = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.MaybeTimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
        render,
    ]


def _redact(_logger: object, _method: str, line: EventDict) -> EventDict:
    head = {name: line.pop(name) for name in ("timestamp", "level", "event") if name in line}
    return redact(head | dict(line))


def _to_json(line: Mapping[str, Any], **_options: object) -> str:
    return orjson.dumps(line).decode()
