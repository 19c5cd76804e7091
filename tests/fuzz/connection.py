"""The target for everything that comes over one connection: HTTP, the WebSocket handshake, its frames."""

from collections.abc import Iterator

import trio
from trio.testing import MockClock

from actors.gateway.http import http_application
from actors.signaling.limits import MAX_BODY_BYTES, MAX_HEAD_BYTES
from actors.signaling.link import Link
from actors.signaling.messages import Envelope
from actors.signaling.schema import MAX_FRAME_CHARS
from actors.signaling.server import serve_stream
from actors.signaling.token import AccessToken
from actors.signaling.websocket import Reception
from tests.fuzz.sessions import CLIENT_FRAMES, authenticate, next_frame
from tests.fuzz.signaling import NOW
from tests.fuzz.target import MEBIBYTE, Cursor, Memory, Target, packed

CRLF = b"\r\n"
UPGRADE = (
    b"GET /signal HTTP/1.1\r\nHost: gateway.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK = bytes(4)
TEXT, BINARY, FINAL, MASKED = 1, 2, 0x80, 0x80
PIECES = (1 << 20, 700, 7, 1)
MAX_STEPS = 200
MAX_SECONDS = 10_000.0


class Script(trio.abc.Stream):
    """A peer that sends `head`, waits for an answer, sends the rest, and then leaves or is silent.

    It sends `piece` bytes at once.
    """

    def __init__(self, head: bytes, rest: bytes, piece: int, *, is_leaving: bool) -> None:
        self._data = head
        self._rest = rest
        self._piece = piece
        self._is_leaving = is_leaving
        self._answered = trio.Event()
        self._closed = trio.Event()
        self.sent = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        if self._closed.is_set():
            raise trio.ClosedResourceError
        if not self._data and self._rest:
            await self._answered.wait()
            self._data, self._rest = self._rest, b""
        if not self._data and not self._is_leaving:
            await self._closed.wait()
            raise trio.ClosedResourceError
        size = min(self._piece, max_bytes or self._piece)
        part, self._data = self._data[:size], self._data[size:]
        return part

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if self._closed.is_set():
            raise trio.ClosedResourceError
        self.sent += len(data)
        self._answered.set()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self._closed.set()
        self._answered.set()
        await trio.lowlevel.checkpoint()


class Registry:
    """A router that only checks the order in which it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def opened(self, link: Link, token: AccessToken) -> None:
        assert not self.told
        self.told.append("opened")

    def registered(self, link: Link) -> None:
        self.told.append("registered")

    def unregistered(self, link: Link) -> None:
        self.told.append("unregistered")

    def route(self, link: Link, envelope: Envelope) -> None:
        self.told.append("route")

    def closed(self, link: Link) -> None:
        assert self.told[0] == "opened"
        assert "closed" not in self.told
        self.told.append("closed")

    def has_room(self, identity: str) -> bool:
        return True

    def has_calls(self, link: Link) -> bool:
        return False


async def serve(script: Script, registry: Registry) -> None:
    """However the peer behaves, the connection ends by itself and without an error."""
    reception = Reception(registry, authenticate, lambda: NOW)
    app = http_application(lambda: True)
    with trio.fail_after(MAX_SECONDS):
        await serve_stream(lambda: None, script, link_id="socket 1", reception=reception, http=app)
    assert not registry.told or registry.told[-1] == "closed"


def framed(payload: bytes, kind: int = TEXT, *, is_final: bool = True, is_masked: bool = True) -> bytes:
    """A frame (RFC 6455 section 5.2); a client's is masked, with zeros so that edits of it stay readable."""
    size, masked = len(payload), MASKED if is_masked else 0
    if size < 126:
        length = bytes((masked | size,))
    elif size < 1 << 16:
        length = bytes((masked | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((masked | 127,)) + size.to_bytes(8, "big")
    return bytes((kind | (FINAL if is_final else 0),)) + length + (MASK if is_masked else b"") + payload


def conversation(cursor: Cursor) -> bytes:
    """Frames on an open WebSocket."""
    said = []
    for _ in range(MAX_STEPS):
        if not cursor:
            break
        match cursor.pick(("message", "frame", "raw")):
            case "message":
                message = next_frame(cursor, CLIENT_FRAMES)
                kind = TEXT if isinstance(message, str) else BINARY
                content = message.encode("utf-8", "surrogateescape") if isinstance(message, str) else message
                said.append(framed(content, kind))
            case "frame":
                kind, is_final = cursor.pick(range(16)), bool(cursor.pick((1, 0)))
                said.append(framed(cursor.chunk(), kind, is_final=is_final))
            case _:
                said.append(cursor.chunk())
    return b"".join(said)


def connect(data: bytes) -> None:
    cursor = Cursor(data)
    is_websocket, flags = cursor.pick((False, True)), cursor.pick(range(8))
    content = conversation(cursor) if is_websocket else cursor.rest()
    head, rest = (UPGRADE, content) if is_websocket else (content, b"")
    script = Script(head, rest, PIECES[flags >> 1], is_leaving=bool(flags & 1))
    trio.run(serve, script, Registry(), clock=MockClock(autojump_threshold=0))
    assert script.sent <= MEBIBYTE + 64 * len(content)


def requests() -> Iterator[bytes]:
    for flags in (0, 1, 3, 5):
        for path in (b"/livez", b"/readyz?a=%20", b"/%ff/../x", b"*"):
            yield bytes((0, flags)) + b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n"
        post = b"POST /livez HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        yield bytes((0, flags)) + post + b"Content-Length: 3\r\n\r\nabc"
        yield (
            bytes((0, flags))
            + post
            + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nTrailer: y\r\n\r\n"
        )
        yield bytes((0, flags)) + UPGRADE + framed(CLIENT_FRAMES[0].encode())
    yield b"\0\1" + UPGRADE.replace(b"/signal", b"/livez")
    yield b"\0\1" + UPGRADE.replace(b"Sec-WebSocket-Key", b"X-Key")
    yield b"\0\1" + UPGRADE.replace(b"13", b"8")
    yield b"\0\1" + UPGRADE.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\nabcd")


def conversations() -> Iterator[bytes]:
    every = b"".join(bytes((0, 0, index)) for index in range(len(CLIENT_FRAMES)))
    for flags in (0, 1, 5):
        yield bytes((1, flags)) + every
        yield (
            bytes((1, flags))
            + bytes((0, 0, 0))
            + bytes((1, 1, 1))
            + packed(b'{"ty')
            + bytes((1, 0, 0))
            + packed(b"}")
        )
        yield (
            bytes((1, flags)) + bytes((1, 9, 0)) + packed(b"ping") + bytes((1, 8, 0)) + packed(b"\x03\xe8bye")
        )
    yield bytes((1, 1, 1, 1, 0)) + packed(b"\xff\xfe") + every
    yield bytes((1, 1, 1, 8, 0)) + packed(b"\x00")


def large_requests() -> Iterator[bytes]:
    yield b"\0\1" + b"GET /" + b"a" * (2 * MAX_HEAD_BYTES)
    yield b"\0\1" + b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * MAX_HEAD_BYTES
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield b"\0\1" + chunked + b"1\r\na\r\n" * 1000
    yield b"\0\1" + chunked + b"%x\r\n" % (2 * MAX_BODY_BYTES) + bytes(2 * MAX_BODY_BYTES)
    for frames in (
        framed(b"[" * (MAX_FRAME_CHARS + 1)),
        framed(b"[", is_final=False) + framed(b"[" * 60, 0, is_final=False) * 2000,
        framed(b"x", 9) * 400,
        framed(b"\n") * 400,
    ):
        yield b"\1\1" + b"".join(
            bytes((2,)) + packed(frames[at : at + 0xFFFF]) for at in range(0, len(frames), 0xFFFF)
        )


TARGETS = (
    Target(
        "connection",
        connect,
        lambda: (*requests(), *conversations()),
        (
            "actors.signaling.head.read_head_untrusted",
            "actors.signaling.asgi.Exchange.read_body_untrusted",
            "actors.signaling.asgi._scope_untrusted",
            "actors.signaling.schema.decode_client_untrusted",
        ),
        worst=large_requests,
        words=(
            b"Content-Length: ",
            b"Transfer-Encoding: chunked",
            b"Expect: 100-continue",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Key: ",
            b"Sec-WebSocket-Extensions: permessage-deflate",
            b"\r\n\r\n",
            b" HTTP/1.1\r\n",
        ),
        memory=Memory(12 * MEBIBYTE, 64),
    ),
)
