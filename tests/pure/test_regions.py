"""The edge that a gateway has told, one way or the other."""

import pytest

from actors.device.regions import edge_of
from actors.device.state import StreamUp
from actors.device.stream import stream_input
from actors.signaling.messages import Connected

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("edge", "region", "expected"),
    [
        ("here", "EU_IRELAND", "here"),
        (None, "EU_IRELAND", "dublin"),
        (None, "US_WEST_OREGON", "umatilla"),
        (None, "MOON_CRATER", "MOON_CRATER"),
        (None, None, None),
    ],
)
def test_an_edge_is_told_or_follows_from_the_region(
    edge: str | None, region: str | None, expected: str | None
) -> None:
    assert edge_of(edge, region) == expected
    connected = Connected("alice", 60.0, edge, region, "home")
    assert stream_input(connected) == StreamUp("alice", 60.0, expected, "home")
