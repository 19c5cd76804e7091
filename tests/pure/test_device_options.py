"""A device's options: what is checked, what is used, what is merely kept."""

import pytest

from actors.device.options import ConnectOptions, DeviceOptions
from actors.errors import InvalidArgumentError

pytestmark = pytest.mark.pure

HOST = "gateway.test:8443"


@pytest.mark.parametrize(
    ("given", "addresses"), [(HOST, (HOST,)), (["a", "b"], ("a", "b")), (("a",), ("a",))]
)
def test_a_gateway_is_one_text_or_several(given: object, addresses: tuple[str, ...]) -> None:
    assert DeviceOptions(given).addresses == addresses  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["", None, (), 5, ["a", 5], ["a", ""], {"a"}])
def test_a_device_without_a_gateway_is_refused(given: object) -> None:
    with pytest.raises(InvalidArgumentError):
        DeviceOptions(given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "edges"),
    [(None, ()), ("", ()), ("dublin", ("dublin",)), (["dublin", "tokyo"], ("dublin", "tokyo"))],
)
def test_edges_are_kept_in_their_order(given: object, edges: tuple[str, ...]) -> None:
    assert DeviceOptions(HOST, edge=given).edges == edges  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [5, ["dublin", 5], {"dublin": 1}, True])
def test_an_edge_is_text(given: object) -> None:
    with pytest.raises(InvalidArgumentError):
        DeviceOptions(HOST, edge=given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, None),
        (5_999, None),
        (6_000, 6_000),
        (510_000, 510_000),
        (510_001, None),
        ("20000", None),
        (True, None),
        (float("nan"), None),
        (20_000.0, 20_000),
    ],
)
def test_a_bitrate_out_of_range_is_not_used(given: object, used: int | None) -> None:
    assert DeviceOptions(HOST, max_average_bitrate=given).average_bitrate == used  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("timeout_ms", "seconds"), [(30_000, 30.0), (10_000, 10.0), (0, 0.0), (1, 1.0), (-5, 0.0), (40_000, 30.0)]
)
def test_the_gateway_is_told_whole_seconds(timeout_ms: int, seconds: float) -> None:
    assert DeviceOptions(HOST, max_call_signaling_timeout_ms=timeout_ms).reconnect_timeout == seconds


def test_preferred_codecs_come_first_and_those_we_do_not_speak_not_at_all() -> None:
    codecs = DeviceOptions(HOST, codec_preferences=["opus", "speex"]).codecs
    assert (codecs[0], "speex" in codecs, set(codecs) >= {"pcmu", "opus"}) == ("opus", False, True)


def test_changes_are_merged_over_what_was_given_before() -> None:
    options = DeviceOptions(HOST, app_name="desk", edge="dublin").merged({"edge": "tokyo"})
    assert (options.app_name, options.edge, options.addresses) == ("desk", "tokyo", (HOST,))


@pytest.mark.parametrize("changes", [{"edge": 5}, {"chunderw": ""}, {"allowIncomingWhileBusy": True}])
def test_changes_are_checked_like_options(changes: dict[str, object]) -> None:
    """A misspelled name would otherwise do nothing, silently."""
    with pytest.raises(InvalidArgumentError):
        DeviceOptions(HOST).merged(changes)


def test_no_repr_shows_a_connect_token() -> None:
    assert "secret" not in repr(ConnectOptions(connect_token="secret"))
