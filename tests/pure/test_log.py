"""The log: one line a record, and no secret in any line."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, get_args

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from actors.events import DigitReceived, Event, Record, Warned
from actors.log import LEVELS, LogSink, configure_logging
from actors.redact import MAX_TEXT, REDACTED, redact

pytestmark = pytest.mark.pure

CANARY = "canary"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJBQzEifQ.c2lnbmF0dXJl"
SDP = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:canarycanarycanarycanary\r\n"
WALL = 1_767_225_600.25


@dataclass(frozen=True, slots=True)
class Dialled:
    name: ClassVar[str] = "call.dialled"
    level: ClassVar[str] = "info"
    token: str = CANARY
    ice_pwd: str = CANARY
    digits: str = CANARY
    remote_sdp: str = CANARY
    Authorization: str = CANARY
    api_secret: str = CANARY
    reason: str = f"refused {JWT}"
    detail: str = SDP
    nested: Any = field(default_factory=lambda: {"list": [{"connectToken": CANARY}, JWT, {"pwd": CANARY}]})
    caller: str = field(default="Alice", metadata={"pii": True})
    source: str = "button"


@dataclass(frozen=True, slots=True)
class Stub:
    event: Any
    source: str = "CA1"
    seq: int = 7
    at: float = 12.5
    wall: float = WALL
    identity: str | None = None
    actor: str = ""
    caused_by: str | None = None
    id: str = "CA1#7"
    call_sid: str | None = None


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_with_its_fields_beside_the_events(stream: io.StringIO) -> None:
    configure_logging("json", stream)
    LogSink()(Record("CA1", 3, 12.5, WALL, DigitReceived("5", 160), "call", "CA1", "client:a", "F1"))
    assert lines(stream) == [
        {
            "timestamp": "2026-01-01T00:00:00.250000+00:00",
            "level": "info",
            "event": "call.digit_received",
            "source": "CA1",
            "seq": 3,
            "at": 12.5,
            "id": "CA1#3",
            "actor": "call",
            "call_sid": "CA1",
            "identity": "client:a",
            "caused_by": "F1",
            "duration_ms": 160,
            "is_signaled": False,
        }
    ]


def test_the_samples_behind_a_warning_are_not_logged(stream: io.StringIO) -> None:
    """One line would be as long as a minute of others; the values that were judged are there."""
    configure_logging("json", stream)
    detail = {"name": "jitter", "threshold": {"name": "max", "value": 30}, "values": [31.0]}
    LogSink(show_pii=True)(Stub(Warned("high-jitter", detail, ({"jitter": 31.0},))))
    [line] = lines(stream)
    assert (line["event"], line["level"], line["warning"]) == ("call.warning", "warning", "high-jitter")
    assert line["detail"] == detail
    assert "samples" not in line


@pytest.mark.parametrize("show_pii", [False, True])
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_ever_shows(log_format: Any, show_pii: bool, stream: io.StringIO) -> None:
    configure_logging(log_format, stream)
    LogSink(show_pii=show_pii)(Stub(Dialled()))
    structlog.get_logger().warning("node.note", token=CANARY, text=SDP, header=f"Bearer {CANARY}")
    logging.getLogger("library").warning("connecting with %s and Bearer %s", JWT, CANARY)
    try:
        raise ValueError(f"bad token {JWT}")
    except ValueError:
        structlog.get_logger().exception("node.crash")
    text = stream.getvalue()
    assert text.count("refused") == 1
    assert "connecting with" in text
    assert "node.crash" in text
    assert CANARY not in text
    assert JWT not in text
    assert "c2lnbmF0dXJl" not in text


def test_personal_fields_show_only_if_asked_for(stream: io.StringIO) -> None:
    configure_logging("json", stream)
    LogSink()(Stub(Dialled()))
    LogSink(show_pii=True)(Stub(Dialled()))
    hidden, shown = lines(stream)
    assert "caller" not in hidden
    assert shown["caller"] == "Alice"


def test_a_field_never_covers_the_records(stream: io.StringIO) -> None:
    configure_logging("json", stream)
    LogSink()(Stub(Dialled()))
    (line,) = lines(stream)
    assert (line["source"], line["event_source"]) == ("CA1", "button")


def test_what_is_below_the_level_is_not_written(stream: io.StringIO) -> None:
    configure_logging("json", stream, level="warning")
    LogSink()(Stub(Dialled()))
    assert stream.getvalue() == ""


@pytest.mark.parametrize("event", get_args(Event), ids=lambda event: event.__name__)
def test_every_event_has_a_level_and_names_no_secret(event: Any) -> None:
    """A secret among the fields would be a mistake even where redaction hides it."""
    assert event.level in LEVELS
    assert "." in event.name
    assert {f.name for f in fields(event) if not f.metadata.get("pii")}.isdisjoint(
        {"token", "sdp", "digits", "pwd"}
    )


class BrokenStream(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_stream_that_has_gone_costs_lines_only(stream: io.StringIO) -> None:
    """A sink must not raise: the reader of a pipe may leave at any time."""
    configure_logging("json", BrokenStream())
    LogSink()(Stub(Dialled()))
    closed = io.StringIO()
    closed.close()
    configure_logging("json", closed)
    LogSink()(Stub(Dialled()))


@pytest.mark.parametrize(
    "key",
    ["token", "reconnect_token", "connectToken", "TOKEN", "pwd", "ice-pwd", "sdp", "digits", "client_secret"],
)
def test_a_key_that_names_a_secret_hides_any_value(key: str) -> None:
    assert redact({key: CANARY}) == {key: REDACTED}
    assert redact({key: {"a": CANARY}}) == {key: REDACTED}
    assert redact({key: 1234}) == {key: REDACTED}
    assert redact({f"has_{key}": True, key: None}) == {f"has_{key}": True, key: None}


def test_other_keys_keep_their_values() -> None:
    plain = {
        "token_count": 3,
        "reason": "no route",
        "seconds": 1.5,
        "ok": True,
        "none": None,
        "list": ["a", 1],
    }
    assert redact(plain) == plain


def test_everything_in_a_line_is_bounded() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"deeper": deep}
    line = redact({"text": "x" * 100_000, "many": list(range(10_000)), "deep": deep, "raw": b"\x00" * 5000})
    assert len(line["text"]) == MAX_TEXT + 1
    assert line["raw"] == "5000 bytes"
    assert len(orjson.dumps(line)) < 3 * MAX_TEXT


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just("\ud800"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), anything, max_size=5))
def test_any_value_makes_a_valid_line(values: dict[str, Any]) -> None:
    json.loads(orjson.dumps(redact(values)))


@given(st.text(), st.text())
def test_a_token_inside_any_text_is_found(before: str, after: str) -> None:
    assert JWT not in redact({"text": f"{before}{JWT}{after}"})["text"]
