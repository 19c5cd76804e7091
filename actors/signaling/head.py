"""The request that begins every connection: a WebSocket's or any other HTTP request's."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import h11
import trio

from actors.signaling.limits import MAX_HEAD_BYTES

SIGNAL_PATH = b"/signal"
RECEIVE_BYTES = 4096
ENCODINGS: Mapping[bytes, str] = {
    b"host": "idna",
    b"connection": "ascii",
    b"sec-websocket-extensions": "ascii",
    b"sec-websocket-protocol": "ascii",
}


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head; `content` is all that was read, the body's first bytes included."""

    request: h11.Request
    content: bytes = field(repr=False)

    @property
    def is_signaling(self) -> bool:
        """Whether the client wants to talk to the gateway, not to the web application."""
        path = self.request.target.partition(b"?")[0]
        upgrades = [value.lower() for name, value in self.request.headers if name == b"upgrade"]
        return self.request.method == b"GET" and path == SIGNAL_PATH and b"websocket" in upgrades

    @property
    def is_readable(self) -> bool:
        """Whether the headers that wsproto decodes can be: it takes for granted that they can."""
        try:
            for name, value in self.request.headers:
                if name in ENCODINGS:
                    value.decode(ENCODINGS[name])
        except UnicodeError:
            return False
        return True

    def may_come_from(self, origins: frozenset[str]) -> bool:
        """Whether the page that asks is of one of these; none are named: of any. Only browsers say."""
        named = [value for name, value in self.request.headers if name == b"origin"]
        return not origins or all(_is_same(value, origins) for value in named)


def _is_same(origin: bytes, origins: frozenset[str]) -> bool:
    """Scheme and host do not depend on case (RFC 6454, 4)."""
    return origin.decode("latin-1").lower() in {allowed.lower().rstrip("/") for allowed in origins}


def new_connection() -> h11.Connection:
    return h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)


async def read_head_untrusted(stream: trio.abc.ReceiveStream, connection: h11.Connection) -> Head | None:
    """None if the peer closed first. Raises h11.RemoteProtocolError for what is not HTTP or too long."""
    content = b""
    event = connection.next_event()
    while event is h11.NEED_DATA:
        room = MAX_HEAD_BYTES + 1 - len(content)  # one byte too many tells the parser that it is too long
        data = bytes(await stream.receive_some(min(RECEIVE_BYTES, room)))
        content += data
        connection.receive_data(data)
        event = connection.next_event()
    return Head(event, content) if isinstance(event, h11.Request) else None
