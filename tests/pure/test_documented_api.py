"""The names and parameters that the voice SDK's users know, as they are in Python."""

import inspect

import pytest

from actors.call import Call, CallStatus, Message
from actors.call.call import AcceptOptions
from actors.call.listeners import listener_call
from actors.call.parameters import CallerInfo
from actors.call.state import Direction
from actors.device import ConnectOptions, Device, DeviceOptions, DeviceStatus, PreflightOptions, PreflightTest
from actors.emitter import Emitter
from actors.errors import TwilioError

pytestmark = pytest.mark.pure

CALL = {
    "accept": ["options"],
    "disconnect": [],
    "get_local_stream": [],
    "get_remote_stream": [],
    "ignore": [],
    "reject": [],
    "is_muted": [],
    "mute": ["should_mute"],
    "post_feedback": ["score", "issue"],
    "send_digits": ["digits"],
    "send_message": ["message"],
    "status": [],
}
CALL_PROPERTIES = [
    "caller_info",
    "custom_parameters",
    "parameters",
    "codec",
    "connect_token",
    "direction",
    "outbound_connection_id",
]
DEVICE = {
    "register": [],
    "unregister": [],
    "connect": ["options"],
    "destroy": [],
    "disconnect_all": [],
    "update_options": ["changes"],
    "update_token": ["token"],
    "run_preflight": ["token", "options"],
}
DEVICE_PROPERTIES = ["audio", "calls", "edge", "home", "identity", "is_busy", "state", "token"]
EMITTER = ["on", "once", "off", "remove_listener", "remove_all_listeners", "emit", "listener_count"]
OPTIONS = [
    "allow_incoming_while_busy",
    "app_name",
    "app_version",
    "close_protection",
    "codec_preferences",
    "dscp",
    "edge",
    "enable_improved_signaling_error_precision",
    "force_aggressive_ice_nomination",
    "log_level",
    "max_average_bitrate",
    "max_call_signaling_timeout_ms",
    "sounds",
    "token_refresh_ms",
    "chunderw",
    "eventgw",
    "publish_events",
]


def parameters(method: object) -> list[str]:
    return [name for name in inspect.signature(method).parameters if name != "self"]  # type: ignore[arg-type]


@pytest.mark.parametrize(("owner", "name", "first"), [
    *((Call, name, first) for name, first in CALL.items()),
    *((Device, name, first) for name, first in DEVICE.items()),
])  # fmt: skip
def test_a_documented_method_begins_with_the_documented_parameters(
    owner: type, name: str, first: list[str]
) -> None:
    """Ours may have more, all of them optional."""
    found = parameters(getattr(owner, name))
    assert found[: len(first)] == first
    more = [inspect.signature(getattr(owner, name)).parameters[extra] for extra in found[len(first) :]]
    assert all(parameter.default is not inspect.Parameter.empty for parameter in more)


@pytest.mark.parametrize("name", CALL_PROPERTIES)
def test_a_call_has_the_documented_properties(name: str) -> None:
    assert isinstance(getattr(Call, name), property)


@pytest.mark.parametrize("name", DEVICE_PROPERTIES)
def test_a_device_has_the_documented_properties(name: str) -> None:
    assert isinstance(getattr(Device, name), property)


@pytest.mark.parametrize("owner", [Call, Device, PreflightTest])
def test_who_has_events_is_an_emitter_with_all_its_methods(owner: type) -> None:
    assert issubclass(owner, Emitter)
    assert all(callable(getattr(owner, name)) for name in (*EMITTER, "event_names"))


def test_a_call_is_muted_unless_told_otherwise() -> None:
    assert inspect.signature(Call.mute).parameters["should_mute"].default is True


def test_asynchronous_is_what_the_voice_sdk_promises() -> None:
    waiting = [Device.register, Device.unregister, Device.connect, Call.post_feedback]
    assert all(inspect.iscoroutinefunction(method) for method in waiting)
    at_once = [Device.destroy, Device.disconnect_all, Device.update_token, Call.disconnect, Call.send_message]
    assert not any(inspect.iscoroutinefunction(method) for method in at_once)


@pytest.mark.parametrize("name", OPTIONS)
def test_options_have_the_documented_names(name: str) -> None:
    assert name in parameters(DeviceOptions)


def test_what_is_passed_and_returned_has_the_documented_fields() -> None:
    assert parameters(AcceptOptions) == ["rtc_configuration", "rtc_constraints"]
    assert parameters(ConnectOptions) == ["params", "connect_token", "rtc_configuration", "rtc_constraints"]
    assert parameters(Message) == ["content", "message_type", "content_type", "voice_event_sid"]
    assert parameters(CallerInfo) == ["is_verified"]
    preflight = [
        "chunderw",
        "codec_preferences",
        "edge",
        "fake_mic_input",
        "log_level",
        "signaling_timeout_ms",
    ]
    assert set(preflight) <= set(parameters(PreflightOptions))
    error = TwilioError("why", "original")
    for name in ("code", "name", "message", "description", "explanation", "causes", "solutions"):
        assert hasattr(error, name)
    assert error.original_error == "original"


def test_states_are_those_of_the_voice_sdk() -> None:
    assert set(CallStatus) == {"pending", "connecting", "ringing", "open", "reconnecting", "closed"}
    assert set(DeviceStatus) == {"unregistered", "registering", "registered", "destroyed"}
    assert set(Direction) == {"INCOMING", "OUTGOING"}


def test_every_documented_event_of_a_call_is_told() -> None:
    """By the names that `listener_call` has in its code."""
    source = inspect.getsource(listener_call)
    documented = ["accept", "disconnect", "audio", "cancel", "reject", "reconnected", "error", "reconnecting"]
    documented += ["messageReceived", "messageSent", "mute", "ringing", "sample"]
    assert [name for name in documented if f'"{name}"' not in source] == []
