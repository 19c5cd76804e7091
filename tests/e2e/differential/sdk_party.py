"""The official SDK's Device in a page."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio

from tests.e2e import network
from tests.e2e.browser import Page
from tests.e2e.differential.device_party import EXTRA_HZ, PARTY_HZ, DeviceParty, open_device_party
from tests.e2e.differential.log import Entry, camel
from tests.e2e.differential.party import CALL, SECONDS
from tests.e2e.stage import Stage
from tests.fakes.house import House

POLL_SECONDS = 0.05


class SdkParty:
    """See `Party`."""

    def __init__(self, page: Page, wire: network.Wire) -> None:
        self.wire = wire
        self._page = page

    async def perform(self, source: str, method: str, *args: object) -> None:
        await self._page.run("party.perform(it)", _order(source, method, args), seconds=SECONDS)

    async def begin(self, source: str, method: str, *args: object) -> None:
        await self._page.run("void party.perform(it)", _order(source, method, args))

    async def happened(self, name: str, times: int = 1, *, of: str = CALL, seconds: float = SECONDS) -> None:
        await self._until("party.count(it[0], it[1]) >= it[2]", [of, name, times], seconds)

    async def became(self, status: str, *, of: str = CALL, seconds: float = SECONDS) -> None:
        await self._until("party.state(it[0]) === it[1]", [of, status], seconds)

    async def _until(self, condition: str, argument: object, seconds: float) -> None:
        """Ask again and again: a wait inside the page would keep the browser from all other pages."""
        with trio.move_on_after(seconds) as waiting:
            while not await self._page.run(condition, argument):  # noqa: ASYNC110 - a page has no event
                await trio.sleep(POLL_SECONDS)
        if waiting.cancelled_caught:
            lines = [f"{entry.source}: {entry.line}" for entry in await self.log()]
            raise AssertionError(f"the SDK: not within {seconds} s: {argument}", lines)

    async def note(self, source: str) -> None:
        await self._page.run("party.note(it)", source)

    async def read(self, source: str, name: str) -> None:
        await self._page.run("party.read(it)", {"source": source, "name": camel(name)})

    async def property(self, source: str, name: str) -> Any:
        return await self._page.run("party.property(it)", {"source": source, "name": camel(name)})

    async def outage(self) -> None:
        """Told for the lost socket, and again for each attempt that failed."""
        await self.happened("reconnecting", 2)

    async def route(self, path: network.Path) -> None:
        await self._page.run("void (window.mediaPort = it)", path.port)

    async def log(self) -> list[Entry]:
        assert self._page.problems == []
        written = await self._page.run("party.log")
        return [Entry(**{**entry, "args": tuple(entry["args"])}) for entry in written]


class SdkScene:
    """See `Scene`."""

    def __init__(self, stage: Stage) -> None:
        self.house: House = stage.house
        self.parties: dict[str, SdkParty] = {}
        self._stage = stage

    async def party(self, name: str, *, path: network.Path | None = None, **options: object) -> SdkParty:
        wire = await self._stage.open_wire()
        page = await self._stage.open_page()
        party = SdkParty(page, wire)
        self.parties[f"{name} {len(self.parties) + 1}"] = party
        if path is not None:
            await party.route(path)
        await page.run("import('/differential.js').then(() => null)")
        setting = {
            "token": options.pop("token", None) or self.house.token(name),
            "chunderw": f"{network.HOST}:{wire.port}",
            "hz": PARTY_HZ,
            "options": _object(options),
        }
        await page.run("party.open(it)", setting)
        return party

    async def extra(self, identity: str, **options: object) -> DeviceParty:
        opened = open_device_party(self.house, identity, hz=EXTRA_HZ, **options)
        return await self._stage.enter(opened)

    async def path(self) -> network.Path:
        return await self._stage.path()


@asynccontextmanager
async def open_sdk_scene(stage: Stage) -> AsyncIterator[SdkScene]:
    yield SdkScene(stage)


def _order(source: str, method: str, args: tuple[object, ...]) -> dict[str, object]:
    return {"source": source, "method": camel(method), "args": [_object(arg) for arg in args]}


def _object(value: object) -> object:
    """What the SDK takes for a mapping with Python names; what is inside is data."""
    if isinstance(value, Mapping):
        return {camel(key): inside for key, inside in value.items()}
    return value
