"""The gateway's port on loopback: real TLS, both protocols, and clients that mean no good."""

import datetime as dt
import ipaddress
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import trio
import trio_websocket
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from actors.signaling import messages as wire
from actors.signaling.client import SessionCell, run_stream
from actors.signaling.client_events import Leave, StreamEvent, StreamRequest
from actors.signaling.client_session import ClientSession
from actors.signaling.errors import SignalingLost
from actors.signaling.limits import MAX_BODY_BYTES, Limits
from actors.signaling.link import Link
from actors.signaling.server import serve_signaling
from actors.signaling.shelter import open_shelter
from actors.signaling.token import AccessToken, TokenRefused
from actors.signaling.websocket import Reception
from supervisor import ChildDown, Mailbox, Notice

pytestmark = pytest.mark.net

LISTEN = '{"type":"listen","payload":{"token":"good"}}'
REJECT = '{"type":"reject","payload":{"callsid":"CA1"}}'


@dataclass(frozen=True)
class Tls:
    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A self-signed certificate for 127.0.0.1 and contexts that use and trust it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway.test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = folder / "gateway.pem"
    chain.write_bytes(certificate.public_bytes(pem) + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    return Tls(server, ssl.create_default_context(cafile=str(chain)))


class Bug(Exception):
    """What our own code would raise."""


@dataclass
class Recorder:
    heard: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    crash: Exception | None = None
    was_closed: trio.Event = field(default_factory=trio.Event)

    def opened(self, link: Link, token: AccessToken) -> None:
        self.links.append(link)
        self.heard.append("opened")

    def registered(self, link: Link) -> None:
        self.heard.append("registered")

    def unregistered(self, link: Link) -> None:
        self.heard.append("unregistered")

    def route(self, link: Link, envelope: wire.Envelope) -> None:
        if self.crash is not None:
            raise self.crash
        self.heard.append("route")

    def closed(self, link: Link) -> None:
        self.heard.append("closed")
        self.was_closed.set()

    def has_room(self, identity: str) -> bool:
        return True

    def has_calls(self, link: Link) -> bool:
        return False


async def health(request: Request) -> Response:
    return JSONResponse({"ok": True, "query": dict(request.query_params)})


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def crash(request: Request) -> Response:
    raise Bug


class Ticks:
    """A body without end."""

    def __aiter__(self) -> "Ticks":
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        return b"tick " * 1000


async def ticks(request: Request) -> Response:
    return StreamingResponse(Ticks())


APP = Starlette(
    routes=[
        Route("/health", health),
        Route("/echo", echo, methods=["POST"]),
        Route("/crash", crash),
        Route("/ticks", ticks),
    ]
)


@dataclass
class Server:
    tls: Tls
    port: int
    nursery: trio.Nursery
    router: Recorder
    notices: list[Notice]

    @property
    def url(self) -> str:
        return f"wss://127.0.0.1:{self.port}/signal"

    def crashes(self) -> list[type[Exception]]:
        return [type(notice.error) for notice in self.notices if isinstance(notice, ChildDown)]

    async def dial(self) -> trio.SSLStream[trio.SocketStream]:
        transport = await trio.open_tcp_stream("127.0.0.1", self.port)
        return trio.SSLStream(transport, self.tls.client, server_hostname="127.0.0.1", https_compatible=True)

    async def ask(self, request: bytes) -> bytes:
        """One HTTP request; everything that comes back."""
        stream = await self.dial()
        try:
            await stream.send_all(request)
            return b"".join([bytes(part) async for part in stream])
        finally:
            await trio.aclose_forcefully(stream)

    async def assert_serves(self) -> None:
        """Both protocols still work."""
        assert b'{"ok":true' in await self.ask(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        async with self.open_websocket() as websocket:
            await websocket.send_message(LISTEN)
            assert json.loads(await websocket.get_message())["type"] == "connected"

    @asynccontextmanager
    async def open_websocket(self) -> AsyncIterator[trio_websocket.WebSocketConnection]:
        stream = await self.dial()
        try:
            async with open_shelter() as nursery:
                websocket = await trio_websocket.wrap_client_stream(nursery, stream, "x", "/signal")
                yield websocket
                with trio.move_on_after(2):
                    await websocket.aclose()
        finally:
            await trio.aclose_forcefully(stream)  # the library leaves it open when the server closes first


def authenticate(token: str) -> AccessToken:
    if token != "good":
        raise TokenRefused(31204, "malformed")
    return AccessToken("alice", "AC1", "SK1", expires_at=3600.0, may_receive=True)


@asynccontextmanager
async def open_server(tls: Tls, limits: Limits | None = None) -> AsyncIterator[Server]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    router, notices = Recorder(), list[Notice]()

    async def bind() -> list[trio.SocketListener]:
        await trio.lowlevel.checkpoint()
        return listeners

    run = partial(
        serve_signaling,
        bind=bind,
        ssl_context=tls.server,
        reception=Reception(router, authenticate, lambda: 0.0, limits=limits or Limits()),
        http=APP,
        notify=notices.append,
    )
    ready = trio.Event()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, ready.set)
            await ready.wait()
            yield Server(tls, port, nursery, router, notices)
            nursery.cancel_scope.cancel()


async def test_one_port_serves_websockets_and_the_web_application(tls):
    async with open_server(tls) as server:
        await server.assert_serves()
        answer = await server.ask(b"GET /health?a=b%20c HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in head.lower()
        assert json.loads(body) == {"ok": True, "query": {"a": "b c"}}
        answer = await server.ask(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.endswith(b"\r\n\r\n")
        assert b"404" in (await server.ask(b"GET /signal HTTP/1.1\r\nHost: x\r\n\r\n"))[:20]
        assert server.crashes() == []


async def test_a_body_is_passed_on_up_to_its_limit(tls):
    async with open_server(tls) as server:
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        body = b"x" * MAX_BODY_BYTES
        answer = await server.ask(head % len(body) + body)
        assert answer.endswith(b"\r\n\r\n" + body)
        answer = await server.ask(head % (len(body) + 1) + body + b"x")
        assert answer.startswith(b"HTTP/1.1 413")
        chunked = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        assert (await server.ask(chunked)).endswith(b"\r\n\r\nabc")


async def test_a_device_connects_registers_is_reached_and_leaves(tls):
    async with open_server(tls) as server:
        events: trio.MemorySendChannel[StreamEvent]
        events, arrived = trio.open_memory_channel[StreamEvent](16)
        mailbox: Mailbox[StreamRequest] = Mailbox(16)
        cell = SessionCell(ClientSession(wire.Listen("good")))
        run = partial(
            run_stream,
            url=server.url,
            ssl_context=tls.client,
            cell=cell,
            mailbox=mailbox,
            post=events.send_nowait,
        )
        ready = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, ready.set)
            assert await arrived.receive() == wire.Connected("alice", 3600.0)
            assert ready.is_set()
            mailbox.post(wire.Register(audio=True))
            assert await arrived.receive() == wire.Registered()
            ring = wire.Envelope("CA1", wire.Offer("v=0\r\n", {"From": "bob"}, "rt"))
            server.router.links[0].post(ring)
            assert await arrived.receive() == ring
            mailbox.post(Leave())
        assert server.router.heard[:2] == ["opened", "registered"]


async def test_a_device_that_finds_no_gateway_says_so(tls):
    async with open_server(tls) as server:
        stranger = ssl.create_default_context()
        for url, context in [("wss://127.0.0.1:9/signal", tls.client), (server.url, stranger)]:
            cell = SessionCell(ClientSession(wire.Listen("good")))
            with pytest.raises(SignalingLost, match="cannot connect"):
                await run_stream(
                    lambda: None,
                    url=url,
                    ssl_context=context,
                    cell=cell,
                    mailbox=Mailbox[StreamRequest](4),
                    post=lambda event: None,
                )
        with pytest.raises(SignalingLost, match="refused the WebSocket"):
            await run_stream(
                lambda: None,
                url=server.url.replace("/signal", "/health"),
                ssl_context=tls.client,
                cell=SessionCell(ClientSession(wire.Listen("good"))),
                mailbox=Mailbox[StreamRequest](4),
                post=lambda event: None,
            )
        await server.assert_serves()


def reset(stream: trio.SocketStream) -> None:
    """Close with RST."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def test_hostile_clients_end_only_themselves(tls):
    request = b"GET /signal HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    async with open_server(tls) as server:
        for content in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff garbage", b"\x00" * 5000):
            transport = await trio.open_tcp_stream("127.0.0.1", server.port)
            await transport.send_all(content)
            reset(transport)
        for content in (
            b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /signal HTTP/1.1\r\nHost",
            request + b"\r\n",
            request
            + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\xff\xff\xff",
        ):
            stream = await server.dial()
            await stream.send_all(content)
            reset(stream.transport_stream)
        assert (await server.ask(b"\x00\xff garbage\r\n\r\n")).startswith(b"HTTP/1.1 400")
        too_long = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"
        assert (await server.ask(too_long)).startswith(b"HTTP/1.1 431")
        await server.assert_serves()
        assert server.crashes() == []


async def test_a_slow_head_is_cut_off_at_its_deadline(tls):
    async with open_server(tls, Limits(head=0.2)) as server:
        secure, plain = await server.dial(), await trio.open_tcp_stream("127.0.0.1", server.port)
        await secure.send_all(b"GET / HT")
        with trio.fail_after(5):
            assert await secure.receive_some() == b""
            assert await plain.receive_some() == b"", "the TLS handshake has the same deadline"
        await trio.aclose_forcefully(secure)
        await trio.aclose_forcefully(plain)
        await server.assert_serves()


async def test_a_slow_body_is_answered_408(tls):
    async with open_server(tls, Limits(body=0.2, linger=0.1)) as server:
        answer = await server.ask(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
        assert answer.startswith(b"HTTP/1.1 408")


async def test_a_huge_frame_is_closed_with_1009(tls):
    async with open_server(tls) as server:
        async with server.open_websocket() as websocket:
            await websocket.send_message(LISTEN)
            await websocket.get_message()
            await websocket.send_message("x" * 300_000)
            with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                await websocket.get_message()
            assert closed.value.reason.code == 1009
        await server.assert_serves()
        assert server.crashes() == []


async def test_a_client_that_stops_reading_is_dropped(tls):
    async with open_server(tls, Limits(send=0.3)) as server:
        stream = await server.dial()
        await stream.send_all(b"GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n")
        async with server.open_websocket() as websocket:
            await websocket.send_message(LISTEN)
            await websocket.get_message()
            link = server.router.links[0]
            for _ in range(400):
                link.post(wire.Envelope("CA1", wire.Reinvite("x" * 60_000)))
            assert not link.is_open, "its outbox is full"
            with trio.fail_after(5):
                await server.router.was_closed.wait()
        await server.assert_serves()
        assert server.crashes() == []
        await trio.aclose_forcefully(stream)


async def test_a_crash_ends_only_its_own_connection(tls):
    """With 1011 for a WebSocket and 500 for a request; the supervisor is told."""
    async with open_server(tls) as server:
        server.router.crash = Bug()
        async with server.open_websocket() as websocket:
            await websocket.send_message(LISTEN)
            await websocket.get_message()
            await websocket.send_message(REJECT)
            with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                await websocket.get_message()
            assert closed.value.reason.code == 1011
        assert (await server.ask(b"GET /crash HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 500")
        await server.assert_serves()
        assert server.crashes() == [Bug, Bug]


async def test_one_connection_too_many_is_turned_away(tls):
    async with open_server(tls, Limits(max_connections=1)) as server, server.open_websocket() as websocket:
        await websocket.send_message(LISTEN)
        await websocket.get_message()
        stranger = await trio.open_tcp_stream("127.0.0.1", server.port)
        assert await stranger.receive_some() == b""
        await stranger.aclose()


async def test_shutdown_says_1001_to_every_websocket(tls):
    codes: list[int] = []

    async def talk(server: Server, connected: trio.Event) -> None:
        with trio.CancelScope(shield=True):
            async with server.open_websocket() as websocket:
                await websocket.send_message(LISTEN)
                await websocket.get_message()
                connected.set()
                with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                    await websocket.get_message()
                codes.append(closed.value.reason.code)

    async with open_server(tls) as server:
        for _ in range(3):
            connected = trio.Event()
            server.nursery.start_soon(talk, server, connected)
            await connected.wait()
        began = trio.current_time()
    assert trio.current_time() - began < 1.0
    assert codes == [1001] * 3
    assert server.router.heard.count("closed") == 3


class LastAccepted:
    """A listener that is stopped in the moment in which it has accepted a connection."""

    def __init__(self, stream: trio.SocketStream, server: trio.CancelScope) -> None:
        self._stream = stream
        self._server = server

    async def accept(self) -> trio.SocketStream:
        if self._server.cancel_called:
            await trio.sleep_forever()
        self._server.cancel()
        return self._stream

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_connection_accepted_in_the_last_moment_is_closed(tls):
    """Its child is stopped before it begins, and never gets to close it."""
    ours, theirs = trio.socket.socketpair()
    with theirs:
        stream = trio.SocketStream(ours)

        async def bind() -> list[LastAccepted]:
            return [LastAccepted(stream, scope)]

        with trio.CancelScope() as scope:
            await serve_signaling(
                lambda: None,
                bind=bind,  # type: ignore[arg-type]
                ssl_context=tls.server,
                reception=Reception(Recorder(), authenticate, lambda: 0.0),
                http=APP,
                notify=lambda _: None,
            )
        assert stream.socket.fileno() == -1
