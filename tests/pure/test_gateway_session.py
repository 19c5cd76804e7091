"""The gateway's end of a socket: who gets in, what is answered, when it ends."""

from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.signaling import messages as wire
from actors.signaling.gateway_effects import (
    Authenticated,
    CloseSocket,
    GatewayEffect,
    RegistrationChanged,
    Route,
    SendFrame,
    SendHeartbeat,
)
from actors.signaling.gateway_session import (
    MAX_HELD_CHARS,
    MAX_HELD_MESSAGES,
    MAX_PROTOCOL_ERRORS,
    Clock,
    Locality,
    expire,
    open_session,
    receive,
)
from actors.signaling.rate import MAX_MESSAGE_BURST
from actors.signaling.schema import encode
from actors.signaling.token import AccessToken, TokenRefused

pytestmark = pytest.mark.pure

WALL = 1_700_000_000.0
TTL = 3600.0
ALICE = wire.Listen("alice", 20.0)
REGISTER, UNREGISTER = wire.Register(audio=True), wire.Register(audio=False)
INVITE = wire.Envelope("TJS1", wire.Invite("v=0\r\n"))
HANGUP = wire.Envelope("CA1", wire.Hangup())
CONNECTED = SendFrame(wire.Connected("alice", TTL, "here"))
READY, OFFLINE, CLOSE = SendFrame(wire.Registered()), SendFrame(wire.Offline()), SendFrame(wire.Close())
REFUSED = CloseSocket(1000, "token refused")


def authenticate(token: str, wall: float = WALL) -> AccessToken:
    """`alice`, `bob`, `mute` (no incoming grant), `brief` (10 s left); anything else is refused."""
    if token == "expired":
        raise TokenRefused(31205, "expired")
    if token == "forged":
        raise TokenRefused(31202, "signature does not match")
    if token not in {"alice", "bob", "mute", "brief"}:
        raise TokenRefused(31204, "malformed")
    identity = "alice" if token == "brief" else token
    expires_at = WALL + (10 if token == "brief" else TTL)
    if expires_at <= wall:
        raise TokenRefused(31205, "expired")
    return AccessToken(identity, "AC1", "SK1", expires_at, may_receive=token != "mute", application="AP1")


def problem(code: int, text: str) -> SendFrame:
    return SendFrame(wire.Problem(wire.WireError(code, text)))


@dataclass
class Socket:
    """A session driven by hand; time stands still unless told otherwise."""

    now: float = 0.0
    has_calls: bool = False
    has_room: bool = True
    effects: list[GatewayEffect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = open_session(self.now, locality=Locality(edge="here"))

    def hear(self, text: str | bytes) -> list[GatewayEffect]:
        clock = Clock(self.now, WALL + self.now)
        self.session, effects = receive(
            self.session,
            text,
            clock,
            authenticate=partial(authenticate, wall=clock.wall),
            has_room=lambda _: self.has_room,
            has_calls=self.has_calls,
        )
        self.effects.extend(effects)
        return list(effects)

    def say(self, *messages: wire.Message) -> list[GatewayEffect]:
        return [effect for message in messages for effect in self.hear(encode(message))]

    def run(self, until: float, *, answers: bool = True) -> list[tuple[float, GatewayEffect]]:
        """Let deadlines pass; the client answers heartbeats."""
        passed = []
        while not self.session.is_closed and self.session.deadline <= until:
            self.now = self.session.deadline
            self.session, effects = expire(self.session, self.now)
            passed += [(self.now, effect) for effect in effects]
            if answers and SendHeartbeat() in effects:
                self.hear("\n")
        self.now = until
        return passed


@pytest.fixture
def socket() -> Socket:
    """A socket of alice's."""
    socket = Socket()
    assert socket.say(ALICE) == [Authenticated(authenticate("alice"), ALICE, is_refresh=False), CONNECTED]
    return socket


def without_heartbeats(passed):
    return [(at, effect) for at, effect in passed if effect != SendHeartbeat()]


def test_a_socket_without_a_token_is_closed_after_5_seconds():
    assert without_heartbeats(Socket().run(100)) == [(5.0, CloseSocket(1008, "no token"))]


def test_heartbeats_go_out_every_5_seconds(socket):
    assert socket.run(20) == [(at, SendHeartbeat()) for at in (5.0, 10.0, 15.0, 20.0)]


def test_a_client_that_answers_no_heartbeat_is_closed_after_15_seconds(socket):
    assert socket.run(100, answers=False)[-1] == (15.0, CloseSocket(1001, "nothing received"))


def test_any_frame_is_a_sign_of_life(socket):
    socket.run(10, answers=False)
    socket.hear("garbage")
    assert socket.run(100, answers=False)[-1] == (25.0, CloseSocket(1001, "nothing received"))


def test_what_comes_before_the_token_is_good_is_held_in_order():
    """A client sends what it had queued without waiting for `connected`."""
    socket = Socket()
    assert socket.say(REGISTER, HANGUP) == []
    effects = socket.say(ALICE)
    assert effects[1:] == [CONNECTED, READY, RegistrationChanged(is_registered=True), Route(HANGUP)]


def test_no_more_than_a_few_messages_are_held():
    socket = Socket()
    assert socket.say(*[HANGUP] * MAX_HELD_MESSAGES) == []
    assert socket.say(HANGUP) == [problem(31206, "too many messages before a valid token")]
    assert socket.say(ALICE).count(Route(HANGUP)) == MAX_HELD_MESSAGES


def test_what_is_held_is_not_large_either():
    """Who it comes from is not known yet, and there may be thousands of them."""
    socket = Socket()
    large = wire.Envelope("CA1", wire.UserMessage("x" * (MAX_HELD_CHARS // 4), "t", "KX1"))
    assert socket.say(*[large] * 3) == []
    assert socket.say(large) == [problem(31206, "too many messages before a valid token")]
    assert socket.say(HANGUP) == []
    assert socket.say(ALICE).count(Route(large)) == 3


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        ("garbage", problem(31204, "malformed")),
        ("", problem(31204, "malformed")),
        ("forged", problem(31202, "signature does not match")),
    ],
)
def test_a_bad_token_is_told_and_a_second_later_its_client_is_to_stay_away(token, answer):
    """A client that is only closed comes back with the same token, for ever."""
    socket = Socket()
    assert socket.say(wire.Listen(token)) == [answer]
    assert socket.run(100) == [(1.0, CLOSE), (1.0, REFUSED)]


def test_who_comes_with_a_token_that_has_run_out_is_closed_and_may_come_back_with_another():
    socket = Socket()
    assert socket.say(wire.Listen("expired")) == [problem(31205, "expired")]
    assert socket.run(100) == [(1.0, REFUSED)]


@pytest.mark.parametrize("token", ["garbage", "expired"])
def test_a_good_token_in_time_saves_a_refused_socket(token):
    socket = Socket()
    socket.say(wire.Listen(token), HANGUP)
    socket.now = 0.9
    assert socket.say(ALICE)[-1] == Route(HANGUP)
    assert without_heartbeats(socket.run(100)) == []


@pytest.mark.parametrize(("last", "end"), [("garbage", [CLOSE, REFUSED]), ("expired", [REFUSED])])
def test_refused_tokens_do_not_put_off_the_end_and_the_last_of_them_decides(last, end):
    socket = Socket()
    for at, token in ((0.0, "expired"), (0.5, "garbage"), (0.9, last)):
        socket.now = at
        socket.say(wire.Listen(token))
    assert socket.run(100) == [(1.0, effect) for effect in end]


@pytest.mark.parametrize("token", ["garbage", "forged", "expired"])
def test_who_is_in_goes_on_with_the_old_token_when_the_new_one_is_refused(socket, token):
    """A call would lose its signaling for a slip of the application's."""
    [answer] = socket.say(wire.Listen(token))
    assert isinstance(answer.message, wire.Problem)
    assert socket.say(HANGUP, REGISTER)[:2] == [Route(HANGUP), READY]
    assert without_heartbeats(socket.run(60)) == []


def test_a_refresh_is_answered_only_when_no_call_is_live(socket):
    """On `connected` a client sends a reconnect invite for each live call: about a second without audio."""
    refreshed = Authenticated(authenticate("alice"), ALICE, is_refresh=True)
    assert socket.say(ALICE) == [refreshed, CONNECTED]
    socket.has_calls = True
    assert socket.say(ALICE) == [refreshed]


def test_a_refresh_keeps_the_identity(socket):
    assert socket.say(wire.Listen("bob")) == [problem(31204, "another identity")]
    assert socket.run(2) == [(1.0, REFUSED)], "on another socket the token is good"


def test_a_token_that_runs_out_is_told_and_its_client_may_not_dial_or_register():
    socket = Socket()
    socket.say(wire.Listen("brief"))
    expired = wire.WireError(31205, "the access token has expired")
    assert without_heartbeats(socket.run(30)) == [(10.0, SendFrame(wire.Problem(expired)))]
    assert socket.say(REGISTER) == [SendFrame(wire.Problem(expired)), OFFLINE]
    refusal = [wire.Problem(expired, "TJS1"), wire.Envelope("TJS1", wire.Hangup(expired))]
    assert socket.say(INVITE) == [SendFrame(message) for message in refusal]
    assert socket.say(HANGUP) == [Route(HANGUP)], "a call that is up goes on"
    socket.say(ALICE)
    assert socket.say(INVITE) == [Route(INVITE)]


def test_registering_is_answered_before_it_is_announced(socket):
    """The router may ring the client at once, and `ready` has to be there first."""
    assert socket.say(REGISTER) == [READY, RegistrationChanged(is_registered=True)]
    assert socket.say(REGISTER) == [READY]
    assert socket.say(UNREGISTER) == [RegistrationChanged(is_registered=False), OFFLINE]
    assert socket.say(UNREGISTER) == [OFFLINE]


def test_registering_needs_an_incoming_grant():
    """Without `offline` the SDK's `register()` would wait for ever."""
    socket = Socket()
    socket.say(wire.Listen("mute"))
    assert socket.say(REGISTER) == [problem(31201, "the access token has no incoming grant"), OFFLINE]


def test_registering_needs_room_and_repeating_it_none(socket):
    socket.has_room = False
    assert socket.say(REGISTER) == [problem(31206, "too many registrations of this identity"), OFFLINE]
    socket.has_room = True
    assert socket.say(REGISTER)[0] == READY
    socket.has_room = False
    assert socket.say(REGISTER) == [READY]


def test_a_registration_ends_when_it_is_not_repeated(socket):
    socket.say(REGISTER)
    socket.run(30)
    socket.say(REGISTER)
    assert without_heartbeats(socket.run(200)) == [(95.0, RegistrationChanged(is_registered=False))]
    assert socket.say(REGISTER) == [READY, RegistrationChanged(is_registered=True)]


def test_a_registration_outlives_its_token_for_a_time_and_its_end_is_told():
    """A client that was told that its token has run out does not repeat `register`; told that it is offline,
    it registers again as soon as it has a new token."""
    socket = Socket()
    socket.say(wire.Listen("brief"), REGISTER)
    passed = without_heartbeats(socket.run(200))
    assert passed[1:] == [(65.0, RegistrationChanged(is_registered=False)), (65.0, OFFLINE)]
    socket.say(ALICE)
    assert socket.say(REGISTER) == [READY, RegistrationChanged(is_registered=True)]


@pytest.mark.parametrize("has_calls", [False, True])
def test_a_new_token_after_the_end_of_the_old_one_keeps_the_registration(has_calls):
    """The client does not know that it would have to register again, and is not told."""
    socket = Socket(has_calls=has_calls)
    socket.say(wire.Listen("brief"), REGISTER)
    socket.run(30)
    socket.say(ALICE)
    assert without_heartbeats(socket.run(1000)) == []
    assert socket.say(UNREGISTER) == [RegistrationChanged(is_registered=False), OFFLINE]


def test_a_new_token_in_time_changes_nothing_about_the_registration():
    socket = Socket()
    socket.say(wire.Listen("brief"), REGISTER)
    socket.run(5)
    socket.say(ALICE)
    assert without_heartbeats(socket.run(200)) == [(65.0, RegistrationChanged(is_registered=False))]


def test_a_socket_that_closes_is_no_longer_registered(socket):
    socket.say(REGISTER)
    passed = without_heartbeats(socket.run(100, answers=False))
    assert [effect for _, effect in passed] == [
        RegistrationChanged(is_registered=False),
        CloseSocket(1001, "nothing received"),
    ]


def test_malformed_messages_are_answered_up_to_a_limit(socket):
    for _ in range(MAX_PROTOCOL_ERRORS):
        assert socket.hear("garbage") == [problem(31100, "not JSON")]
    assert socket.hear(b"binary")[-1] == CloseSocket(1008, "too many malformed messages")
    assert socket.say(HANGUP) == []


def test_a_flood_is_dropped_and_told_once_a_second(socket):
    burst = int(MAX_MESSAGE_BURST) - 1
    assert socket.say(*[HANGUP] * burst) == [Route(HANGUP)] * burst
    assert socket.say(*[HANGUP] * 10) == [problem(31206, "too many messages")]
    socket.now += 1.0
    assert socket.say(*[HANGUP] * 60) == [*[Route(HANGUP)] * 50, problem(31206, "too many messages")]


def test_no_repr_shows_a_token():
    token = wire.Listen("tok-123")
    assert "tok-123" not in repr(Authenticated(authenticate("alice"), token, is_refresh=False))


MOVES = st.lists(
    st.one_of(
        st.floats(0, 20),
        st.sampled_from(["alice", "bob", "brief", "expired", "garbage"]).map(wire.Listen),
        st.sampled_from([REGISTER, UNREGISTER, INVITE, HANGUP]),
        st.just("garbage"),
    ),
    max_size=40,
)


@given(MOVES, st.booleans())
def test_whatever_comes_a_session_closes_once_and_announces_every_change_once(moves, has_calls):
    socket = Socket(has_calls=has_calls)
    history: list[GatewayEffect] = []
    for move in moves:
        match move:
            case float():
                history += [effect for _, effect in socket.run(socket.now + move)]
            case str():
                history += socket.hear(move)
            case _:
                history += socket.say(move)
        assert socket.session.is_closed or socket.session.deadline > socket.now - 1e-9
    changes = [effect.is_registered for effect in history if isinstance(effect, RegistrationChanged)]
    assert changes == [index % 2 == 0 for index in range(len(changes))]
    closes = [index for index, effect in enumerate(history) if isinstance(effect, CloseSocket)]
    assert closes in ([], [len(history) - 1])
    first = next((i for i, effect in enumerate(history) if isinstance(effect, Authenticated)), len(history))
    assert not any(isinstance(effect, Route | RegistrationChanged) for effect in history[:first])
