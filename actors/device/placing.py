"""What the calls of a device's user begin with."""

from collections.abc import Mapping

from actors.call.parameters import ConnectToken, decode_connect_token_untrusted
from actors.call.state import CallState, Direction, Role
from actors.device.options import ConnectOptions, DeviceOptions
from actors.errors import InvalidArgumentError
from actors.ids import new_temp_sid
from actors.signaling.params import encode_invite_params


def placed(params: Mapping[str, object], options: DeviceOptions) -> CallState:
    """A new call, with these custom parameters. Raises InvalidArgumentError for too many."""
    custom = {name: _parameter(value) for name, value in params.items()}
    try:
        encode_invite_params(custom)
    except ValueError as error:
        raise InvalidArgumentError(str(error)) from error
    return CallState(
        role=Role.CLIENT,
        direction=Direction.OUTGOING,
        temp_sid=new_temp_sid(),
        custom_parameters=custom,
        codecs=options.codecs,
        max_average_bitrate=options.average_bitrate,
    )


def taken_over(token: ConnectToken, options: DeviceOptions) -> CallState:
    """A call that rings elsewhere; the gateway knows it by its CallSid and reconnect token."""
    return CallState(
        role=Role.CLIENT,
        direction=Direction.OUTGOING,
        temp_sid=new_temp_sid(),
        call_sid=token.parameters["CallSid"],
        parameters=dict(token.parameters),
        custom_parameters=dict(token.custom_parameters),
        token=token.reconnect,
        codecs=options.codecs,
        max_average_bitrate=options.average_bitrate,
    )


def connect_token(options: ConnectOptions) -> ConnectToken | None:
    """The call to take over, if any. Raises InvalidArgumentError."""
    token: object = options.connect_token
    if not token:
        return None
    if not isinstance(token, str):
        raise InvalidArgumentError("connect_token must be a string")
    return decode_connect_token_untrusted(token)


def _parameter(value: object) -> str:
    """A custom parameter as text, the way the browser SDK writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "null" if value is None else str(value)
