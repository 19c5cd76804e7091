"""The client side of the wire: a `Device` that places and takes calls."""

from actors.device.device import Device
from actors.device.hardware import Speaker
from actors.device.options import ConnectOptions, DeviceOptions
from actors.device.preflight import PreflightOptions, PreflightStatus, PreflightTest
from actors.device.state import DeviceStatus
from actors.media.messages import Clip, Microphone, Silence, Tone

__all__ = [
    "Clip",
    "ConnectOptions",
    "Device",
    "DeviceOptions",
    "DeviceStatus",
    "Microphone",
    "PreflightOptions",
    "PreflightStatus",
    "PreflightTest",
    "Silence",
    "Speaker",
    "Tone",
]
