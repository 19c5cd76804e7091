"""The official SDK's Device: registration, tokens."""

from pathlib import Path

import pytest

from actors.config import dev_keys
from actors.signaling.token import mint
from actors.wall import wall_clock
from tests.e2e.browser import Browser
from tests.e2e.stage import Client, open_stage

pytestmark = pytest.mark.e2e

TOKEN_INVALID = 20101
TOKEN_EXPIRED = 20104
SIGNATURE_INVALID = 31202
SIGNALING_ERROR = 53000


async def test_a_device_registers_unregisters_and_registers_again(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.register()
        assert await alice.run("[device.state, device.identity]") == ["registered", "alice"]
        assert stage.house.node.gateway.registrations == 1
        await alice.run("device.unregister()")
        assert await alice.run("device.state") == "unregistered"
        assert stage.house.node.gateway.registrations == 0
        await alice.register()
        assert await alice.names("device") == [
            *("registering", "registered", "unregistered"),
            *("registering", "registered"),
        ]
        assert stage.house.node.gateway.registrations == 1


async def test_a_destroyed_device_is_not_rung(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob")
        await bob.register()
        await bob.run("device.destroy()")
        await alice.connect("client:bob")
        await alice.happened("disconnect")
        assert await bob.names() == []


async def test_a_device_is_registered_again_after_its_socket_was_lost(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await bob.register()
        bob.wire.drop()
        await bob.happened("unregistered", source="device")
        await bob.happened("registered", 2, source="device")
        await alice.connect("client:bob")
        await bob.happened("incoming", source="device")


async def _refusal(client: Client) -> int:
    """What a device is told whose token is not accepted."""
    await client.run("void device.register().catch(() => null)")
    return int((await client.happened("error", source="device")).args[0]["code"])


async def test_a_garbage_token_is_told_as_invalid(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token="garbage")
        assert await _refusal(alice) == TOKEN_INVALID
        assert stage.house.node.gateway.registrations == 0


async def test_an_expired_token_can_be_replaced(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token=stage.house.token("alice", ttl=-3600.0))
        assert await _refusal(alice) == TOKEN_EXPIRED
        await alice.run("device.updateToken(it)", stage.house.token("alice"))
        await alice.happened("registered", source="device")


@pytest.mark.parametrize(("is_precise", "code"), [(False, SIGNALING_ERROR), (True, SIGNATURE_INVALID)])
async def test_a_token_signed_with_another_secret_is_refused(
    browser: Browser, tmp_path: Path, is_precise: bool, code: int
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        account, key, _ = dev_keys(tmp_path)
        forged = mint("alice", account=account, key=key, secret="x" * 32, now=wall_clock())
        alice = await stage.client("alice", token=forged, enableImprovedSignalingErrorPrecision=is_precise)
        assert await _refusal(alice) == code
        assert stage.house.node.gateway.registrations == 0


async def test_a_token_that_runs_out_is_told_as_expired(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token=stage.house.token("alice", ttl=3.0))
        await alice.register()
        error = await alice.happened("error", source="device")
        assert error.args[0]["code"] == TOKEN_EXPIRED


async def test_a_call_outlives_its_token(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token=stage.house.token("alice", ttl=5.0))
        await alice.register()
        await stage.echoing(alice)
        await alice.happened("error", source="device")
        await alice.run("samples.length = 0")
        await alice.until("samples.length >= 2")
        await alice.hears(alice.hz)
        assert await alice.status() == "open"


async def test_a_new_token_in_a_call_interrupts_nothing(browser: Browser, tmp_path: Path) -> None:
    """The old token runs out while the call goes on: by then only the new one counts."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token=stage.house.token("alice", ttl=6.0), tokenRefreshMs=4000)
        await alice.register()
        await stage.echoing(alice)
        await alice.run("watch(it)", alice.hz)
        assert (await alice.happened("tokenWillExpire", source="device")).args == ["Device"]
        await alice.run("device.updateToken(it)", stage.house.token("alice"))
        await alice.until("samples.length >= 10")
        assert await alice.run("gap.longest") < 2000
        assert await alice.status() == "open"
        assert await alice.names("device") == ["registering", "registered", "tokenWillExpire"]
        assert await alice.names() == ["accept"]
