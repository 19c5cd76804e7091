"""A client's call and a gateway's call, joined by a network that can be made bad. Media is scripted."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from actors import events
from actors.call.machine import create, expire, step
from actors.call.state import (
    LEGAL,
    CallState,
    CallStatus,
    Direction,
    Effect,
    Emit,
    Input,
    Part,
    PartDown,
    PartUp,
    Received,
    Reported,
    Role,
    Send,
    ToInsights,
    ToMedia,
)
from actors.media import messages as media
from actors.signaling import messages as wire

LAST = (events.Disconnected, events.Cancelled, events.Rejected)


@dataclass
class End:
    """One call machine with its history; checks at every step what must always hold."""

    state: CallState
    published: list[object] = field(default_factory=list)
    sent: list[Send] = field(default_factory=list)
    orders: list[media.Command] = field(default_factory=list)

    def begin(self, now: float) -> None:
        self._take(create(self.state, now))

    def do(self, happened: Input, now: float) -> None:
        self._take(step(self.state, happened, now))

    def expire(self, now: float) -> None:
        self._take(expire(self.state, now))

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.published]

    def _take(self, taken: tuple[CallState, tuple[Effect, ...]]) -> None:
        before, (self.state, effects) = self.state, taken
        was, now = before.status, self.state.status
        assert was is now or self._is_legal(was, now), f"{was} -> {now}"
        for effect in effects:
            match effect:
                case Emit(event):
                    assert not any(isinstance(e, LAST) for e in self.published), f"{event} after the end"
                    self.published.append(event)
                case Send():
                    self.sent.append(effect)
                case ToMedia(command):
                    self.orders.append(command)
                case ToInsights():
                    pass
        if self.state.is_over:
            assert self.state.timers == ()
            assert before.is_over or sum(isinstance(e, LAST) for e in self.published) == 1

    @staticmethod
    def _is_legal(was: CallStatus, now: CallStatus) -> bool:
        """One input may pass through a status without resting in it."""
        return now in LEGAL[was] or any(now in LEGAL[through] for through in LEGAL[was])


@dataclass
class Weather:
    """Chances per message."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


class CallPair:
    """An outgoing call of a client and its incoming half at the gateway, or (`rung`) the other way round."""

    def __init__(self, *, rung: bool = False, seed: int = 0, weather: Weather | None = None) -> None:
        caller, callee = Direction.OUTGOING, Direction.INCOMING
        sid = "CA" + "0" * 32
        self.random = Random(seed)
        self.weather = weather or Weather()
        self.now = 0.0
        self.is_cut = False
        self.tokens = iter(f"token-{n}" for n in range(10_000))
        self.client = End(
            CallState(Role.CLIENT, callee if rung else caller, "TJS1", remote_offer="offer" if rung else None)
        )
        self.gateway = End(
            CallState(
                Role.GATEWAY,
                caller if rung else callee,
                "TJS1",
                call_sid=sid,
                remote_offer=None if rung else "offer",
            )
        )
        if rung:
            self.client.state = replace(self.client.state, call_sid=sid, token=next(self.tokens))
        self.wires: dict[Role, list[wire.CallMessage]] = {Role.CLIENT: [], Role.GATEWAY: []}
        for end in self.ends():
            end.begin(self.now)

    def ends(self) -> Iterator[End]:
        yield self.client
        yield self.gateway

    def other(self, end: End) -> End:
        return self.gateway if end is self.client else self.client

    def settle(self, rounds: int = 200) -> None:
        """Deliver everything that is under way, and let the scripted media answer."""
        for _ in range(rounds):
            if not self._turn():
                return
        raise AssertionError("the two calls never come to rest")

    def _turn(self) -> bool:
        moved = False
        for end in self.ends():
            while end.sent:
                self._transmit(end, end.sent.pop(0))
                moved = True
            while end.orders:
                moved = True
                for report in answer_media(end.orders.pop(0), is_described=end.state.is_described):
                    end.do(Reported(report), self.now)
        for end in self.ends():
            arrived = self.wires[end.state.role]
            if arrived:
                moved = True
                body = arrived.pop(0)
                if isinstance(body, wire.Resume) and self.gateway.state.is_over:
                    self.client.do(Received(wire.Hangup(wire.WireError(31209)), None), self.now)
                else:
                    end.do(Received(body, self.gateway.state.call_sid), self.now)
        return moved

    def _transmit(self, end: End, send: Send) -> None:
        if self.is_cut:
            return
        body = send.body
        if send.renew and isinstance(body, wire.Answer):
            body = wire.Answer(body.sdp, next(self.tokens))
        queue = self.wires[self.other(end).state.role]
        roll = self.random.random
        if roll() < self.weather.loss:
            return
        for _ in range(2 if roll() < self.weather.duplicate else 1):
            at = self.random.randint(0, len(queue)) if roll() < self.weather.reorder else len(queue)
            queue.insert(at, body)

    def cut(self) -> None:
        """The socket breaks: what was under way is lost, both ends learn of it."""
        self.is_cut = True
        for queue in self.wires.values():
            queue.clear()
        for end in self.ends():
            end.sent.clear()
            end.do(PartDown(Part.SIGNALING, "SignalingLost"), self.now)

    def heal(self) -> None:
        """A new socket: the client is bound at once, the gateway when the client's token arrives."""
        self.is_cut = False
        self.client.do(PartUp(Part.SIGNALING), self.now)
        if any(isinstance(send.body, wire.Resume) for send in self.client.sent):
            self.gateway.do(PartUp(Part.SIGNALING), self.now)

    def advance(self, seconds: float) -> None:
        """Let time pass, with every timer firing at its time."""
        until = self.now + seconds
        while True:
            due = [end.state.deadline for end in self.ends() if end.state.deadline is not None]
            if not due or min(due) > until:
                break
            self.now = max(self.now, min(due))
            for end in self.ends():
                end.expire(self.now)
            self.settle()
        self.now = until


def answer_media(command: media.Command, *, is_described: bool) -> tuple[media.Report, ...]:
    """What a media actor with a working engine reports."""
    match command:
        case media.CreateOffer():
            return (media.LocalOffer("offer"),)
        case media.AnswerOffer():
            return (media.LocalAnswer("answer", "pcmu"),)
        case media.ApplyAnswer(sdp):
            return (media.Applied("pcmu", restart=sdp == "restart answer"),)
        case media.RestartIce():
            return (media.LocalOffer("restart offer", restart=True),)
        case media.AnswerRestart("restart offer"):
            return (media.LocalAnswer("restart answer", "pcmu", restart=True),)
        case media.AnswerRestart() if not is_described:
            return media.Applied("pcmu"), media.Kept()
        case media.AnswerRestart():
            return (media.Kept(),)
        case _:
            return ()
