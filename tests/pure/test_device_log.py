"""What a device writes to the log, by its option `log_level`."""

from dataclasses import dataclass, field

import pytest

from actors import events
from actors.device import DeviceOptions
from actors.device.log import LOG_LEVELS, DeviceLog, parse_level
from actors.errors import InvalidArgumentError
from actors.events import Record

pytestmark = pytest.mark.pure

DEBUG = events.ActorUp(1)
INFO = events.DeviceRegistered()
WARNING = events.Reconnecting("media", 53405, "gone")
ERROR = events.DeviceFailed(31005, "gone")


@dataclass
class Written:
    names: list[str] = field(default_factory=list)

    def __call__(self, record: Record) -> None:
        self.names.append(record.event.name)


def written(level: int) -> list[str]:
    kept = Written()
    log = DeviceLog(level, kept)
    for number, event in enumerate((DEBUG, INFO, WARNING, ERROR)):
        log(Record("device-1", number, 0.0, 0.0, event))
    return kept.names


@pytest.mark.parametrize("level", range(6))
def test_what_is_less_severe_than_the_level_is_not_written(level: int) -> None:
    names = ["actor.up", "device.registered", "call.reconnecting", "device.failed"]
    kept_from = {0: 0, 1: 0, 2: 1, 3: 2, 4: 3, 5: 4}[level]
    assert written(level) == names[kept_from:]


@pytest.mark.parametrize(("name", "number"), LOG_LEVELS.items())
def test_a_level_is_a_number_or_a_name(name: str, number: int) -> None:
    assert parse_level(name) == parse_level(name.upper()) == parse_level(number) == number
    assert DeviceOptions("one", log_level=name).log_threshold == number


@pytest.mark.parametrize("level", [None, [], {}])
def test_what_is_neither_number_nor_name_is_error(level: object) -> None:
    """As in the voice SDK."""
    assert parse_level(level) == LOG_LEVELS["error"]


@pytest.mark.parametrize("level", ["loud", "", -1, 6, 1.5])
def test_a_level_that_is_none_is_refused(level: object) -> None:
    with pytest.raises(InvalidArgumentError):
        DeviceOptions("one", log_level=level)  # type: ignore[arg-type]


def test_errors_are_written_unless_told_otherwise() -> None:
    assert DeviceOptions("one").log_threshold == LOG_LEVELS["error"]
