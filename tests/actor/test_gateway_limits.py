"""What a gateway refuses, what it holds back, and for how long it keeps what was lost."""

import pytest
import trio
from trio.testing import MockClock

from actors.call import Call, CallStatus
from actors.call.state import Timing
from actors.errors import ClientErrors
from actors.gateway.admission import RETRY_SECONDS, CallLimits
from actors.gateway.message_policy import MessagePolicy
from actors.signaling import messages as wire
from tests.fakes.exchange import answer_to, client_offer, settle
from tests.fakes.sockets import FakeLink
from tests.fakes.town import Town, answering, codes, open_town, token_of, waiting

pytestmark = pytest.mark.actor

GREETING = "greeting"


def problems(link: FakeLink) -> list[tuple[int, float | None]]:
    return [(m.error.code, m.retry_after) for m in link.posted if isinstance(m, wire.Problem)]


def kinds(link: FakeLink) -> list[str]:
    return [type(m.body).__name__ for m in link.posted if isinstance(m, wire.Envelope)]


# --- calls ------------------------------------------------------------------------------------------------


async def test_an_overloaded_node_says_when_to_come_back(autojump_clock: MockClock) -> None:
    async with open_town(answering, limits=CallLimits(calls_per_second=1.0)) as town:
        alice = town.link()
        await town.opened(alice)
        town.say(alice, "TJS2", wire.Invite(client_offer()))
        assert (problems(alice), codes(alice)) == ([(31902, RETRY_SECONDS)], [31206])
        await trio.sleep(1.0)
        assert (await town.invited(alice, temp_sid="TJS2")).status() is CallStatus.OPEN


async def test_a_client_has_a_limit_of_its_own(autojump_clock: MockClock) -> None:
    async with open_town(answering, limits=CallLimits(max_calls_per_identity=1)) as town:
        alice = town.link("alice")
        await town.opened(alice)
        town.say(alice, "TJS2", wire.Invite(client_offer()))
        assert (problems(alice), codes(alice)) == ([], [31206])
        assert (await town.opened(town.link("bob"))).status() is CallStatus.OPEN
        town.registered("alice")
        with pytest.raises(ClientErrors.BusyHere):
            town.gateway.dial("client:alice", caller="x")


async def test_a_draining_node_ends_its_calls_and_takes_no_more(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice = town.link()
        call = await town.opened(alice)
        town.registered("bob")
        town.gateway.drain()
        town.say(alice, "TJS2", wire.Invite(client_offer()))
        assert problems(alice) == [(31902, RETRY_SECONDS)]
        with pytest.raises(ClientErrors.TemporarilyUnavailable):
            town.gateway.dial("client:bob", caller="x")
        await settle()
        assert call.status() is CallStatus.CLOSED
        assert town.is_clean()


async def test_ringing_lasts_as_long_as_configured(autojump_clock: MockClock) -> None:
    async with open_town(waiting, timing=Timing(ring=7.0)) as town:
        alice, bob = town.link("alice"), town.registered("bob")
        call = await town.invited(alice)
        town.gateway.dial("client:bob", caller="x")
        await trio.sleep(6.9)
        assert call.status() is CallStatus.PENDING
        await trio.sleep(0.2)
        assert (codes(alice), kinds(bob)) == ([31480], ["Offer", "Cancel"])
        assert town.is_clean()


# --- messages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [("x" * 20_000, GREETING, 31212), ("x", "farewell", 31210), (None, GREETING, 31100)],
)
async def test_a_message_that_is_not_taken_is_refused_and_the_call_lives(
    content: object, kind: str, code: int, autojump_clock: MockClock
) -> None:
    async with open_town(answering, messages=MessagePolicy(types=frozenset({GREETING}))) as town:
        alice = town.link()
        call = await town.opened(alice)
        before = call.core.state
        town.say(alice, call.sid, wire.UserMessage(content, kind, "KX1"))
        await settle()
        [refusal] = alice.of(wire.Refusal)
        assert (refusal.voice_event_sid, refusal.error.code) == ("KX1", code)  # type: ignore[union-attr]
        assert alice.of(wire.Ack) == []
        assert call.core.state == before
        assert town.refusals()[0][0] == "UserMessage"


async def test_messages_have_a_rate_for_each_call(autojump_clock: MockClock) -> None:
    async with open_town(answering, messages=MessagePolicy(per_second=1.0, burst=2.0)) as town:
        alice, bob = town.link("alice"), town.link("bob")
        calls = {alice: await town.opened(alice), bob: await town.opened(bob)}

        def send(link: FakeLink, count: int) -> None:
            for number in range(count):
                town.say(link, calls[link].sid, wire.UserMessage("x", GREETING, f"KX{number}"))

        send(alice, 3)
        send(bob, 1)
        await settle()
        assert [len(alice.of(kind)) for kind in (wire.Ack, wire.Refusal)] == [2, 1]
        assert [len(bob.of(kind)) for kind in (wire.Ack, wire.Refusal)] == [1, 0]
        await trio.sleep(1.0)
        send(alice, 1)
        await settle()
        assert len(alice.of(wire.Ack)) == 3


# --- glare ------------------------------------------------------------------------------------------------


async def rung(town: Town) -> Call:
    call = town.gateway.dial("client:alice", caller="client:bob")
    await settle()
    return call


async def test_a_client_that_waits_for_an_answer_is_rung_after_it(autojump_clock: MockClock) -> None:
    """Its other device is rung at once."""
    async with open_town(waiting) as town:
        alice, other = town.registered("alice"), town.registered("alice")
        placed = await town.invited(alice)
        placed.ring()
        call = await rung(town)
        assert (kinds(alice), kinds(other)) == (["Ringing"], ["Offer"])
        assert call.status() is CallStatus.RINGING
        placed.accept()
        await settle()
        assert kinds(alice) == ["Ringing", "Answer", "Offer"]
        [offer] = alice.of(wire.Offer)
        town.say(alice, call.sid, wire.Answer(answer_to(offer.sdp)))  # type: ignore[union-attr]
        await settle()
        assert call.status() is CallStatus.OPEN


@pytest.mark.parametrize("ender", ["application", "client", "crash"])
async def test_a_client_whose_own_call_is_over_is_rung(ender: str, autojump_clock: MockClock) -> None:
    async def ending(call: Call) -> None:
        await trio.sleep(1.0)
        if ender == "crash":
            raise ValueError("application")
        if ender == "application":
            call.reject(31486, "busy")
        await call.ended()

    async with open_town(ending) as town:
        alice = town.registered("alice")
        placed = await town.invited(alice)
        await rung(town)
        assert kinds(alice) == []
        if ender == "client":
            town.say(alice, placed.outbound_connection_id, wire.Hangup())
        await trio.sleep(2.0)
        assert kinds(alice) == (["Offer"] if ender == "client" else ["Hangup", "Offer"])


async def test_the_time_for_ringing_counts_while_it_is_held_back(autojump_clock: MockClock) -> None:
    async with open_town(waiting) as town:
        alice = town.registered("alice")
        placed = await town.invited(alice)
        await trio.sleep(40.0)
        held = await rung(town)
        await placed.ended()
        await settle()
        assert kinds(alice) == ["Hangup", "Offer"]
        await trio.sleep(39.0)
        assert held.status() is CallStatus.RINGING
        await trio.sleep(1.5)
        assert kinds(alice) == ["Hangup", "Offer", "Cancel"]


async def test_a_held_ring_that_its_caller_gives_up_is_never_told(autojump_clock: MockClock) -> None:
    async with open_town(waiting) as town:
        alice = town.registered("alice")
        placed = await town.invited(alice)
        held = await rung(town)
        held.disconnect()
        await settle()
        placed.accept()
        await settle()
        assert kinds(alice) == ["Answer"]


async def test_a_client_that_takes_its_call_up_again_is_rung_after_the_answer(
    autojump_clock: MockClock,
) -> None:
    """Else it would take the `answer` to its reconnect `invite` for one of the call that rings."""
    async with open_town(answering) as town:
        alice = town.registered("alice")
        call = await town.opened(alice)
        town.close(alice)
        await trio.sleep(1.0)
        again = town.registered("alice")
        town.say(again, call.sid, wire.Resume(client_offer(), token_of(alice)))
        town.gateway._doorways[again].post(wire.Envelope("CA9", wire.Offer("early", {})))
        assert kinds(again) == []
        await trio.sleep(1.0)
        assert kinds(again) == ["Answer", "Offer"]
        assert call.status() is CallStatus.OPEN


async def test_a_client_whose_call_ends_while_it_takes_it_up_is_rung(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice = town.registered("alice")
        call = await town.opened(alice)
        again = town.registered("alice")
        town.say(again, call.sid, wire.Resume(client_offer(), token_of(alice)))
        call.disconnect()
        await rung(town)
        assert kinds(again)[0] == "Hangup"
        assert kinds(again)[-1] == "Offer"


async def test_both_legs_of_a_conversation_count(autojump_clock: MockClock) -> None:
    async with open_town(answering, limits=CallLimits(max_calls=2)) as town:
        alice = town.link("alice")
        await town.opened(alice)
        town.registered("bob")
        town.gateway.dial("client:bob", caller="client:alice")
        town.say(alice, "TJS2", wire.Invite(client_offer()))
        assert codes(alice) == [31206]
        with pytest.raises(ClientErrors.TemporarilyUnavailable):
            town.gateway.dial("client:bob", caller="client:alice")


async def test_calls_that_the_server_places_do_not_use_up_the_rate_of_clients(
    autojump_clock: MockClock,
) -> None:
    async with open_town(answering, limits=CallLimits(calls_per_second=1.0)) as town:
        town.registered("bob")
        for _ in range(3):
            town.gateway.dial("client:bob", caller="x")
        assert (await town.opened(town.link("alice"))).status() is CallStatus.OPEN


# --- lost sockets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hold", "asked", "kept"), [(5.0, 30.0, 30.0), (35.0, 30.0, 35.0), (5.0, 0.0, 5.0)])
async def test_a_call_is_kept_as_long_as_its_client_or_the_settings_ask(
    hold: float, asked: float, kept: float, autojump_clock: MockClock
) -> None:
    async with open_town(answering, timing=Timing(hold=hold)) as town:
        alice = town.link(reconnect_timeout=asked)
        call = await town.opened(alice)
        town.close(alice)
        await trio.sleep(kept - 0.1)
        assert call.status() is CallStatus.RECONNECTING
        await trio.sleep(0.2)
        assert call.failure == (53001, "the peer did not reconnect in time")
        assert town.is_clean()
