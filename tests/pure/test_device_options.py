"""A device's options: what is checked, what is used, what is merely kept."""

import tomllib
from pathlib import Path

import pytest

from actors.call.call import AcceptOptions
from actors.device import Device
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


@pytest.mark.parametrize("address", ["one:port", "one:70000", ":8443", "one:-1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """Else every attempt to connect would fail, for ever."""
    with pytest.raises(InvalidArgumentError):
        DeviceOptions(["fine:8443", address])


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
    ("timeout_ms", "seconds"),
    [
        (30_000, 30.0),
        (10_000, 10.0),
        (0, 0.0),
        (1, 1.0),
        (-5, 0.0),
        (40_000, 30.0),
        ("30000", 0.0),
        (None, 0.0),
        (float("nan"), 0.0),
        (float("inf"), 30.0),
    ],
)
def test_the_gateway_is_told_whole_seconds(timeout_ms: object, seconds: float) -> None:
    """What is no number counts as none."""
    options = DeviceOptions(HOST, max_call_signaling_timeout_ms=timeout_ms)  # type: ignore[arg-type]
    assert options.reconnect_timeout == seconds


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


def test_no_repr_shows_a_connect_token_or_a_turn_credential() -> None:
    servers = {"iceServers": [{"urls": "turn:relay.test", "credential": "secret"}]}
    for options in (
        ConnectOptions(connect_token="secret", rtc_configuration=servers),
        AcceptOptions(rtc_configuration=servers),
    ):
        assert "secret" not in repr(options)


def test_the_package_says_what_it_is() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert (Device.package_name, Device.version) == (project["name"], project["version"])
    assert Device.is_supported is True


def test_defaults_are_those_of_the_voice_sdk() -> None:
    options = DeviceOptions(HOST)
    assert options.codec_preferences == ("pcmu", "opus")
    assert (options.allow_incoming_while_busy, options.dscp, options.publish_events) == (False, True, True)
    assert (options.token_refresh_ms, options.max_call_signaling_timeout_ms) == (10_000, 0)
    assert not options.enable_improved_signaling_error_precision
    assert (options.edges, options.sounds, options.log_level) == ((), {}, "error")
    assert not options.close_protection
    assert not options.force_aggressive_ice_nomination
