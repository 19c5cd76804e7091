"""With the official SDK: a server that goes away and comes back, a second server, pages that may not come."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.e2e import network
from tests.e2e.browser import Browser
from tests.e2e.stage import Client, Stage, open_stage
from tests.fakes.house import House, open_house

pytestmark = pytest.mark.e2e

CONNECTION_ERROR = 31005
ABOUT = "[device.identity, device.edge, device.home, device.isBusy, device.state]"


@asynccontextmanager
async def _node(stage: Stage, data_dir: Path, port: int = 0, **flags: object) -> AsyncIterator[House]:
    """The stage's house is another for as long as the block, on `port` and with the same keys."""
    before = stage.house
    async with open_house(data_dir, port=port, **flags) as house:
        stage.house = house
        try:
            yield house
        finally:
            stage.house = before


@contextmanager
def _dead_port() -> Iterator[int]:
    """Nobody listens there."""
    with socket.socket() as taken:
        taken.bind((network.HOST, 0))
        yield taken.getsockname()[1]


async def _errors(client: Client) -> list[int]:
    return [entry.args[0]["code"] for entry in await client.entries("device") if entry.name == "error"]


async def test_a_page_is_registered_again_with_a_server_that_was_restarted(
    browser: Browser, tmp_path: Path
) -> None:
    """The server closes its sockets properly, so that no page has an error to show."""
    async with open_stage(browser, tmp_path) as stage:
        async with _node(stage, tmp_path) as first:
            port = first.node.port
            bob = await stage.client("bob", 1000.0)
            await bob.register()
            bob.wire.hold()
        await bob.happened("unregistered", source="device")
        async with _node(stage, tmp_path, port) as second:
            bob.wire.heal()
            await bob.happened("registered", 2, source="device")
            assert second.node.gateway.registrations == 1
            alice = await stage.client("alice")
            await alice.connect("client:bob")
            await bob.happened("incoming", source="device")
            await bob.run("call.accept()")
            await alice.hears(bob.hz)
            assert await _errors(bob) == []
            assert bob.page.problems == []


async def test_a_server_that_goes_away_hangs_up_first(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        async with _node(stage, tmp_path) as first:
            port = first.node.port
            alice = await stage.client("alice")
            await alice.register()
            await stage.echoing(alice)
            alice.wire.hold()
        assert (await alice.happened("disconnect")).state == "closed"
        assert await alice.names() == ["accept", "disconnect"]
        async with _node(stage, tmp_path, port):
            alice.wire.heal()
            await alice.happened("registered", 2, source="device")
            await stage.echoing(alice)
            assert await _errors(alice) == []


async def test_a_page_waits_for_a_server_that_is_down(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        async with _node(stage, tmp_path) as first:
            port = first.node.port
            bob = await stage.client("bob", 1000.0)
            await bob.register()
            bob.wire.cut()
        await bob.happened("error", source="device")
        async with _node(stage, tmp_path, port) as second:
            bob.wire.heal()
            await bob.happened("registered", 2, source="device")
            assert CONNECTION_ERROR in await _errors(bob)
            assert second.node.gateway.registrations == 1


async def test_the_next_host_is_tried_when_the_first_is_dead(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        with _dead_port() as dead:
            hosts = [f"{network.HOST}:{port}" for port in (dead, stage.house.node.port)]
            alice = await stage.client("alice", chunderw=hosts)
            await alice.register()
            await stage.echoing(alice)
            assert (await _errors(alice)).count(CONNECTION_ERROR) == 1


async def test_a_page_falls_back_when_its_server_has_gone(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        spare = stage.house
        async with _node(stage, tmp_path):
            alice = await stage.client("alice")
            hosts = [f"{network.HOST}:{alice.wire.port}", f"{network.HOST}:{spare.node.port}"]
            await alice.run("device.updateOptions({ chunderw: it })", hosts)
            await alice.register()
            assert spare.node.gateway.registrations == 0
            alice.wire.cut()
        await alice.happened("registered", 2, source="device", seconds=30)
        assert spare.node.gateway.registrations == 1
        await stage.echoing(alice)


async def test_a_page_moves_to_another_server_but_not_during_a_call(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        old = stage.house
        alice = await stage.client("alice")
        await alice.register()
        async with _node(stage, tmp_path) as new:
            there = f"{network.HOST}:{new.node.port}"
            await alice.connect("echo")
            await alice.happened("accept")
            move = "device.updateOptions({ chunderw: it })"
            outcome = f"(() => {{ try {{ {move}; }} catch (error) {{ return error.name; }} }})()"
            assert await alice.run(outcome, there) == "InvalidStateError"
            await alice.run("call.disconnect()")
            await alice.run("device.updateOptions({ appName: 'desk' })")
            # The SDK has stored what it refused, so that the same again would change nothing.
            await alice.run(move, [there, f"{network.HOST}:{alice.wire.port}"])
            await alice.happened("registered", 2, source="device")
            await old.notes.until(lambda: not old.node.gateway.registrations)
            assert new.node.gateway.registrations == 1


async def test_only_pages_of_the_origins_in_the_settings_may_come(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        async with _node(stage, tmp_path, allowed_origins=(stage.origin,)):
            alice = await stage.client("alice")
            await alice.register()
            assert await _errors(alice) == []
        async with _node(stage, tmp_path, allowed_origins=("https://app.example.org",)) as house:
            bob = await stage.client("bob")
            await bob.run("void device.register().catch(() => null)")
            await bob.until("entries.some((each) => Object(each.args[0]).code === it)", CONNECTION_ERROR)
            assert bob.wire.connections > 0
            assert house.node.gateway.registrations == 0


async def test_a_device_tells_where_it_is_and_what_it_does(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, edge="cellar", home="house") as stage:
        alice = await stage.client("alice")
        assert await alice.run(ABOUT) == [None, None, None, False, "unregistered"]
        await alice.register()
        there = ["alice", "cellar", "house"]
        assert await alice.run(ABOUT) == [*there, False, "registered"]
        half = await stage.echoing(alice)
        assert await alice.run(ABOUT) == [*there, True, "registered"]
        half.disconnect()
        await alice.happened("disconnect")
        assert await alice.run(ABOUT) == [*there, False, "registered"]
        await alice.run("device.unregister()")
        assert await alice.run("device.edge") is None
