from pathlib import Path
import pytest, trio
from tests.e2e.browser import Browser
from tests.e2e.stage import open_stage
pytestmark = pytest.mark.e2e

async def test_echo(browser: Browser, tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_stage(browser, tmp_path) as stage:
            alice = await stage.client("alice")
            call = await stage.echoing(alice)
            print(await alice.names("device"), await alice.names())
            print(await alice.entries(), call)
            await trio.sleep(2)
            print(await alice.run("loudest()"), await alice.run("samples"), await alice.run("volumes.slice(-3)"))
            await alice.run("call.mute()")
            await alice.hears_nothing()
            print(await alice.run("loudest()"))
            await alice.run("call.disconnect()")
            await call.ended()
            print(await alice.names(), alice.page.problems, alice.page.console)

async def test_bob(browser: Browser, tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_stage(browser, tmp_path) as stage:
            alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
            await stage.talking(alice, bob)
            print(await bob.entries("device"), await bob.names())
