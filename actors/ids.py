"""Identifiers: their prefixes, how they are made, how they are recognised."""

import secrets
import uuid
from typing import NewType

CallSid = NewType("CallSid", str)
"""`CA` and 32 hex digits; made by the gateway."""

TempSid = NewType("TempSid", str)
"""`TJS` and a random UUID; made by the client for a call that has no CallSid yet."""

LegId = NewType("LegId", str)
"""One party's media half of a call, unique within a media engine."""


def new_call_sid() -> CallSid:
    return CallSid(f"CA{secrets.token_hex(16)}")


def new_temp_sid() -> TempSid:
    return TempSid(f"TJS{uuid.uuid4()}")


def new_voice_event_sid() -> str:
    return f"KX{secrets.token_hex(16)}"


def new_leg_id() -> LegId:
    return LegId(f"L{secrets.token_hex(8)}")


def new_reconnect_token() -> str:
    """A bearer secret: 192 random bits, URL-safe."""
    return secrets.token_urlsafe(24)


def is_temporary(sid: str) -> bool:
    return sid.startswith("TJ")


def new_device_name() -> str:
    """A name for a device in logs."""
    return f"device-{secrets.token_hex(4)}"
