"""Everything a browser test needs: a house, its network, and clients that run the official SDK."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import trio

from actors.call import Call
from actors.gateway.gateway import Application
from tests.e2e import network
from tests.e2e.browser import DEFAULT_SECONDS, Browser, Page
from tests.e2e.network import Wire
from tests.e2e.site import open_site
from tests.fakes.house import House, open_house

FAREWELL_SECONDS = 20.0
TEST_SECONDS = 45.0
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """Something emitted by the device or the call, and what `state` or `status()` said in the handler.

    `at`: milliseconds of the page's clock.
    """

    source: str
    name: str
    args: list[Any]
    state: str | None
    at: float


class Client:
    """A page with the SDK's Device, its tone for a microphone, and the wire that its WebSocket takes."""

    def __init__(self, page: Page, wire: Wire, identity: str, hz: float) -> None:
        self.page = page
        self.wire = wire
        self.identity = identity
        self.hz = hz
        self.run = page.run
        self.until = page.until

    async def register(self) -> None:
        await self.run("device.register()")

    async def connect(self, to: str, **params: str) -> None:
        """Dial; returns when the SDK has made its Call."""
        await self.run("place(it)", {"To": to, **params})

    async def happened(
        self, name: str, times: int = 1, *, source: str = "call", seconds: float = DEFAULT_SECONDS
    ) -> Entry:
        """Wait until an event was emitted so many times; the last of them."""
        await self.until("count(...it.slice(0, 2)) >= it[2]", [source, name, times], seconds=seconds)
        return [entry for entry in await self.entries(source) if entry.name == name][times - 1]

    async def entries(self, source: str = "call") -> list[Entry]:
        found = [Entry(**entry) for entry in await self.run("entries")]
        return [entry for entry in found if entry.source == source]

    async def names(self, source: str = "call") -> list[str]:
        """Names of what was emitted, but for quality warnings and `audio`, which comes when it likes."""
        quiet = ("audio", "warning", "warning-cleared")
        return [entry.name for entry in await self.entries(source) if entry.name not in quiet]

    async def hears(self, hz: float, *, seconds: float = DEFAULT_SECONDS) -> None:
        """Wait until that tone is the loudest in what the far side sends."""
        await self.until("hears(it)", hz, seconds=seconds)

    async def hears_nothing(self, *, seconds: float = DEFAULT_SECONDS) -> None:
        await self.until("hearsNothing()", seconds=seconds)

    async def status(self) -> str:
        return str(await self.run("call.status()"))

    async def sid(self) -> str:
        return str(await self.run("call.parameters.CallSid"))


@dataclass
class Stage:
    house: House
    browser: Browser
    origin: str
    _stack: AsyncExitStack
    _nursery: trio.Nursery

    async def client(
        self,
        identity: str,
        hz: float = 600.0,
        *,
        token: str | None = None,
        path: network.Path | None = None,
        **options: object,
    ) -> Client:
        """Open a page for `identity`; with `path` all its media go that way. `options` are the SDK's."""
        wire = await self.open_wire()
        page = await self.open_page()
        client = Client(page, wire, identity, hz)
        await self.begin(client, token=token, path=path, **options)
        return client

    async def begin(
        self, client: Client, *, token: str | None = None, path: network.Path | None = None, **options: object
    ) -> None:
        """Make the Device of a fresh page."""
        if path is not None:
            await self.route(client, path)
        setting = {
            "token": self.house.token(client.identity) if token is None else token,
            "chunderw": f"{network.HOST}:{client.wire.port}",
            "hz": client.hz,
            "options": options,
        }
        await client.run("start(it)", setting)

    async def open_wire(self) -> Wire:
        wire = Wire(self.house.node.port)
        await self._nursery.start(wire.serve)
        return wire

    async def open_page(self) -> Page:
        """A page without a Device."""
        page = await self.browser.open_page(self.origin)
        self._stack.push_async_callback(_close, page)
        return page

    async def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Keep `context` open for as long as the stage."""
        return await self._stack.enter_async_context(context)

    async def path(self) -> network.Path:
        """Another way for media."""
        path = network.Path(self.house.node.media.ports[0])
        await self._nursery.start(path.serve)
        return path

    async def route(self, client: Client, path: network.Path) -> None:
        """Let the page find its way to the gateway by `path` from its next description on."""
        await client.run("void (window.mediaPort = it)", path.port)

    async def talking(self, caller: Client, callee: Client) -> None:
        """Let two clients be in a call and hear each other; the callee is registered by this."""
        await callee.register()
        await caller.connect(f"client:{callee.identity}")
        await callee.happened("incoming", source="device")
        await callee.run("call.accept()")
        await caller.happened("accept")
        await caller.hears(callee.hz)
        await callee.hears(caller.hz)

    async def echoing(self, client: Client) -> Call:
        """Let a client be in a call with the echo; the gateway's half of it."""
        await client.connect("echo")
        await client.happened("accept")
        await client.hears(client.hz)
        return await self.server_half(client)

    async def server_half(self, client: Client) -> Call:
        found = self.house.node.gateway.find(await client.sid())
        assert found is not None
        return found


async def _close(page: Page) -> None:
    with trio.move_on_after(FAREWELL_SECONDS, shield=True):
        await page.close()


@asynccontextmanager
async def open_stage(
    browser: Browser,
    data_dir: Path,
    application: Application | None = None,
    *,
    seconds: float = TEST_SECONDS,
    **flags: object,
) -> AsyncIterator[Stage]:
    """All that happens in the block has to happen within `seconds`. `flags` are settings of the node."""
    with trio.fail_after(seconds):
        async with (
            open_house(data_dir, application, **flags) as house,
            open_site() as origin,
            trio.open_nursery() as nursery,
        ):
            async with AsyncExitStack() as stack:
                yield Stage(house, browser, origin, stack, nursery)
            nursery.cancel_scope.cancel()
