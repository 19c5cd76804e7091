"""A media engine without media: it keeps what it was told, and tells what the test scripts."""

from collections.abc import Callable

from actors.ids import LegId
from actors.media.engine_messages import (
    Candidate,
    CloseLeg,
    EngineCommand,
    EngineEvent,
    LegStatus,
    OpenLeg,
    PathLost,
    PathUp,
    Probe,
)


class FakeEngine:
    """Legs are open from `OpenLeg` to `CloseLeg` and flow as the test says; probes are answered at once."""

    fingerprint = ":".join(["AA"] * 32)
    candidates = (Candidate("192.0.2.1", 40000),)

    def __init__(self) -> None:
        self.commands: list[EngineCommand] = []
        self.open: set[LegId] = set()
        self.flowing: set[LegId] = set()
        self._posts: dict[LegId, Callable[[EngineEvent], None]] = {}

    @property
    def attached(self) -> set[LegId]:
        return set(self._posts)

    def place(self, leg: LegId, near: LegId | None = None) -> "FakeEngine":
        return self

    def attach(self, leg: LegId, post: Callable[[EngineEvent], None]) -> None:
        self._posts[leg] = post

    def detach(self, leg: LegId) -> None:
        self._posts.pop(leg, None)

    def post(self, command: EngineCommand) -> None:
        self.commands.append(command)
        match command:
            case OpenLeg(leg):
                self.open.add(leg)
            case CloseLeg(leg):
                self.open.discard(leg)
                self.flowing.discard(leg)
            case Probe(leg):
                self.tell(LegStatus(leg, leg in self.open, leg in self.flowing))

    def tell(self, event: EngineEvent) -> None:
        """Deliver `event` if somebody is attached for its leg."""
        match event:
            case PathUp(leg):
                self.flowing.add(leg)
            case PathLost(leg):
                self.flowing.discard(leg)
        post = self._posts.get(event.leg)
        if post is not None:
            post(event)

    def take(self) -> list[EngineCommand]:
        """The commands since the last time."""
        taken, self.commands = self.commands, []
        return taken

    def forget_all(self) -> None:
        """Be a replacement that knows no legs; whoever is attached stays so."""
        self.open.clear()
        self.flowing.clear()
