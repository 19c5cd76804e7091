"""What a scenario is played with: parties of the kind under test, and others that only play along."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from tests.e2e import network
from tests.e2e.differential.log import Entry
from tests.fakes.house import House

DEVICE = "device"
CALL = "call 1"
SECOND_CALL = "call 2"
SECONDS = 20.0

Arguments: TypeAlias = Mapping[str, object]


class Party(Protocol):
    """A client: the SDK's Device in a page, or ours. It writes down everything that it emits.

    A source is `device`, or `call N` in the order in which the calls came about. Methods are called by their
    Python names, and take mappings (with Python names) for the SDK's objects. What a method returns or raises
    is written down among the events of its source.
    """

    wire: network.Wire

    async def perform(self, source: str, method: str, *args: object) -> None:
        """Call a method of the device or of a call, and wait until what it returns has settled."""

    async def begin(self, source: str, method: str, *args: object) -> None:
        """`perform`, without waiting for what is returned to settle."""

    async def happened(self, name: str, times: int = 1, *, of: str = CALL, seconds: float = SECONDS) -> None:
        """Wait until `of` has emitted an event so many times."""

    async def became(self, status: str, *, of: str = CALL, seconds: float = SECONDS) -> None:
        """Wait until `state` or `status()` says so."""

    async def note(self, source: str) -> None:
        """Write down the properties of the device or of a call, all but the codec of a call."""

    async def read(self, source: str, name: str) -> None:
        """Write down one property."""

    async def property(self, source: str, name: str) -> Any:
        """One property; it is not written down."""

    async def outage(self) -> None:
        """Wait until a cut socket has been told as often as it is going to be."""

    async def route(self, path: network.Path) -> None:
        """From the next description on, media find their way to the gateway by this path only."""

    async def log(self) -> list[Entry]:
        """Everything so far."""


class Scene(Protocol):
    """Where a scenario takes place: a house with a gateway of its own."""

    house: House

    async def party(self, name: str, *, path: network.Path | None = None, **options: object) -> Party:
        """A client of this identity, of the kind under test; `options` have Python names.

        `token`: instead of one that the house makes.
        """

    async def extra(self, identity: str, **options: object) -> Party:
        """A client that only plays along: always one of ours, whose log is not compared."""

    async def path(self) -> network.Path:
        """Another way for media."""


Play: TypeAlias = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """`flags` are settings of the node; scenarios that are slow are played at the same time."""

    name: str
    play: Play
    is_slow: bool = False
    flags: Mapping[str, Any] = field(default_factory=dict)


SCENARIOS: dict[str, Scenario] = {}


def scenario(*, name: str = "", is_slow: bool = False, **flags: object) -> Callable[[Play], Play]:
    """Enter a function into the list of scenarios, by default under its own name."""

    def enter(play: Play) -> Play:
        key = name or play.__name__  # type: ignore[attr-defined]
        assert key not in SCENARIOS, key
        SCENARIOS[key] = Scenario(key, play, is_slow, flags)
        return play

    return enter


def own_directory(root: Path, name: str) -> Path:
    made = root / name
    made.mkdir()
    return made
