"""What the real port refuses: old TLS, clients without a token, floods."""

import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
import trio
import trio_websocket
from starlette.applications import Starlette

from actors.signaling.server import serve_signaling
from actors.signaling.shelter import open_shelter
from actors.signaling.timing import SessionTiming
from actors.signaling.token import AccessToken, TokenRefused
from actors.signaling.websocket import Reception
from actors.tls import client_context, self_signed, server_context
from supervisor import Notice
from tests.fakes.house import open_house
from tests.fakes.raw_client import open_client

pytestmark = pytest.mark.net

HOST = "127.0.0.1"
TOKEN_REFUSED, NO_TOKEN = 1000, 1008
GRACE = 20.0
RATE_EXCEEDED = 31206


# --- TLS ----------------------------------------------------------------------------------------------


def only(version: ssl.TLSVersion, certificate: Path) -> ssl.SSLContext:
    """A client of this version alone, as old as its libraries let it be."""
    context = client_context(certificate)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = version
        context.maximum_version = version
    return context


async def shake_hands(port: int, context: ssl.SSLContext) -> None:
    stream = await trio.open_ssl_over_tcp_stream(HOST, port, ssl_context=context, https_compatible=True)
    try:
        await stream.do_handshake()
    finally:
        await trio.aclose_forcefully(stream)


async def test_a_tls_1_1_client_is_refused_and_a_tls_1_2_client_is_not(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house:
            certificate, port = house.node.credentials.certificate, house.node.port
            with pytest.raises(trio.BrokenResourceError) as refused:
                await shake_hands(port, only(ssl.TLSVersion.TLSv1_1, certificate))
            assert isinstance(refused.value.__cause__, ssl.SSLEOFError), "the server has hung up"
            await shake_hands(port, only(ssl.TLSVersion.TLSv1_2, certificate))
            await shake_hands(port, only(ssl.TLSVersion.TLSv1_3, certificate))


# --- clients without a token ----------------------------------------------------------------------------


class Nobody:
    """A router that no socket ever reaches."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        def reached(*_: object) -> NoReturn:
            raise AssertionError(f"{name} was called for a socket without a token")

        return reached


def refuse(token: str) -> AccessToken:
    raise TokenRefused(31204, "malformed")


@asynccontextmanager
async def open_port(data_dir: Path, timing: SessionTiming) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """A server that knows no token."""
    certificate, key = self_signed(data_dir)
    listeners = await trio.open_tcp_listeners(0, host=HOST)
    notices: list[Notice] = []

    async def bind() -> list[trio.SocketListener]:
        await trio.lowlevel.checkpoint()
        return listeners

    run = partial(
        serve_signaling,
        bind=bind,
        ssl_context=server_context(certificate, key),
        reception=Reception(Nobody(), refuse, lambda: 0.0, timing=timing),  # type: ignore[arg-type]
        http=Starlette(),
        notify=notices.append,
    )
    ready = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, ready.set)
        await ready.wait()
        yield listeners[0].socket.getsockname()[1], client_context(certificate)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_websocket(
    port: int, context: ssl.SSLContext
) -> AsyncIterator[trio_websocket.WebSocketConnection]:
    stream = await trio.open_ssl_over_tcp_stream(HOST, port, ssl_context=context, https_compatible=True)
    try:
        async with open_shelter() as nursery:
            yield await trio_websocket.wrap_client_stream(nursery, stream, HOST, "/signal")
    finally:
        await trio.aclose_forcefully(stream)


async def closing_code(websocket: trio_websocket.WebSocketConnection, says: str | None = None) -> int | None:
    """What the gateway closes with, whatever it says before; `says` answers each of its messages."""
    try:
        while True:
            if says is not None:
                await websocket.send_message(says)
            await websocket.get_message()
    except trio_websocket.ConnectionClosed as closed:
        return closed.reason.code if closed.reason is not None else None


def test_a_client_has_five_seconds_for_its_token() -> None:
    assert SessionTiming().authentication == 5.0


@pytest.mark.parametrize("says", [None, "\n", '{"type":"register","payload":{"media":{"audio":true}}}'])
async def test_a_socket_without_a_token_is_dropped_whatever_it_says(says: str | None, tmp_path: Path) -> None:
    with trio.fail_after(30):
        timing = SessionTiming(authentication=0.3)
        async with open_port(tmp_path, timing) as (port, context), open_websocket(port, context) as websocket:
            if says is not None:
                await websocket.send_message(says)
            assert await closing_code(websocket) == NO_TOKEN


async def test_bad_tokens_buy_no_time(tmp_path: Path) -> None:
    """However many come: the socket is closed as soon as the first would have it."""
    timing = SessionTiming(authentication=0.5, refused_close=0.3)
    with trio.fail_after(30):
        async with open_port(tmp_path, timing) as (port, context), open_websocket(port, context) as websocket:
            begun = trio.current_time()
            says = '{"type":"listen","payload":{"token":"bad"}}'
            assert await closing_code(websocket, says) == TOKEN_REFUSED
            assert trio.current_time() - begun < GRACE


# --- floods ---------------------------------------------------------------------------------------------


async def test_a_socket_that_sends_too_much_is_told_and_no_other_is_disturbed(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with (
            open_house(tmp_path) as house,
            open_client(house, "alice") as flood,
            open_client(house, "bob") as calm,
        ):
            for _ in range(400):
                await flood.send("hangup", callsid="CA0")
            assert (await flood.receive("error"))["error"]["code"] == RATE_EXCEEDED
            await calm.register()
