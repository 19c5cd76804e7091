"""A media engine without media: it keeps what it was told and says what a healthy one would."""

from collections.abc import Callable
from dataclasses import dataclass, field

from actors.ids import LegId
from actors.media.engine_messages import (
    Candidate,
    CloseLeg,
    EngineCommand,
    EngineEvent,
    IceRole,
    LegCounters,
    LegStatus,
    Negotiate,
    OpenLeg,
    PathLost,
    PathUp,
    Probe,
)
from actors.media.messages import AnswerOffer, ApplyAnswer, CreateOffer, LocalAnswer, LocalOffer
from actors.media.actor import new_credentials
from actors.media.attachment import step
from actors.media.negotiation_state import Attached, Input, Negotiation, ToCall

FINGERPRINT = ":".join(["AB"] * 32)
CANDIDATE = Candidate("127.0.0.1", 40000)


@dataclass
class ScriptedEngine:
    """Implements `EnginePort`; the path of a leg comes up when it is negotiated."""

    commands: list[EngineCommand] = field(default_factory=list)
    legs: set[LegId] = field(default_factory=set)
    flowing: set[LegId] = field(default_factory=set)
    attached: dict[LegId, Callable[[EngineEvent], None]] = field(default_factory=dict)
    fingerprint: str = FINGERPRINT
    candidates: tuple[Candidate, ...] = (CANDIDATE,)

    def post(self, command: EngineCommand) -> None:
        self.commands.append(command)
        match command:
            case OpenLeg(leg):
                self.legs.add(leg)
            case CloseLeg(leg):
                self.legs.discard(leg)
                self.flowing.discard(leg)
            case Negotiate(leg):
                self.flowing.add(leg)
                self.tell(PathUp(leg))
            case Probe(leg):
                self.tell(LegStatus(leg, leg in self.legs, leg in self.flowing))
            case _:
                pass

    def attach(self, leg: LegId, post: Callable[[EngineEvent], None]) -> None:
        self.attached[leg] = post

    def detach(self, leg: LegId) -> None:
        self.attached.pop(leg, None)

    def tell(self, event: EngineEvent) -> None:
        """Deliver to the leg's actor, if it listens."""
        post = self.attached.get(event.leg)
        if post is not None:
            post(event)

    def lose(self, leg: LegId) -> None:
        self.flowing.discard(leg)
        self.tell(PathLost(leg, 2.0))

    def find(self, leg: LegId) -> None:
        self.flowing.add(leg)
        self.tell(PathUp(leg))

    def count(self, leg: LegId, second: int) -> None:
        """One second's counters."""
        self.tell(LegCounters(leg, float(second), 8000 * second, 50 * second, 8000 * second, 50 * second, 0, 1.0, 20.0))

    def of(self, kind: type[EngineCommand]) -> list[EngineCommand]:
        return [command for command in self.commands if isinstance(command, kind)]


class Peer:
    """The other end's descriptions, made by the same machine that every leg runs."""

    def __init__(self, role: IceRole) -> None:
        self._state = Negotiation(LegId("peer"), role)
        self._take(Attached(":".join(["CD"] * 32), (CANDIDATE,)))

    def offer(self, *codecs: str) -> str:
        [offer] = [r for r in self._take(CreateOffer(codecs)) if isinstance(r, LocalOffer)]
        return offer.sdp

    def answer(self, offer: str) -> str:
        [answer] = [r for r in self._take(AnswerOffer(offer)) if isinstance(r, LocalAnswer)]
        return answer.sdp

    def apply(self, answer: str) -> None:
        self._take(ApplyAnswer(answer))

    def _take(self, happened: Input) -> list[object]:
        self._state, effects = step(self._state, happened, new_credentials())
        return [effect.report for effect in effects if isinstance(effect, ToCall)]


def client_offer() -> str:
    """What a client's `invite` carries."""
    return Peer(IceRole.CONTROLLING).offer("pcmu", "opus")


def client_answer(offer: str) -> str:
    return Peer(IceRole.CONTROLLING).answer(offer)


def gateway_offer() -> str:
    return Peer(IceRole.LITE).offer("pcmu", "opus")


def gateway_answer(offer: str) -> str:
    return Peer(IceRole.LITE).answer(offer)
