"""Both ends over a stream in memory: real trio-websocket, virtual time."""

import errno
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import trio
import trio.testing
from trio_websocket import WebSocketConnection, wrap_client_stream

from actors.signaling import messages as wire
from actors.signaling.client import SessionCell, run_stream_over
from actors.signaling.client_events import Cut, Leave, Lost, Stall, StreamEvent, StreamRequest, Unsent
from actors.signaling.client_session import ClientSession, Status
from actors.signaling.dial import Address
from actors.signaling.errors import SignalingLost
from actors.signaling.link import Link
from actors.signaling.server import Porch, serve_stream
from actors.signaling.shelter import open_shelter
from actors.signaling.token import AccessToken, TokenRefused
from actors.signaling.websocket import Reception
from supervisor import Mailbox, open_supervisor

pytestmark = pytest.mark.wire

ADDRESS = Address("gateway.test", 8443, "/signal")
ANSWER = wire.Envelope("CA1", wire.Answer("v=0\r\n", "rt"))
WALL = 1_700_000_000.0


def authenticate(token: str) -> AccessToken:
    """Tokens are `good:<identity>`, and `expired`."""
    verdict, _, identity = token.partition(":")
    if verdict == "expired":
        raise TokenRefused(31205, "expired")
    if verdict != "good":
        raise TokenRefused(31204, "not good")
    return AccessToken(identity, "AC1", "SK1", WALL + 3600, may_receive=True, application="app")


@dataclass
class Recorder:
    """A router that writes down what it is told."""

    heard: list[tuple[str, object]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    is_busy: bool = False
    crash: Exception | None = None

    def opened(self, link: Link, token: AccessToken) -> None:
        self.links.append(link)
        self.heard.append(("opened", token.identity))

    def registered(self, link: Link) -> None:
        self.heard.append(("registered", link.identity))

    def unregistered(self, link: Link) -> None:
        self.heard.append(("unregistered", link.identity))

    def route(self, link: Link, envelope: wire.Envelope) -> None:
        if self.crash is not None:
            raise self.crash
        self.heard.append(("route", envelope))

    def closed(self, link: Link) -> None:
        self.heard.append(("closed", link.identity))

    def has_room(self, identity: str) -> bool:
        return True

    def has_calls(self, link: Link) -> bool:
        return self.is_busy

    def names(self) -> list[str]:
        return [name for name, _ in self.heard]


async def no_app(scope: object, receive: object, send: Callable[[dict[str, object]], object]) -> None:
    raise AssertionError("not for HTTP")


def nothing() -> None:
    pass


class Gateway:
    """Serves each dialled connection in a nursery."""

    def __init__(self, nursery: trio.Nursery, router: Recorder) -> None:
        self.router = router
        self.reception = Reception(router, authenticate, lambda: WALL)
        self.nursery = nursery

    async def dial(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        near, far = trio.testing.memory_stream_pair()
        serve = partial(serve_stream, link_id="socket 1", reception=self.reception, http=no_app)
        self.nursery.start_soon(serve, nothing, far)
        return near


class Client:
    """A device's side of the stream."""

    def __init__(self, token: str = "good:alice") -> None:
        self.cell = SessionCell(ClientSession(wire.Listen(token)))
        self.mailbox: Mailbox[StreamRequest] = Mailbox(64)
        self.events: list[StreamEvent] = []
        self.ready = trio.Event()
        self._arrived = trio.Event()

    def post(self, event: StreamEvent) -> None:
        self.events.append(event)
        self._arrived.set()
        self._arrived = trio.Event()

    async def until(self, kind: type[object]) -> None:
        while not any(isinstance(event, kind) for event in self.events):
            with trio.fail_after(1000):
                await self._arrived.wait()

    async def run(self, gateway: Gateway) -> None:
        await run_stream_over(
            self.ready.set,
            dial=gateway.dial,
            address=ADDRESS,
            cell=self.cell,
            mailbox=self.mailbox,
            post=self.post,
        )


@asynccontextmanager
async def open_gateway() -> AsyncIterator[Gateway]:
    async with trio.open_nursery() as nursery:
        yield Gateway(nursery, Recorder())
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_websocket(gateway: Gateway) -> AsyncIterator[WebSocketConnection]:
    """A bare client that may say what it likes."""
    stream = await gateway.dial()
    async with open_shelter() as nursery:
        websocket = await wrap_client_stream(nursery, stream, "gateway.test", "/signal")
        yield websocket
        with trio.move_on_after(5):
            await websocket.aclose()


async def next_frame(websocket: WebSocketConnection) -> str | bytes:
    """The next frame that is no heartbeat."""
    while (text := await websocket.get_message()) == "\n":
        pass
    return text


async def test_a_client_connects_registers_and_its_messages_are_routed(autojump_clock):
    async with open_gateway() as gateway, trio.open_nursery() as nursery:
        client = Client()
        nursery.start_soon(client.run, gateway)
        await client.until(wire.Connected)
        assert client.ready.is_set()
        assert client.events == [wire.Connected("alice", 3600.0)]
        client.mailbox.post(wire.Register(audio=True))
        await client.until(wire.Registered)
        client.mailbox.post(ANSWER)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert gateway.router.heard == [("opened", "alice"), ("registered", "alice"), ("route", ANSWER)]
        gateway.router.links[0].post(wire.Envelope("CA1", wire.Cancel()))
        await client.until(wire.Envelope)
        nursery.cancel_scope.cancel()


async def test_a_quiet_connection_lives_for_ten_minutes_on_heartbeats(autojump_clock):
    async with open_gateway() as gateway, trio.open_nursery() as nursery:
        client = Client()
        nursery.start_soon(client.run, gateway)
        await client.until(wire.Connected)
        client.mailbox.post(wire.Register(audio=True))
        await trio.sleep(600)
        assert client.cell.session.status is Status.CONNECTED
        assert gateway.router.names() == ["opened", "registered"], "every 30 s it registered again"
        assert [type(event) for event in client.events].count(wire.Registered) == 20
        nursery.cancel_scope.cancel()


async def test_a_stalled_socket_is_lost_at_both_ends_after_15_seconds(autojump_clock):
    async with open_gateway() as gateway:
        client = Client()
        async with trio.open_nursery() as nursery:
            with pytest.RaisesGroup(SignalingLost):
                async with trio.open_nursery() as streams:
                    streams.start_soon(client.run, gateway)
                    await client.until(wire.Connected)
                    began = trio.current_time()
                    client.mailbox.post(Stall())
                    await client.until(Lost)
                    assert trio.current_time() - began == 15.0
            nursery.cancel_scope.cancel()
        await trio.sleep(5)
        assert gateway.router.names() == ["opened", "closed"]


async def test_a_cut_transport_is_lost_at_once_at_both_ends(autojump_clock):
    async with open_gateway() as gateway:
        client = Client()
        with pytest.RaisesGroup(SignalingLost):
            async with trio.open_nursery() as streams:
                streams.start_soon(client.run, gateway)
                await client.until(wire.Connected)
                began = trio.current_time()
                client.mailbox.post(Cut())
                await client.until(Lost)
                assert trio.current_time() == began
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert gateway.router.names() == ["opened", "closed"]


async def test_what_was_posted_during_an_outage_goes_out_on_the_next_socket(autojump_clock):
    """Except an ICE restart's offer, which would be stale."""
    hangup = wire.Envelope("CA1", wire.Hangup())
    async with open_gateway() as gateway:
        client = Client()
        reinvite = wire.Envelope("CA1", wire.Reinvite("v=0\r\n"))
        client.mailbox.post(hangup)
        client.mailbox.post(reinvite)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run, gateway)
            await client.until(wire.Connected)
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
        assert gateway.router.heard[:2] == [("opened", "alice"), ("route", hangup)]
        assert client.events[:2] == [Unsent(hangup, is_queued=True), Unsent(reinvite, is_queued=False)]


async def test_leaving_sends_what_is_posted_and_closes_with_1000(autojump_clock):
    async with open_gateway() as gateway:
        client = Client()
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.run, gateway)
                await client.until(wire.Connected)
                client.mailbox.post(ANSWER)
                client.mailbox.post(Leave())
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert gateway.router.heard == [("opened", "alice"), ("route", ANSWER), ("closed", "alice")]
        assert not any(isinstance(event, Lost) for event in client.events)


async def test_a_gateway_that_says_close_ends_the_stream(autojump_clock):
    async with open_gateway() as gateway:
        client = Client()
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.run, gateway)
                await client.until(wire.Connected)
                gateway.router.links[0].post(wire.Close())
        assert client.cell.session.status is Status.CLOSED


async def test_an_expired_token_loses_the_socket_after_a_second(autojump_clock):
    async with open_gateway() as gateway:
        client = Client("expired")
        with pytest.raises(SignalingLost):
            await client.run(gateway)
        assert trio.current_time() == 1.0
        assert client.events == [
            wire.Problem(wire.WireError(31205, "expired")),
            Lost("the socket was closed", 1000),
        ]
        assert not client.ready.is_set()


async def test_a_bad_token_ends_the_stream_after_a_second(autojump_clock):
    async with open_gateway() as gateway:
        client = Client("bad")
        await client.run(gateway)
        assert trio.current_time() == 1.0
        assert client.events == [wire.Problem(wire.WireError(31204, "not good")), wire.Close()]
        assert not client.ready.is_set()


async def test_a_garbage_frame_is_answered_and_the_socket_lives(autojump_clock):
    async with open_gateway() as gateway, open_websocket(gateway) as websocket:
        await websocket.send_message("garbage")
        assert '"code":31100' in str(await next_frame(websocket))
        await websocket.send_message(b"\x00\x01")
        assert '"code":31100' in str(await next_frame(websocket))
        await websocket.send_message('{"type":"listen","payload":{"token":"good:bob"}}')
        assert '"type":"connected"' in str(await next_frame(websocket))


async def test_a_silent_client_is_closed_and_one_without_a_token_sooner(autojump_clock):
    async with open_gateway() as gateway, open_websocket(gateway) as websocket:
        with pytest.raises(Exception, match="1008"):
            await next_frame(websocket)
        assert trio.current_time() == 5.0


async def test_a_crash_of_the_router_closes_that_socket_with_1011(autojump_clock):
    class Bug(Exception):
        pass

    with pytest.RaisesGroup(Bug, flatten_subgroups=True):
        async with open_gateway() as gateway:
            gateway.router.crash = Bug()
            async with open_websocket(gateway) as websocket:
                await websocket.send_message('{"type":"listen","payload":{"token":"good:bob"}}')
                await websocket.send_message('{"type":"reject","payload":{"callsid":"CA1"}}')
                with pytest.raises(Exception, match="1011"):
                    await _drain(websocket)
                assert gateway.router.names() == ["opened", "closed"]


async def _drain(websocket: WebSocketConnection) -> None:
    while True:
        await websocket.get_message()


async def test_a_cancelled_server_says_1001(autojump_clock):
    async with open_gateway() as gateway, trio.open_nursery() as servers:
        gateway.nursery = servers
        async with open_websocket(gateway) as websocket:
            await websocket.send_message('{"type":"listen","payload":{"token":"good:bob"}}')
            await next_frame(websocket)
            with trio.CancelScope(shield=True):
                servers.cancel_scope.cancel()
                with pytest.raises(Exception, match="1001"):
                    await _drain(websocket)
    assert gateway.router.names() == ["opened", "closed"]


async def test_accepting_pauses_while_no_descriptors_are_left(autojump_clock):
    """The kernel has no more to give for a while: that is no reason to drop those who are connected."""
    attempts: list[float] = []

    class Exhausted:
        async def accept(self) -> trio.SocketStream:
            attempts.append(trio.current_time())
            if len(attempts) < 3:
                raise OSError(errno.EMFILE, "too many open files")
            raise OSError(errno.EBADF, "the listener is closed")

    async with open_supervisor(lambda notice: None) as connections:
        reception = Reception(Recorder(), authenticate, lambda: WALL)
        porch = Porch(connections, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), reception, no_app, set())
        with pytest.raises(OSError, match="closed"):
            await porch.accept_from(Exhausted())
    assert attempts == pytest.approx([0.0, 0.1, 0.2])
