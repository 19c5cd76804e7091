"""A call that moves from one page of a client to another, with the official SDK's connect token."""

from pathlib import Path

import pytest

from tests.e2e.browser import Browser
from tests.e2e.stage import open_stage

pytestmark = pytest.mark.e2e


async def test_a_ringing_call_is_forwarded_to_another_page(browser: Browser, tmp_path: Path) -> None:
    """The first page is cancelled once, the second accepted once; the caller sees one answer."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        first, second = await stage.client("bob", 1000.0), await stage.client("bob", 1400.0)
        await first.register()
        await alice.connect("client:bob")
        await first.happened("incoming", source="device")
        token = await first.run("call.connectToken")
        await second.run("device.connect({ connectToken: it }).then(follow)", token)
        await second.happened("accept")
        await first.happened("cancel")
        await alice.happened("accept")
        await alice.hears(second.hz)
        await second.hears(alice.hz)
        assert await second.sid() == await first.sid()
        assert await alice.status() == await second.status() == "open"
        assert (await first.names()).count("cancel") == 1
        assert (await second.names()).count("accept") == 1
        await alice.run("call.disconnect()")
        await second.happened("disconnect")
        assert [page.page.problems for page in (alice, first, second)] == [[], [], []]
