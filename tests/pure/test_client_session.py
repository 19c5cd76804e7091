"""The client's end of the stream, alone and joined to the gateway's end."""

from dataclasses import dataclass, field

import pytest

from actors.signaling import gateway_effects as gateway
from actors.signaling import messages as wire
from actors.signaling.client_events import Lost, Malformed, Unsent
from actors.signaling.client_session import (
    MAX_QUEUED_MESSAGES,
    Abandon,
    ClientSession,
    Deliver,
    Finish,
    SendFrame,
    SendHeartbeat,
    Status,
    ask,
    expire,
    leave,
    lost,
    opened,
    receive,
)
from actors.signaling.gateway_session import Clock, open_session
from actors.signaling.gateway_session import expire as gateway_expire
from actors.signaling.gateway_session import receive as gateway_receive
from actors.signaling.schema import HEARTBEAT, encode
from actors.signaling.token import AccessToken

pytestmark = pytest.mark.pure

LISTEN = wire.Listen("tok-1", 20.0)
CONNECTED = wire.Connected("alice", 3600.0)
REGISTER, UNREGISTER = wire.Register(audio=True), wire.Register(audio=False)
HANGUP = wire.Envelope("CA1", wire.Hangup())
REINVITE = wire.Envelope("CA1", wire.Reinvite("v=0\r\n"))


class Stream:
    """A session driven by hand."""

    def __init__(self):
        self.now = 0.0
        self.session = ClientSession(LISTEN)

    def do(self, transition, *arguments):
        self.session, effects = transition(self.session, *arguments)
        return list(effects)

    def open(self):
        return self.do(opened, self.now)

    def ask(self, request):
        return self.do(ask, request, self.now)

    def hear(self, message):
        return self.do(receive, message if isinstance(message, str | bytes) else encode(message), self.now)

    def expire(self, at):
        self.now = at
        return self.do(expire, at)


@pytest.fixture
def stream():
    stream = Stream()
    assert stream.open() == [SendFrame(LISTEN)]
    assert stream.hear(CONNECTED) == [Deliver(CONNECTED)]
    return stream


def test_the_token_goes_first_then_what_was_queued_without_waiting():
    stream = Stream()
    assert stream.ask(HANGUP) == [Deliver(Unsent(HANGUP, is_queued=True))]
    assert stream.open() == [SendFrame(LISTEN), SendFrame(HANGUP)]
    assert stream.session.status is Status.LISTENING
    assert stream.ask(HANGUP) == [SendFrame(HANGUP)]


def test_an_ice_restart_and_a_registration_are_not_queued():
    stream = Stream()
    assert stream.ask(REINVITE) == [Deliver(Unsent(REINVITE, is_queued=False))]
    assert stream.ask(REGISTER) == [Deliver(Unsent(REGISTER, is_queued=False))]
    assert stream.session.is_registration_wanted
    assert stream.open() == [SendFrame(LISTEN)]


def test_the_queue_is_bounded():
    stream = Stream()
    for _ in range(MAX_QUEUED_MESSAGES):
        stream.ask(HANGUP)
    assert stream.ask(HANGUP) == [Deliver(Unsent(HANGUP, is_queued=False))]
    assert len(stream.open()) == 1 + MAX_QUEUED_MESSAGES


def test_the_queue_and_the_wish_to_be_registered_outlive_a_socket(stream):
    stream.ask(REGISTER)
    assert stream.do(lost, "gone", 1006) == [Deliver(Lost("gone", 1006))]
    assert stream.do(lost, "gone") == [], "told once"
    assert stream.session.deadline is None
    stream.ask(HANGUP)
    assert stream.open() == [SendFrame(LISTEN), SendFrame(HANGUP)]
    assert stream.session.is_registration_wanted
    assert stream.hear(CONNECTED) == [Deliver(CONNECTED)], "calls reconnect first: the device registers"


def test_a_heartbeat_is_answered_and_not_passed_on(stream):
    assert stream.hear(HEARTBEAT) == [SendHeartbeat()]


def test_fifteen_silent_seconds_abandon_the_socket(stream):
    stream.now = 10.0
    stream.hear(HEARTBEAT)
    assert stream.session.deadline == 25.0
    assert stream.expire(25.0) == [Abandon("nothing received for 15 s")]


def test_a_registration_is_repeated_every_30_seconds_until_it_is_given_up(stream):
    assert stream.ask(REGISTER) == [SendFrame(REGISTER)]
    for at in (30.0, 60.0):
        stream.now = at - 5
        stream.hear(HEARTBEAT)
        assert stream.session.deadline == at
        assert stream.expire(at) == [SendFrame(REGISTER)]
    assert stream.ask(UNREGISTER) == [SendFrame(UNREGISTER)]
    assert stream.session.register_at is None


@pytest.mark.parametrize(
    "message", [wire.Offline(), wire.Problem(wire.WireError(31205, "expired"))], ids=["offline", "expired"]
)
def test_the_repetition_stops_when_the_gateway_will_not_have_it(stream, message):
    stream.ask(REGISTER)
    assert stream.hear(message) == [Deliver(message)]
    assert stream.session.register_at is None


def test_a_new_token_is_sent_at_once_and_used_from_then_on(stream):
    fresh = wire.Listen("tok-2")
    assert stream.ask(fresh) == [SendFrame(fresh)]
    stream.do(lost, "gone")
    assert stream.ask(fresh) == []
    assert stream.open() == [SendFrame(fresh)]


def test_close_ends_the_stream_for_good(stream):
    assert stream.hear(wire.Close()) == [Deliver(wire.Close()), Finish()]
    assert stream.session.status is Status.CLOSED
    assert stream.hear(HANGUP) == []
    assert stream.do(lost, "gone") == []


def test_leaving_is_not_a_loss(stream):
    assert stream.do(leave) == [Finish()]
    assert stream.do(lost, "gone") == []


def test_what_cannot_be_read_is_told_and_what_is_not_known_is_ignored(stream):
    assert stream.hear("garbage") == [Deliver(Malformed("not JSON"))]
    (effect,) = stream.hear('{"type":"invite","payload":{"callsid":"CA1"}}')
    assert isinstance(effect.event, Malformed)
    assert effect.event.kind == "invite"
    assert stream.hear('{"type":"roster"}') == []
    assert stream.hear(b"binary") == []


def test_no_repr_shows_a_token_or_an_sdp(stream):
    stream.do(lost, "gone")
    stream.ask(wire.Envelope("TJS1", wire.Invite("v=secret")))
    assert "tok-1" not in repr(stream.session)
    assert "v=secret" not in repr(stream.session)


@dataclass
class Pair:
    """A client and a gateway, back to back: frames arrive at once, time moves from deadline to deadline."""

    now: float = 0.0
    client: ClientSession = field(default_factory=lambda: ClientSession(LISTEN))
    events: list[object] = field(default_factory=list)
    done: list[tuple[float, object]] = field(default_factory=list)

    def connect(self) -> None:
        self.gateway = open_session(self.now)
        self.client_does(opened(self.client, self.now))

    def client_does(self, step) -> None:
        self.client, effects = step
        for effect in effects:
            match effect:
                case SendFrame(message):
                    self.to_gateway(encode(message))
                case SendHeartbeat():
                    self.to_gateway(HEARTBEAT)
                case Deliver(event):
                    self.events.append(event)
                case _:
                    self.done.append((self.now, effect))

    def to_gateway(self, text: str) -> None:
        clock = Clock(self.now, self.now)
        step = gateway_receive(
            self.gateway,
            text,
            clock,
            authenticate=self.authenticate,
            has_room=lambda _: True,
            has_calls=False,
        )
        self.gateway_does(step)

    def gateway_does(self, step) -> None:
        self.gateway, effects = step
        for effect in effects:
            match effect:
                case gateway.SendFrame(message):
                    self.client_does(receive(self.client, encode(message), self.now))
                case gateway.SendHeartbeat():
                    self.client_does(receive(self.client, HEARTBEAT, self.now))
                case _:
                    self.done.append((self.now, effect))

    def run(self, until: float) -> None:
        while (at := min(self.gateway.deadline, self.client.deadline)) <= until:
            self.now = at
            if self.gateway.deadline <= at:
                self.gateway_does(gateway_expire(self.gateway, at))
            if self.client.deadline <= at:
                self.client_does(expire(self.client, at))
        self.now = until

    @staticmethod
    def authenticate(token: str) -> AccessToken:
        return AccessToken("alice", "AC1", "SK1", expires_at=7200.0, may_receive=True)


def test_both_ends_keep_each_other_alive_and_registered_for_an_hour():
    pair = Pair()
    pair.connect()
    pair.client_does(ask(pair.client, REGISTER, 0.0))
    pair.run(3600.0)
    announced = [type(effect) for _, effect in pair.done]
    assert announced == [gateway.Authenticated, gateway.RegistrationChanged]
    assert pair.events[:2] == [wire.Connected("alice", 7200.0), wire.Registered()]
    assert pair.events.count(wire.Registered()) == 121
    assert set(map(type, pair.events)) == {wire.Connected, wire.Registered}


def test_a_token_that_runs_out_ends_the_registration_at_both_ends():
    pair = Pair()
    pair.connect()
    pair.client_does(ask(pair.client, REGISTER, 0.0))
    pair.run(7400.0)
    assert pair.events[-2:] == [
        wire.Problem(wire.WireError(31205, "the access token has expired")),
        wire.Offline(),
    ]
    assert pair.done[-1] == (7170.0 + 65.0, gateway.RegistrationChanged(is_registered=False))
    assert pair.client.status is Status.CONNECTED, "calls go on"


def test_messages_reach_the_other_end_across_an_outage():
    pair = Pair()
    pair.connect()
    pair.client_does(lost(pair.client, "gone"))
    pair.client_does(ask(pair.client, HANGUP, 1.0))
    pair.now = 2.0
    pair.connect()
    assert (2.0, gateway.Route(HANGUP)) in pair.done
