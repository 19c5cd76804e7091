"""How a device reaches its gateway."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

import trio

from actors.signaling.errors import SignalingLost

DEFAULT_PORT = 443

Dial: TypeAlias = Callable[[], Awaitable[trio.abc.Stream]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway listens; `authority` is what goes into the Host header."""

    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORT else f"{host}:{self.port}"


def parse_url(url: str) -> Address:
    """`wss://host[:port][/path]`; without a path it is `/signal`. ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme != "wss" or not parts.hostname:
        raise ValueError(f"{url!r} is not a gateway: expected wss://host:port/signal")
    return Address(parts.hostname, parts.port or DEFAULT_PORT, parts.path.rstrip("/") or "/signal")


def tls_dial(address: Address, ssl_context: ssl.SSLContext) -> Dial:
    """Opens TLS to the gateway; the certificate must fit the host."""

    async def dial() -> trio.abc.Stream:
        transport = await trio.open_tcp_stream(address.host, address.port)
        secure = trio.SSLStream(transport, ssl_context, server_hostname=address.host, https_compatible=True)
        is_secure = False
        try:
            await secure.do_handshake()
            is_secure = True
        finally:
            if not is_secure:
                await trio.aclose_forcefully(transport)
        return secure

    return dial


async def connect(dial: Dial, deadline: float) -> trio.abc.Stream:
    """The open transport. Raises SignalingLost if there is none by the deadline, in trio's time."""
    try:
        with trio.fail_at(deadline):
            return await dial()
    except trio.TooSlowError as error:
        raise SignalingLost("the gateway does not answer") from error
    except (OSError, trio.BrokenResourceError) as error:
        raise SignalingLost(f"cannot connect: {error.__cause__ or error}") from error
