"""The target for what a gateway sends to a device: the answer to the WebSocket handshake, and frames."""

import re
from collections.abc import Iterator
from contextlib import suppress

import trio
from trio.testing import MockClock
from wsproto.utilities import generate_accept_token

from actors.signaling import messages as wire
from actors.signaling.client import SessionCell, run_stream_over
from actors.signaling.client_events import Leave, StreamEvent, StreamRequest
from actors.signaling.client_session import ClientSession
from actors.signaling.dial import Address
from actors.signaling.errors import SignalingLost
from supervisor import Mailbox
from tests.fuzz.connection import MAX_SECONDS, MAX_STEPS, PIECES, Script, framed
from tests.fuzz.sessions import GATEWAY_FRAMES, next_frame
from tests.fuzz.target import MEBIBYTE, Cursor, Memory, Target, packed

ADDRESS = Address("gateway.test", 8443, "/signal")
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)
KEY = re.compile(rb"(?i)sec-websocket-key: *(\S+)")
LEAVE_AFTER = 100.0
CLOSE, BINARY, TEXT, PING = 8, 2, 1, 9


class Gateway(Script):
    """Answers the first request, with edits, and goes on with `rest` at once."""

    def __init__(self, edits: Cursor, rest: bytes, piece: int, *, is_leaving: bool) -> None:
        super().__init__(b"", b"later", piece, is_leaving=is_leaving)
        self._edits = edits
        self._frames = rest

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        found = KEY.search(bytes(data))
        if found is not None and self._rest:
            token = generate_accept_token(found[1])
            self._rest = self._edits.damage(ANSWER + token + b"\r\n\r\n") + self._frames
        await super().send_all(data)


async def dial(gateway: Gateway) -> None:
    """However the gateway behaves, the stream ends by itself or when it is asked to."""
    mailbox: Mailbox[StreamRequest] = Mailbox(8)
    events: list[StreamEvent] = []

    async def connect() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return gateway

    async def leave() -> None:
        await trio.sleep(LEAVE_AFTER)
        mailbox.post(Leave())

    with trio.fail_after(MAX_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave)
            with suppress(SignalingLost):
                await run_stream_over(
                    lambda: None,
                    dial=connect,
                    address=ADDRESS,
                    cell=SessionCell(ClientSession(wire.Listen("alice"))),
                    mailbox=mailbox,
                    post=events.append,
                )
            nursery.cancel_scope.cancel()


def drive(data: bytes) -> None:
    cursor = Cursor(data)
    flags, said = cursor.pick(range(8)), []
    edits = Cursor(cursor.chunk())
    for _ in range(MAX_STEPS):
        if not cursor:
            break
        match cursor.pick(("message", "frame", "raw")):
            case "message":
                message = next_frame(cursor, GATEWAY_FRAMES)
                is_text = isinstance(message, str)
                content = message.encode("utf-8", "surrogateescape") if isinstance(message, str) else message
                said.append(framed(content, TEXT if is_text else BINARY, is_masked=False))
            case "frame":
                kind, is_final = cursor.pick(range(16)), bool(cursor.pick((1, 0)))
                said.append(framed(cursor.chunk(), kind, is_final=is_final, is_masked=False))
            case _:
                said.append(cursor.chunk())
    rest = b"".join(said)
    gateway = Gateway(edits, rest, PIECES[flags >> 1], is_leaving=bool(flags & 1))
    trio.run(dial, gateway, clock=MockClock(autojump_threshold=0))
    assert gateway.sent <= MEBIBYTE + 64 * len(rest)


def talks() -> Iterator[bytes]:
    every = b"".join(bytes((0, 0, index)) for index in range(len(GATEWAY_FRAMES)))
    for flags in (0, 1, 5):
        yield bytes((flags,)) + packed(b"") + every
    yield b"\1" + packed(b"\1\0\x09\3\3400") + every
    yield b"\0" + packed(b"\1\0\x48\0\2, \xff") + every
    yield (
        b"\0"
        + packed(b"")
        + bytes((1, PING, 0))
        + packed(b"ping")
        + bytes((1, CLOSE, 0))
        + packed(b"\x03\xe8")
    )
    yield b"\0" + packed(b"") + bytes((2,)) + packed(b"no frame at all") + every


TARGETS = (
    Target(
        "dialled_stream",
        drive,
        talks,
        ("actors.signaling.schema.decode_gateway_untrusted",),
        memory=Memory(12 * MEBIBYTE, 64),
    ),
)
