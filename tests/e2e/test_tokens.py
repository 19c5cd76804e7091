"""What the official SDK makes of tokens that are refused, run out, are replaced, or grant only a part."""

from pathlib import Path

import pytest

from actors.config import dev_keys
from actors.signaling.token import mint
from actors.wall import wall_clock
from tests.e2e.browser import Browser
from tests.e2e.stage import Client, Stage, open_stage

pytestmark = pytest.mark.e2e

SIGNALING_ERROR, CONNECTION_ERROR = 53000, 31005
TOKEN_INVALID, TOKEN_EXPIRED, NOT_AUTHENTICATED = 20101, 20104, 20151
SIGNATURE_INVALID, LIFETIME_TOO_LONG = 31202, 31207
NOT_AUTHORIZED, EXPIRED, UNAVAILABLE = 31201, 31205, 31480
DAY = 24 * 3600.0
SETTLE_MS = 1500
"""Longer than the SDK waits before it connects again."""
BAD = {
    "garbage": [TOKEN_INVALID, TOKEN_INVALID],
    "forged": [SIGNALING_ERROR, SIGNATURE_INVALID],
    "of an unknown key": [SIGNALING_ERROR, SIGNATURE_INVALID],
    "of another account": [SIGNALING_ERROR, SIGNATURE_INVALID],
    "of the future": [TOKEN_INVALID, TOKEN_INVALID],
    "valid for too long": [SIGNALING_ERROR, LIFETIME_TOO_LONG],
}
"""What the Device is told of these tokens, without and with precise errors."""
ATTEMPT = """(() => {
  const made = device;
  const attempt = { codes: [], outcome: null, state: null };
  window.attempts = [...(window.attempts || []), attempt];
  made.on('error', ({ code }) => attempt.codes.push(code));
  const settle = (outcome) => Object.assign(attempt, { outcome, state: made.state });
  void made.register().then(() => settle('resolved'), () => settle('rejected'));
})()"""
UPDATE = "device.on('error', () => { if (count('device', 'error') === 1) device.updateToken(it); })"


def _token(data_dir: Path, kind: str, identity: str = "alice") -> str:
    """A token of `identity` with something wrong about it."""
    account, key, secret = dev_keys(data_dir)
    good: dict[str, object] = {"account": account, "key": key, "secret": secret, "now": wall_clock()}
    changes: dict[str, dict[str, object]] = {
        "forged": {"secret": "x" * 32},
        "of an unknown key": {"key": "SK" + "0" * 32},
        "of another account": {"account": "AC" + "0" * 32},
        "of the future": {"now": wall_clock() + 3600},
        "expired": {"ttl": -60.0},
        "valid for too long": {"ttl": DAY + 60},
        "without outgoing calls": {"application": None},
        "without incoming calls": {"may_receive": False},
    }
    return "garbage" if kind == "garbage" else mint(identity, **(good | changes[kind]))  # type: ignore[arg-type]


async def _registering(client: Client) -> None:
    """Begin to register; `outcome` says how that ended."""
    await client.run("void (window.outcome = null)")
    await client.run(
        "void device.register().then(() => { outcome = 'resolved'; }, () => { outcome = 'rejected'; })"
    )


async def _code(client: Client, source: str = "device", times: int = 1) -> int:
    return int((await client.happened("error", times, source=source)).args[0]["code"])


async def _is_rung(stage: Stage, client: Client) -> None:
    async with stage.house.device("caller") as caller:
        call = await caller.connect(params={"To": f"client:{client.identity}"})
        await client.happened("incoming", source="device")
        call.disconnect()
        await client.happened("cancel")


# --- tokens that are refused ------------------------------------------------------------------------------


async def test_a_bad_token_rejects_register_and_is_not_sent_again(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        told = {}
        for is_precise in (False, True):
            options = {"enableImprovedSignalingErrorPrecision": is_precise}
            for kind in BAD:
                await stage.begin(alice, token=_token(tmp_path, kind), **options)
                await alice.run(ATTEMPT)
        for number, kind in enumerate((*BAD, *BAD)):
            await alice.until("attempts[it].outcome === 'rejected'", number)
            attempt = await alice.run("attempts[it]", number)
            assert attempt["state"] == "unregistered"
            told.setdefault(kind, []).extend(attempt["codes"])
        assert told == BAD
        await alice.run("new Promise((done) => setTimeout(done, it))", SETTLE_MS)
        assert alice.wire.connections == 2 * len(BAD)
        assert alice.page.problems == []


async def test_a_bad_token_rejects_connect(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token="garbage")
        assert await alice.run("device.connect().then(() => 'resolved', () => 'rejected')") == "rejected"
        assert await _code(alice) == TOKEN_INVALID
        assert await alice.run("device.isBusy") is False


async def test_a_device_that_was_sent_away_registers_with_a_better_token(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token="garbage")
        await _registering(alice)
        await alice.until("outcome === 'rejected'")
        await alice.run("device.updateToken(it)", stage.house.token("alice"))
        await alice.register()
        assert alice.wire.connections == 2
        await _is_rung(stage, alice)


@pytest.mark.parametrize("kind", ["garbage", "expired"])
async def test_a_token_that_is_replaced_at_once_is_forgiven(
    browser: Browser, tmp_path: Path, kind: str
) -> None:
    """The same socket goes on, and the promise of `register` is kept."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token=_token(tmp_path, kind))
        await alice.run(UPDATE, stage.house.token("alice"))
        await _registering(alice)
        await alice.until("outcome === 'resolved'")
        assert alice.wire.connections == 1
        assert await alice.names("device") == ["registering", "error", "registered"]
        await _is_rung(stage, alice)


async def test_an_expired_token_is_tried_again_until_there_is_another(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token=_token(tmp_path, "expired"))
        await _registering(alice)
        for times in (1, 2):
            assert await _code(alice, times=times) == TOKEN_EXPIRED
        first, second = [entry.at for entry in await alice.entries("device") if entry.name == "error"]
        assert second - first > 1000, "no faster than the gateway closes"
        await alice.run("device.updateToken(it)", stage.house.token("alice"))
        await alice.until("outcome === 'resolved'")
        await _is_rung(stage, alice)


async def test_a_refused_new_token_harms_no_call(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.register()
        half = await stage.echoing(alice)
        await alice.run("device.updateToken('garbage')")
        assert await _code(alice) == TOKEN_INVALID
        await alice.run("samples.length = 0")
        await alice.until("samples.length >= 2")
        assert (alice.wire.connections, await alice.status()) == (1, "open")
        assert await alice.names() == ["accept"]
        await alice.run("call.disconnect()")
        await half.ended()
        await _is_rung(stage, alice)


# --- tokens that run out ----------------------------------------------------------------------------------


async def test_the_page_is_told_in_time_before_its_token_runs_out(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        expires = int(wall_clock() + 9.0)
        token = stage.house.token("alice", ttl=expires - wall_clock() + 0.5)
        await stage.begin(alice, token=token, tokenRefreshMs=5000)
        await alice.register()
        told = await alice.happened("tokenWillExpire", source="device")
        assert told.args == ["Device"]
        at = (await alice.run("performance.timeOrigin") + told.at) / 1000
        assert expires - 5.2 < at < expires
        assert "error" not in await alice.names("device")


async def test_the_page_is_told_at_once_of_a_token_with_little_time_left(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token=stage.house.token("alice", ttl=60.0), tokenRefreshMs=90_000)
        await alice.register()
        told = await alice.happened("tokenWillExpire", source="device")
        registered = await alice.happened("registered", source="device")
        assert abs(told.at - registered.at) < 1000


async def test_who_is_told_that_the_token_has_run_out_can_still_replace_it(
    browser: Browser, tmp_path: Path
) -> None:
    """Until then nothing new begins: neither calls nor registrations."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client(
            "alice", token=stage.house.token("alice", ttl=3.0), enableImprovedSignalingErrorPrecision=True
        )
        await alice.register()
        assert await _code(alice) == TOKEN_EXPIRED
        await alice.connect("echo")
        assert await _code(alice, "call") == EXPIRED
        await alice.happened("disconnect")
        await alice.run("device.updateToken(it)", stage.house.token("alice"))
        await stage.echoing(alice)
        await alice.run("call.disconnect()")
        await _is_rung(stage, alice)
        assert alice.wire.connections == 1


async def test_a_token_runs_out_during_a_call_that_goes_on(browser: Browser, tmp_path: Path) -> None:
    """What the call still has to say is heard; the next one needs a new token."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token=stage.house.token("alice", ttl=5.0))
        half = await stage.echoing(alice)
        await alice.run("watch(it)", alice.hz)
        assert await _code(alice) == TOKEN_EXPIRED
        await alice.run("samples.length = 0")
        await alice.until("samples.length >= 2")
        assert await alice.run("gap.longest") < 2000
        assert await alice.names() == ["accept"]
        await alice.run("call.disconnect()")
        await half.ended()
        await alice.connect("echo")
        assert await _code(alice, "call") == CONNECTION_ERROR


# --- grants -----------------------------------------------------------------------------------------------


async def test_a_token_without_outgoing_calls_can_only_be_rung(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        token = _token(tmp_path, "without outgoing calls")
        alice = await stage.client("alice", token=token, enableImprovedSignalingErrorPrecision=True)
        await alice.register()
        await alice.connect("echo")
        assert await _code(alice, "call") == NOT_AUTHORIZED
        await alice.happened("disconnect")
        assert await alice.names("device") == ["registering", "registered"]
        await _is_rung(stage, alice)


async def test_a_token_without_incoming_calls_can_only_dial(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice", token=_token(tmp_path, "without incoming calls"))
        await _registering(alice)
        await alice.until("outcome === 'rejected'")
        assert await _code(alice) == NOT_AUTHENTICATED
        assert await alice.run("device.state") == "unregistered"
        carol = await stage.client("carol", enableImprovedSignalingErrorPrecision=True)
        await carol.connect("client:alice")
        assert await _code(carol, "call") == UNAVAILABLE
        await stage.echoing(alice)
        assert await alice.names("device") == ["registering", "error", "unregistered"]
