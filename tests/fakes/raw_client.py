"""A client written from the protocol alone: a WebSocket and JSON by hand, none of our own schema."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from tests.fakes.house import House

HOST = "127.0.0.1"
CLOSE_SECONDS = 1.0
HEARTBEAT = "\n"
VERSION = "1.6"
MAX_UNREAD = 100

Payload = dict[str, Any]


class RawClient:
    """Sends what it is told to; answers heartbeats, and keeps everything else in order of arrival."""

    def __init__(self, websocket: WebSocketConnection) -> None:
        self._websocket = websocket
        self._inward, self._inbox = trio.open_memory_channel[tuple[str, Payload]](MAX_UNREAD)

    async def read(self) -> None:
        """Runs as long as the socket."""
        async with self._inward:
            try:
                while True:
                    text = await self._websocket.get_message()
                    if text == HEARTBEAT:
                        await self._websocket.send_message(HEARTBEAT)
                    else:
                        message = json.loads(text)
                        self._inward.send_nowait((message["type"], message["payload"]))
            except ConnectionClosed:
                return

    async def send_frame(self, frame: str | bytes) -> None:
        await self._websocket.send_message(frame)

    async def send(self, kind: str, **payload: object) -> None:
        await self.send_frame(json.dumps({"type": kind, "version": VERSION, "payload": payload}))

    async def receive(self, kind: str) -> Payload:
        """Payload of the next message, which has to be of this type.

        Raises:
            trio.EndOfChannel: the server has closed the socket.
        """
        received, payload = await self._inbox.receive()
        assert received == kind, f"{received} came instead of {kind}: {payload}"
        return payload

    async def close(self) -> None:
        await self._websocket.aclose()

    async def listen(self, token: str) -> None:
        await self.send("listen", token=token, reconnectTimeout=30, browserinfo={})

    async def register(self) -> None:
        await self.send("register", media={"audio": True})
        await self.receive("ready")

    async def invite(self, temp_sid: str, sdp: str, to: str) -> None:
        """Dial: `To` is a custom parameter."""
        await self.send("invite", callsid=temp_sid, sdp=sdp, twilio={"params": f"To={quote(to, safe='')}"})

    async def message(self, call_sid: str, content: object, event_sid: str) -> None:
        await self.send(
            "message",
            callsid=call_sid,
            content=content,
            contenttype="application/json",
            messagetype="user-defined-message",
            voiceeventsid=event_sid,
        )

    async def resume(self, call_sid: str, sdp: str, token: str) -> None:
        """Take up a call on this socket with its reconnect token."""
        await self.send("invite", callsid=call_sid, sdp=sdp, reconnect=token, twilio={})


@asynccontextmanager
async def open_stranger(house: House, *, origin: str | None = None) -> AsyncIterator[RawClient]:
    """A socket that has not said who it is; with `origin` it is a page's.

    Raises:
        ConnectionRejected: the gateway does not want pages of that origin.
    """
    trusted = ssl.create_default_context(cafile=str(house.node.credentials.certificate))
    # The stream is ours to close: trio-websocket's client leaves it open when the server closes first.
    stream = await trio.open_ssl_over_tcp_stream(
        HOST, house.node.port, ssl_context=trusted, https_compatible=True
    )
    try:
        async with trio.open_nursery() as nursery:
            headers = [(b"Origin", origin.encode())] if origin is not None else []
            websocket = await wrap_client_stream(nursery, stream, HOST, "/signal", extra_headers=headers)
            client = RawClient(websocket)
            nursery.start_soon(client.read)
            yield client
            await websocket.aclose()
            nursery.cancel_scope.cancel()
    finally:
        with trio.move_on_after(CLOSE_SECONDS, shield=True):
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def open_client(house: House, identity: str) -> AsyncIterator[RawClient]:
    """A socket that has authenticated."""
    async with open_stranger(house) as client:
        await client.listen(house.token(identity))
        connected = await client.receive("connected")
        assert connected["token"]["identity"] == identity
        yield client
