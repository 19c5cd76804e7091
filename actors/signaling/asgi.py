"""One HTTP request through an ASGI application, then the connection is closed."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote

import h11
import trio

from actors.signaling.limits import MAX_BODY_BYTES, Limits
from actors.signaling.stream import RECEIVE_BYTES, BoundedStream

Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
Peer: TypeAlias = tuple[str, int]
App: TypeAlias = Callable[[Event, Receive, Send], Awaitable[None]]

CLOSE: tuple[bytes, bytes] = (b"connection", b"close")
INTERNAL_ERROR = 500
BAD_REQUEST = 400
BODY_TOO_LARGE = 413
REQUEST_TIMEOUT = 408


async def serve_request(
    stream: BoundedStream,
    connection: h11.Connection,
    request: h11.Request,
    app: App,
    *,
    limits: Limits,
    peer: Peer | None = None,
) -> None:
    """Read the body, at most 1 MiB and within its deadline, then let the application answer.

    What the application raises is raised here, after a 500 if it had not begun to answer.
    """
    exchange = Exchange(stream, connection, request)
    with trio.move_on_after(limits.body) as patience:
        refusal = await exchange.read_body_untrusted()
    if patience.cancelled_caught:
        refusal = REQUEST_TIMEOUT
    if refusal is not None:
        await refuse(stream, connection, refusal)
        await stream.linger(limits.linger)
        return
    try:
        await app(_scope_untrusted(request, peer), exchange.receive, exchange.send)
    finally:
        with trio.move_on_after(limits.close, shield=True):
            await exchange.finish()


async def refuse(stream: BoundedStream, connection: h11.Connection, status: int) -> None:
    """An empty answer, if one may still be sent."""
    if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    headers = [CLOSE, (b"content-length", b"0")]
    head = connection.send(h11.Response(status_code=status, headers=headers))
    end = connection.send(h11.EndOfMessage())
    await stream.send_all((head or b"") + (end or b""))


class Exchange:
    """The application's two channels to the peer; that it has gone is told by `receive`, never by `send`."""

    def __init__(self, stream: BoundedStream, connection: h11.Connection, request: h11.Request) -> None:
        self._stream = stream
        self._connection = connection
        self._is_bodiless = request.method == b"HEAD"
        self._body: bytes | None = b""
        self._is_gone = False

    async def read_body_untrusted(self) -> int | None:
        """Collect the body; the status to refuse the request with if it is too long or broken."""
        body = bytearray()
        try:
            while not isinstance(event := await self._next_event(), h11.EndOfMessage):
                if not isinstance(event, h11.Data):
                    return BAD_REQUEST
                body += event.data
                if len(body) > MAX_BODY_BYTES:
                    return BODY_TOO_LARGE
        except h11.RemoteProtocolError as error:
            return error.error_status_hint
        self._body = bytes(body)
        return None

    async def receive(self) -> Event:
        """ASGI receive: the whole body, then nothing until the peer has gone."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        while not self._is_gone and self._connection.our_state is not h11.DONE:
            try:
                self._is_gone = not await self._stream.receive_some(RECEIVE_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._is_gone = True
        return {"type": "http.disconnect"}

    async def send(self, event: Event) -> None:
        """ASGI send."""
        match event["type"]:
            case "http.response.start":
                headers = [(name, value) for name, value in event.get("headers", ()) if name != b"connection"]
                response = h11.Response(status_code=event["status"], headers=[*headers, CLOSE])
                await self._write(response)
            case "http.response.body":
                if event.get("body") and not self._is_bodiless:
                    await self._write(h11.Data(data=event["body"]))
                if not event.get("more_body", False):
                    await self._write(h11.EndOfMessage())

    async def finish(self) -> None:
        """Answer 500 if the application has not begun to answer."""
        if not self._is_gone and self._connection.our_state is h11.SEND_RESPONSE:
            await refuse(self._stream, self._connection, INTERNAL_ERROR)

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        await trio.lowlevel.checkpoint()
        event = self._connection.next_event()
        while event is h11.NEED_DATA:
            if self._connection.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            self._connection.receive_data(bytes(await self._stream.receive_some(RECEIVE_BYTES)))
            event = self._connection.next_event()
        return event

    async def _write(self, event: h11.Event) -> None:
        content = self._connection.send(event)
        if content and not self._is_gone:
            try:
                await self._stream.send_all(content)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._is_gone = True


def _scope_untrusted(request: h11.Request, peer: Peer | None) -> Event:
    path, _, query = request.target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.http_version.decode(),
        "method": request.method.decode(),
        "scheme": "https",
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": list(request.headers),
        "client": peer,
    }
