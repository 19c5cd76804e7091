"""What the official SDK is told when a call cannot be had: overload, limits, and callees that will not."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import events
from actors.call import Call
from tests.e2e.browser import Browser
from tests.e2e.stage import Client, Stage, open_stage
from tests.fakes.raw_client import open_client

pytestmark = pytest.mark.e2e

SIGNALING_ERROR, CONNECTION_ERROR = 53000, 31005
RATE_EXCEEDED = 31206
NOT_FOUND, UNAVAILABLE, BUSY, DECLINED = 31404, 31480, 31486, 31603
MAX_REGISTRATIONS = 10


async def _turned_away(client: Client) -> list[int]:
    """A call is not let in; the codes that the device and the call were told."""
    await client.connect("echo")
    await client.happened("disconnect")
    assert await client.names() == ["error", "disconnect"]
    assert await client.run("device.isBusy") is False
    told = [*await client.entries("device"), *await client.entries()]
    return [entry.args[0]["code"] for entry in told if entry.name == "error"]


async def _over(stage: Stage, call: Call) -> None:
    """The gateway has forgotten the call."""
    await call.ended()
    await wait_all_tasks_blocked()
    assert call not in stage.house.node.gateway.live_calls


async def test_a_full_node_turns_calls_away_until_one_has_ended(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, max_calls=1) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        half = await stage.echoing(alice)
        assert await _turned_away(bob) == [SIGNALING_ERROR, RATE_EXCEEDED]
        assert half.status() == "open"
        await alice.run("call.disconnect()")
        await _over(stage, half)
        await stage.echoing(bob)


async def test_calls_that_come_too_fast_are_turned_away(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, calls_per_second=1.0) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        for client in (alice, bob):
            await client.run("device.register()")
        async with trio.open_nursery() as nursery:
            for client in (alice, bob):
                nursery.start_soon(client.connect, "echo")
        for client in (alice, bob):
            await client.until("['open', 'closed'].includes(call.status())")
        unlucky = alice if await alice.status() == "closed" else bob
        assert sorted([await alice.status(), await bob.status()]) == ["closed", "open"]
        assert (await unlucky.happened("error")).args[0]["code"] == RATE_EXCEEDED
        await unlucky.run("new Promise((done) => setTimeout(done, 1100))")
        await stage.echoing(unlucky)


async def test_one_client_has_a_limit_of_its_own(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, max_calls_per_identity=1) as stage:
        first, second = await stage.client("alice"), await stage.client("alice", 1000.0)
        await stage.echoing(first)
        assert await _turned_away(second) == [RATE_EXCEEDED]
        other = await stage.client("bob", 1400.0, enableImprovedSignalingErrorPrecision=True)
        await first.register()
        await other.connect("client:alice")
        assert (await other.happened("error")).args[0]["code"] == BUSY


async def test_a_client_is_registered_ten_times_at_most(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage, AsyncExitStack() as stack:
        gateway = stage.house.node.gateway
        pages = [await stack.enter_async_context(open_client(stage.house, "alice")) for _ in range(10)]
        for page in pages:
            await page.register()
        alice = await stage.client("alice")
        register = "device.register().then(() => 'resolved', () => 'rejected')"
        assert await alice.run(register) == "rejected"
        assert (await alice.happened("error", source="device")).args[0]["code"] == RATE_EXCEEDED
        assert await alice.run("device.state") == "unregistered"
        assert gateway.registrations == MAX_REGISTRATIONS
        await pages[0].close()
        await stage.house.notes.until(lambda: gateway.registrations < MAX_REGISTRATIONS)
        assert await alice.run(register) == "resolved"
        assert gateway.registrations == MAX_REGISTRATIONS


async def test_nobody_is_rung_for_ever(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, ring_seconds=2.0) as stage:
        alice = await stage.client("alice", enableImprovedSignalingErrorPrecision=True)
        bob = await stage.client("bob", 1000.0)
        await bob.register()
        await alice.connect("client:bob")
        await bob.happened("cancel")
        await alice.happened("disconnect")
        assert (await alice.happened("error")).args[0]["code"] == UNAVAILABLE
        assert await alice.names() == ["ringing", "error", "disconnect"]
        assert await bob.names() == ["cancel"]
        assert await bob.run("[device.calls.length, device.isBusy]") == [0, False]


async def test_a_caller_is_told_why_if_it_wants_to_know(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        plain = await stage.client("alice")
        precise = await stage.client("bob", enableImprovedSignalingErrorPrecision=True)
        reasons = (NOT_FOUND, UNAVAILABLE, BUSY, DECLINED)
        for times, code in enumerate(reasons, 1):
            for client in (plain, precise):
                await client.connect(f"reject:{code}")
            for client, told in ((plain, CONNECTION_ERROR), (precise, code)):
                await client.happened("disconnect", times)
                assert (await client.happened("error", times)).args[0]["code"] == told
        for client in (plain, precise):
            assert await client.names() == ["ringing", "error", "disconnect"] * len(reasons)


async def test_a_second_call_cannot_be_placed_while_the_first_rings(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await bob.register()
        await alice.connect("client:bob")
        await alice.happened("ringing")
        outcome = "device.connect({ params: { To: 'echo' } }).then(() => '', (error) => error.name)"
        assert await alice.run(outcome) == "InvalidStateError"
        assert len(stage.house.node.gateway.live_calls) == 2
        await bob.run("call.accept()")
        await alice.hears(bob.hz)


@pytest.mark.parametrize("is_ringing", [False, True], ids=["before it rings", "while it rings"])
async def test_a_caller_can_give_up_before_the_answer(
    browser: Browser, tmp_path: Path, is_ringing: bool
) -> None:
    """Before `ringing` the page knows its call by a temporary id only."""
    begun: list[Call] = []

    async def application(call: Call) -> None:
        begun.append(call)
        if is_ringing:
            call.ring()
        await call.ended()

    async with open_stage(browser, tmp_path, application) as stage:
        alice = await stage.client("alice")
        await alice.connect("anybody")
        if is_ringing:
            await alice.happened("ringing")
        await stage.house.notes.until(lambda: bool(begun))
        await alice.run("call.disconnect()")
        with trio.fail_after(5):
            await _over(stage, begun[0])
        assert await alice.names() == (["ringing", "disconnect"] if is_ringing else ["disconnect"])
        assert not stage.house.notes.of(begun[0].sid, events.Accepted)
        assert await alice.run("device.isBusy") is False
