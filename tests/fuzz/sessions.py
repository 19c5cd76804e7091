"""Targets for the machines at both ends of a socket: rows of frames, edits of frames, and time."""

from collections.abc import Iterator

from actors.signaling import client_session as client
from actors.signaling import gateway_session as gateway
from actors.signaling import messages as wire
from actors.signaling.gateway_effects import CloseSocket, GatewayEffect, RegistrationChanged, SendFrame
from actors.signaling.schema import HEARTBEAT, encode
from actors.signaling.token import AccessToken, TokenRefused
from tests.fuzz.signaling import CLIENT_SAYS, GATEWAY_SAYS, NOW, text_of
from tests.fuzz.target import MEBIBYTE, Cursor, Memory, Target, packed

MAX_STEPS = 400
MAX_EFFECTS = gateway.MAX_HELD_MESSAGES * 3 + 4
WAITS = (0.0, 0.01, 0.5, 3.0, 12.0, 60.0, 700.0, 4000.0)
TTLS = {"alice": 3600.0, "bob": 3600.0, "brief": 5.0, "mute": 3600.0, "past": -5.0}

CLIENT_FRAMES = (
    *(encode(wire.Listen(token)) for token in ("alice", "brief", "bob", "mute", "past", "forged")),
    *(encode(message) for message in CLIENT_SAYS[1:]),
    HEARTBEAT,
)
GATEWAY_FRAMES = (*(encode(message) for message in GATEWAY_SAYS), HEARTBEAT)


def authenticate(token: str) -> AccessToken:
    """Tokens are the names in `TTLS`."""
    if token not in TTLS:
        raise TokenRefused(31204, "malformed")
    identity = "alice" if token in {"brief", "past"} else token
    return AccessToken(identity, "AC1", "SK1", NOW + TTLS[token], token != "mute", "app")


def next_frame(cursor: Cursor, frames: tuple[str, ...]) -> str | bytes:
    """A valid frame, one with edits, any text, or a binary frame."""
    match cursor.pick(("valid", "valid", "damaged", "any", "binary")):
        case "valid":
            return cursor.pick(frames)
        case "damaged":
            return text_of(cursor.damage(cursor.pick(frames).encode()))
        case "any":
            return text_of(cursor.chunk())
        case _:
            return cursor.chunk()


class GatewaySocket:
    """A gateway's session, and what must hold of whatever it wants done."""

    def __init__(self) -> None:
        self.now = 0.0
        self.is_registered = False
        self.session = gateway.open_session(self.now)

    def hear(self, text: str | bytes, *, has_room: bool, has_calls: bool) -> None:
        self._check(
            gateway.receive(
                self.session,
                text,
                gateway.Clock(self.now, NOW + self.now),
                authenticate=authenticate,
                has_room=lambda _: has_room,
                has_calls=has_calls,
            )
        )

    def wait(self, seconds: float) -> None:
        """As the shell does it: a deadline is never slept through."""
        until = self.now + seconds
        for _ in range(MAX_STEPS):
            if self.session.is_closed or self.session.deadline > until:
                break
            self.now = max(self.now, self.session.deadline)
            self._check(gateway.expire(self.session, self.now))
        self.now = until

    def _check(self, step: gateway.Step) -> None:
        was_closed = self.session.is_closed
        self.session, effects = step
        assert not (was_closed and effects)
        assert len(effects) <= MAX_EFFECTS
        assert len(self.session.held) <= gateway.MAX_HELD_MESSAGES
        assert self.session.held_chars <= gateway.MAX_HELD_CHARS
        assert self.session.protocol_errors <= gateway.MAX_PROTOCOL_ERRORS + 1
        for effect in effects:
            self._check_effect(effect)
        assert (
            self.session.is_closed == any(isinstance(effect, CloseSocket) for effect in effects) or was_closed
        )

    def _check_effect(self, effect: GatewayEffect) -> None:
        match effect:
            case SendFrame(message):
                encode(message)
            case RegistrationChanged(is_registered):
                assert is_registered is not self.is_registered
                self.is_registered = is_registered
            case _:
                pass


def drive_gateway(data: bytes) -> None:
    cursor, socket = Cursor(data), GatewaySocket()
    for _ in range(MAX_STEPS):
        if not cursor:
            break
        if cursor.pick((True, True, False)):
            flags = cursor.pick(range(4))
            frame = next_frame(cursor, CLIENT_FRAMES)
            socket.hear(frame, has_room=not flags & 1, has_calls=bool(flags & 2))
        else:
            socket.wait(cursor.pick(WAITS))


def drive_client(data: bytes) -> None:
    cursor, now = Cursor(data), 0.0
    state = client.ClientSession(wire.Listen("alice"))
    asked: tuple[wire.Envelope | wire.Listen | wire.Register, ...] = tuple(
        message for message in CLIENT_SAYS if isinstance(message, wire.Envelope | wire.Listen | wire.Register)
    )
    for _ in range(MAX_STEPS):
        if not cursor:
            break
        effects: tuple[client.ClientEffect, ...] = ()
        match cursor.pick(("hear", "hear", "wait", "ask", "opened", "lost")):
            case "hear":
                state, effects = client.receive(state, next_frame(cursor, GATEWAY_FRAMES), now)
            case "wait":
                now += cursor.pick(WAITS)
                state, effects = client.expire(state, now)
            case "ask":
                state, effects = client.ask(state, cursor.pick(asked), now)
            case "opened" if not state.is_open:
                state, effects = client.opened(state, now)
            case _:
                state, effects = client.lost(state, "cut")
        assert len(state.queue) <= client.MAX_QUEUED_MESSAGES
        assert len(effects) <= client.MAX_QUEUED_MESSAGES + 2
        for effect in effects:
            if isinstance(effect, client.SendFrame):
                encode(effect.message)


def says(*indices: int) -> bytes:
    """Valid frames by their place in the table, at a gateway."""
    return b"".join(bytes((0, 0, 0, index)) for index in indices)


def gateway_talks() -> Iterator[bytes]:
    every = range(len(CLIENT_FRAMES))
    yield says(0, *every)
    yield says(*every, 0, *every)
    yield says(0, 6) + b"\2\5" * 4 + says(0, 2, 7)
    yield says(1, 6) + b"\2\4" + says(6, 8, 0, 6)
    yield says(6, 5) + b"\2\4" + says(0)
    yield bytes((0, 0, 3)) + packed(b"{}") + bytes((0, 0, 4)) + packed(b"\xff") * 18
    yield says(8) * 40 + says(0)


def client_talks() -> Iterator[bytes]:
    hears = b"".join(bytes((0, 0, index)) for index in range(len(GATEWAY_FRAMES)))
    yield b"\4" + hears
    yield b"\3\3" * 300 + b"\4" + hears + b"\5\4\2\6"


def held_content() -> Iterator[bytes]:
    """As much as a stranger can have kept of small frames that are large once they are read."""
    content: list[object] = [[] for _ in range(20_000)]
    frame = encode(wire.Envelope("CA1", wire.UserMessage(content, "t", "e"))).encode()
    yield (bytes((0, 0, 3)) + packed(frame)) * 12


MACHINE = Memory(4 * MEBIBYTE, 512)

TARGETS = (
    Target(
        "gateway_session",
        drive_gateway,
        gateway_talks,
        ("actors.signaling.schema.decode_client_untrusted",),
        worst=held_content,
        memory=MACHINE,
    ),
    Target(
        "client_session",
        drive_client,
        client_talks,
        ("actors.signaling.schema.decode_gateway_untrusted",),
        memory=MACHINE,
    ),
)
