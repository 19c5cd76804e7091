"""The README's table of the documented API is complete, and what it names exists."""

import re
from pathlib import Path

import pytest

from tests.pure.test_documented_api import CALL, CALL_PROPERTIES, DEVICE, DEVICE_PROPERTIES

pytestmark = pytest.mark.pure

TESTS = Path(__file__).resolve().parents[1]
README = (TESTS.parent / "README.md").read_text()
CALL_EVENTS = [
    *("accept", "audio", "cancel", "disconnect", "error", "messageReceived", "messageSent", "mute"),
    *("reconnected", "reconnecting", "reject", "ringing", "sample", "volume", "warning", "warning-cleared"),
]
DEVICE_EVENTS = [
    *("destroyed", "error", "incoming", "registered", "registering", "tokenWillExpire", "unregistered"),
]


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of the README, without its head."""
    _, _, after = README.partition(f"### {heading}\n")
    lines = [line for line in after.partition("\n#")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(heading: str, *, is_event: bool) -> set[str]:
    """The events, or the methods and properties, that the table has rows for."""
    found = set()
    for first, *_ in rows(heading):
        members, has_events, emitted = first.partition("event")
        found |= set(re.findall(r"`([\w-]+)`", emitted if is_event and has_events else members))
    return found


@pytest.mark.parametrize(
    ("heading", "members", "emitted"),
    [
        ("`Call`", [*CALL, *CALL_PROPERTIES], CALL_EVENTS),
        ("`Device`", [*DEVICE, *DEVICE_PROPERTIES], DEVICE_EVENTS),
    ],
)
def test_everything_documented_has_a_row(heading: str, members: list[str], emitted: list[str]) -> None:
    assert {camel(name) for name in members} <= names(heading, is_event=False)
    assert set(emitted) <= names(heading, is_event=True)


@pytest.mark.parametrize("heading", ["`Call`", "`Device`"])
def test_every_test_that_is_named_exists(heading: str) -> None:
    scenarios = "".join(path.read_text() for path in (TESTS / "e2e" / "differential").glob("*.py"))
    for _, both, sdk, device in rows(heading):
        for scenario in re.findall(r"`(\w+)`", both):
            assert re.search(rf'(def {scenario}\(|name="{scenario}")', scenarios), scenario
        for folder, cell in ((TESTS / "e2e", sdk), (TESTS, device)):
            assert cell, "an empty cell shows nothing"
            for reference in re.findall(r"`([^`]+)`", cell):
                file, _, name = reference.partition("::")
                assert f"def {name}" in (folder / file).read_text(), reference
