"""A gateway of one script: it accepts sockets in memory, agrees to everything, and says what a test wants."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from actors.device import Device, DeviceOptions
from actors.events import Record
from actors.signaling import messages as wire
from actors.signaling.client import SessionCell, run_stream_over
from actors.signaling.client_events import StreamEvent, StreamRequest
from actors.signaling.dial import parse_url
from actors.signaling.schema import HEARTBEAT, decode_client_untrusted, encode
from actors.signaling.shelter import open_shelter
from supervisor import Channel, Mailbox, Ready
from tests.fakes.exchange import HealthyEngine

HEARTBEAT_SECONDS = 5.0
Wire: TypeAlias = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]
CONNECTED = wire.Connected("alice", 3600.0, "here", None, "home")


@dataclass(eq=False)
class ScriptedGateway:
    """Every socket of every gateway in one. `down` are the hosts that refuse, `silent` do not answer."""

    nursery: trio.Nursery
    down: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    attempts: list[tuple[float, str]] = field(default_factory=list)
    heard: list[wire.Message] = field(default_factory=list)
    connected: wire.Message | None = CONNECTED
    registered: wire.Message | None = field(default_factory=wire.Registered)
    sockets: list[WebSocketConnection] = field(default_factory=list)
    streams: list[Wire] = field(default_factory=list)
    _changed: trio.Event = field(default_factory=trio.Event)

    async def run_stream(
        self,
        ready: Ready,
        *,
        url: str,
        cell: SessionCell,
        mailbox: Mailbox[StreamRequest],
        post: Callable[[StreamEvent], None],
    ) -> None:
        """In place of TLS sockets."""
        address = parse_url(url)

        async def dial() -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            self.attempts.append((trio.current_time(), address.host))
            self._note()
            if address.host in self.down:
                raise OSError("connection refused")
            if address.host in self.silent:
                await trio.sleep_forever()
            near, far = trio.testing.memory_stream_pair()
            self.streams.append(far)
            self.nursery.start_soon(self._serve, far)
            return near

        await run_stream_over(ready, dial=dial, address=address, cell=cell, mailbox=mailbox, post=post)

    @property
    def hosts(self) -> list[str]:
        """Where the device has tried, in order."""
        return [host for _, host in self.attempts]

    def of(self, kind: type) -> list[object]:
        """The messages or call messages of this kind."""
        bodies = [message.body if isinstance(message, wire.Envelope) else message for message in self.heard]
        return [body for body in bodies if isinstance(body, kind)]

    def kinds(self) -> list[str]:
        return [
            type(message.body if isinstance(message, wire.Envelope) else message).__name__
            for message in self.heard
        ]

    async def until(self, is_so: Callable[[], bool]) -> None:
        with trio.fail_after(1000):
            await trio.lowlevel.checkpoint()
            while not is_so():
                await self._changed.wait()

    async def hear(self, kind: type, count: int = 1) -> object:
        """The newest of this kind, once there are so many."""
        await self.until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[-1]

    async def say(self, *messages: wire.Message | str) -> None:
        """On the newest socket."""
        for message in messages:
            text = message if isinstance(message, str) else encode(message)
            await self.sockets[-1].send_message(text)
        await trio.testing.wait_all_tasks_blocked()

    async def hang_up_socket(self, code: int = 1001) -> None:
        self.nursery.start_soon(self.sockets[-1].aclose, code)
        await trio.testing.wait_all_tasks_blocked()

    def break_off(self) -> None:
        """The newest socket ends without a close frame."""
        self.streams[-1].send_stream.close()

    def _note(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _serve(self, stream: trio.abc.Stream) -> None:
        async with open_shelter() as nursery:
            request = await wrap_server_stream(nursery, stream)  # type: ignore[arg-type]
            websocket = await request.accept()
            self.sockets.append(websocket)
            with suppress(ConnectionClosed):
                await self._converse(websocket)
            nursery.cancel_scope.cancel()
        await stream.aclose()

    async def _converse(self, websocket: WebSocketConnection) -> None:
        while True:
            with trio.move_on_after(HEARTBEAT_SECONDS) as quiet:
                text = await websocket.get_message()
            if quiet.cancelled_caught:
                await websocket.send_message(HEARTBEAT)
            elif text != HEARTBEAT:
                await self._take(websocket, decode_client_untrusted(text))

    async def _take(self, websocket: WebSocketConnection, message: wire.Message) -> None:
        self.heard.append(message)
        self._note()
        reply: wire.Message | None = None
        match message:
            case wire.Listen():
                reply = self.connected
            case wire.Register(audio):
                reply = self.registered if audio else wire.Offline()
        if reply is not None:
            await websocket.send_message(encode(reply))


@dataclass
class Ears:
    """What a device has emitted, in order."""

    heard: list[tuple[object, ...]] = field(default_factory=list)

    def listen(self, device: Device) -> None:
        names = (
            "registering",
            "registered",
            "unregistered",
            "destroyed",
            "error",
            "incoming",
            "tokenWillExpire",
        )
        for name in names:
            device.on(name, lambda *given, name=name: self.heard.append((name, *given)))

    @property
    def names(self) -> list[object]:
        return [event[0] for event in self.heard]

    @property
    def errors(self) -> list[int]:
        """The codes of all errors."""
        return [event[1].code for event in self.heard if event[0] == "error"]  # type: ignore[attr-defined]


@asynccontextmanager
async def open_gateway() -> AsyncIterator[ScriptedGateway]:
    async with trio.open_nursery() as nursery:
        yield ScriptedGateway(nursery)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_scripted(gateway: ScriptedGateway, **changes: object) -> AsyncIterator[tuple[Device, Ears]]:
    """A device at that gateway, with media that is always well."""
    given: dict[str, object] = {"chunderw": "one"}
    options = DeviceOptions(**(given | changes))  # type: ignore[arg-type]
    channel: Channel[Record] = Channel()
    engine = HealthyEngine()
    async with Device(
        "token", options, engine=engine, channel=channel, run_stream=gateway.run_stream
    ) as device:
        ears = Ears()
        ears.listen(device)
        yield device, ears
