"""The client side of the wire: a `Device` that places and takes calls."""

from actors.device.device import Device
from actors.device.options import ConnectOptions, DeviceOptions
from actors.device.preflight import PreflightOptions, PreflightStatus, PreflightTest
from actors.device.state import DeviceStatus
from actors.media.messages import Clip, Silence, Tone

__all__ = [
    "Clip",
    "ConnectOptions",
    "Device",
    "DeviceOptions",
    "DeviceStatus",
    "PreflightOptions",
    "PreflightStatus",
    "PreflightTest",
    "Silence",
    "Tone",
]
