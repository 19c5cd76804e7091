"""The web server of the tests: the page, the SDK as it was published, and a sound."""

import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

HOST = "127.0.0.1"
HERE = Path(__file__).parent
SDK = HERE / "node_modules" / "@twilio" / "voice-sdk" / "dist" / "twilio.min.js"
FILES = {
    "/": ("text/html", HERE / "page" / "index.html"),
    "/harness.js": ("text/javascript", HERE / "page" / "harness.js"),
    "/differential.js": ("text/javascript", HERE / "page" / "differential.js"),
    "/twilio.min.js": ("text/javascript", SDK),
}
MAX_HEAD = 16384
SOUND_FRAMES = 800
SOUND_RATE = 8000


def silence() -> bytes:
    """A sound file; what the SDK plays besides the call must not be mistaken for it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SOUND_RATE)
        sound.writeframes(bytes(2 * SOUND_FRAMES))
    return file.getvalue()


CONTENT = {"/sound.wav": ("audio/wav", silence())}


@asynccontextmanager
async def open_site() -> AsyncIterator[str]:
    """Yields the site's origin; 127.0.0.1 counts as secure for a browser."""
    listeners = await trio.open_tcp_listeners(0, host=HOST)
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, _answer, listeners)
        yield f"http://{HOST}:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def _answer(stream: trio.SocketStream) -> None:
    async with stream:
        try:
            head = b""
            while b"\r\n\r\n" not in head and len(head) < MAX_HEAD:
                received = await stream.receive_some(MAX_HEAD)
                if not received:
                    return  # a connection that the browser opened in advance
                head += received
            await stream.send_all(_response(head.split(b" ")[1].decode().partition("?")[0]))
        except trio.BrokenResourceError:
            return


def _response(path: str) -> bytes:
    if path in FILES:
        kind, content = FILES[path][0], FILES[path][1].read_bytes()
    elif path in CONTENT:
        kind, content = CONTENT[path]
    else:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    head = (
        "HTTP/1.1 200 OK",
        f"Content-Type: {kind}",
        f"Content-Length: {len(content)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + content
