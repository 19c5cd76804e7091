"""What a node and a media worker tell each other."""

from typing import TypeAlias

import msgspec

from actors.media.engine_messages import EngineCommand, EngineEvent
from actors.media.notes import Adoption, Note

# --- node -> worker --------------------------------------------------------------------------------


class Begin(msgspec.Struct, frozen=True, tag=True):
    """Run an engine on the socket that comes with this.

    `certificate` and `key` are PEM. `clock` is what the node's `trio.current_time()` is ahead of the
    machine's monotonic clock, so that both tell the same times.
    """

    advertised: tuple[str, ...]
    certificate: bytes
    key: bytes
    clock: float

    def __repr__(self) -> str:
        return f"Begin({self.advertised!r}, …)"


class Adopt(msgspec.Struct, frozen=True, tag=True):
    """Go on with these legs; follows `Begin`, before anything else."""

    legs: tuple[Adoption, ...]


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Close all legs and exit."""


ToWorker: TypeAlias = Begin | Adopt | Stop | EngineCommand

# --- worker -> node --------------------------------------------------------------------------------


class Warm(msgspec.Struct, frozen=True, tag=True):
    """Everything is imported; `Begin` may come."""


class Began(msgspec.Struct, frozen=True, tag=True):
    """The engine runs, and has taken what came with `Begin`."""


class Beat(msgspec.Struct, frozen=True, tag=True):
    """The worker's loop turns."""

    packets_in: int
    packets_out: int
    dropped: dict[str, int]


class LoopDown(msgspec.Struct, frozen=True, tag=True):
    """A loop of the engine has crashed and is restarted in the worker."""

    name: str
    incarnation: int
    reason: str


FromWorker: TypeAlias = Warm | Began | Beat | LoopDown | Note | EngineEvent
