"""What a placed call begins with: its custom parameters as text, as the browser SDK writes them."""

import pytest

from actors.call.parameters import ConnectToken, encode_connect_token
from actors.call.state import Direction, Role
from actors.device import ConnectOptions, DeviceOptions
from actors.device.placing import connect_token, placed, taken_over
from actors.errors import InvalidArgumentError
from actors.signaling.params import encode_params

pytestmark = pytest.mark.pure

TOKEN = encode_connect_token(ConnectToken({"room": "blue"}, {"CallSid": "CA1", "From": "client:bob"}, "rt"))
OPTIONS = DeviceOptions("one", codec_preferences=["opus"], max_average_bitrate=20_000)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (None, "null"), (5, "5"), (1.5, "1.5"), ("", ""), ("a b", "a b")],
)
def test_values_become_text(value: object, text: str) -> None:
    assert placed({"key": value}, OPTIONS).custom_parameters == {"key": text}


def test_reserved_characters_travel_escaped() -> None:
    state = placed({"To": "client:bob", "note": "a b&c=d/é~*'()"}, OPTIONS)
    assert encode_params(dict(state.custom_parameters)) == (
        "To=client%3Abob&note=a%20b%26c%3Dd%2F%C3%A9~*'()"
    )


def test_a_placed_call_has_an_id_of_its_own_and_the_devices_codecs() -> None:
    one, two = placed({}, OPTIONS), placed({}, OPTIONS)
    assert one.temp_sid.startswith("TJS")
    assert one.temp_sid != two.temp_sid
    assert (one.role, one.direction, one.call_sid) == (Role.CLIENT, Direction.OUTGOING, None)
    assert (one.codecs[0], one.max_average_bitrate) == ("opus", 20_000)


def test_without_a_token_nothing_is_taken_over() -> None:
    assert connect_token(ConnectOptions()) is None
    assert connect_token(ConnectOptions(connect_token="")) is None
    with pytest.raises(InvalidArgumentError):
        connect_token(ConnectOptions(connect_token=5))  # type: ignore[arg-type]


def test_a_call_that_is_taken_over_is_outgoing_though_it_has_a_callsid() -> None:
    from_token = connect_token(ConnectOptions(connect_token=TOKEN))
    assert from_token is not None
    state = taken_over(from_token, OPTIONS)
    assert (state.direction, state.call_sid, state.token) == (Direction.OUTGOING, "CA1", "rt")
    assert (state.parameters, state.custom_parameters) == (
        {"CallSid": "CA1", "From": "client:bob"},
        {"room": "blue"},
    )
