"""The table of all fuzz targets, and the inputs that once found a bug."""

from collections.abc import Mapping
from pathlib import Path

from tests.fuzz import connection, dialled, media, network, sessions, signaling
from tests.fuzz.target import Target

TARGETS: Mapping[str, Target] = {
    target.name: target
    for module in (media, signaling, sessions, network, connection, dialled)
    for target in module.TARGETS
}

REGRESSIONS = Path(__file__).with_name("regressions.txt")


def regressions() -> list[tuple[str, bytes]]:
    """Target and input of each line; a line is a name and hex, what follows `#` is for people."""
    lines = (line.partition("#")[0].split() for line in REGRESSIONS.read_text().splitlines())
    return [(name, bytes.fromhex("".join(digits))) for name, *digits in filter(None, lines)]
