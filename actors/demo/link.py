"""What the demonstration's two processes tell each other: JSON lines on a pipe each way."""

from typing import TypeAlias

import msgspec

from actors.demo.plan import Plan
from actors.demo.report import CallResult


class Begin(msgspec.Struct, frozen=True, tag=True):
    """To the devices: the plan, and how to reach the server."""

    plan: Plan
    host: str
    port: int
    certificate: str
    account: str
    key: str
    secret: str
    speech: str

    def __repr__(self) -> str:
        return f"Begin({self.host}:{self.port})"


class Talk(msgspec.Struct, frozen=True, tag=True):
    """To the devices: everybody is heard, the talking counts from now."""


class Strike(msgspec.Struct, frozen=True, tag=True):
    """To the devices: carry out this fault of the plan (its position)."""

    fault: int


class Conclude(msgspec.Struct, frozen=True, tag=True):
    """To the devices: report what was heard, then hang up."""


class Progress(msgspec.Struct, frozen=True, tag=True):
    """From the devices, each second: how many calls are open, heard both ways, reconnecting."""

    answered: int
    heard: int
    reconnecting: int


class Struck(msgspec.Struct, frozen=True, tag=True):
    """From the devices: this fault was carried out; False when there was nothing to hit."""

    fault: int
    has_hit: bool


class Findings(msgspec.Struct, frozen=True, tag=True):
    """From the devices: the end. Outages in seconds, CPU in seconds while talking."""

    results: tuple[CallResult, ...]
    outages: tuple[float, ...]
    reconnecting: int
    cpu_seconds: float


ToDevices: TypeAlias = Begin | Talk | Strike | Conclude
FromDevices: TypeAlias = Progress | Struck | Findings

MAX_LINE_BYTES = 1 << 20
