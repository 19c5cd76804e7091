"""Who may do what at the gateway: bearer tokens, ownership of calls, grants."""

import pytest
import trio
from trio.testing import MockClock

from actors.call import Call, CallStatus
from actors.errors import ClientErrors
from actors.signaling import messages as wire
from tests.fakes.exchange import client_offer, settle
from tests.fakes.sockets import FakeLink
from tests.fakes.town import Town, answering, codes, open_town, token_of, waiting

pytestmark = pytest.mark.actor

MESSAGES = [
    wire.Answer("v=0"),
    wire.Hangup(),
    wire.Digits("1"),
    wire.UserMessage("x", "type", "KX1"),
    wire.Reinvite("v=0"),
    wire.Reject(),
    wire.Resume("v=0", "guessed"),
]


def names(body: wire.CallMessage) -> str:
    return type(body).__name__


async def taken_up(town: Town, alice: FakeLink, call: Call) -> FakeLink:
    """Another socket of the same client with the call, by the token that `alice` has."""
    again = town.link(alice.identity)
    town.say(again, call.sid, wire.Resume(client_offer(), token_of(alice)))
    await trio.sleep(1.0)
    assert call.status() is CallStatus.OPEN
    return again


# --- ownership --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", ["alice", "mallory"])
@pytest.mark.parametrize("body", MESSAGES, ids=names)
async def test_no_message_is_taken_from_a_socket_without_the_call(
    identity: str, body: wire.CallMessage, autojump_clock: MockClock
) -> None:
    """Nor does its sender learn anything of the call."""
    async with open_town(answering) as town:
        alice = town.link("alice")
        call = await town.opened(alice)
        before, said = call.core.state, len(alice.posted)
        other = town.link(identity)
        town.say(other, call.sid, body)
        await settle()
        assert call.core.state == before
        assert len(alice.posted) == said
        assert [kind for kind, _ in town.refusals()] == [type(body).__name__]
        told = [31209] if isinstance(body, wire.Resume) else []
        assert codes(other) == told
        assert len(other.posted) == len(told)


@pytest.mark.parametrize("body", MESSAGES, ids=names)
async def test_no_message_is_taken_from_a_stranger_while_a_client_rings(
    body: wire.CallMessage, autojump_clock: MockClock
) -> None:
    async with open_town(waiting) as town:
        bob, mallory = town.registered("bob"), town.registered("mallory")
        call = town.gateway.dial("client:bob", caller="client:alice")
        await settle()
        before = call.core.state
        town.say(mallory, call.sid, body)
        await settle()
        assert (call.core.state, len(town.refusals())) == (before, 1)
        assert (call.status(), bob.of(wire.Cancel)) == (CallStatus.RINGING, [])


@pytest.mark.parametrize("body", MESSAGES, ids=names)
async def test_no_message_is_taken_from_a_stranger_while_a_call_has_no_socket(
    body: wire.CallMessage, autojump_clock: MockClock
) -> None:
    async with open_town(answering) as town:
        alice = town.link("alice")
        call = await town.opened(alice)
        town.close(alice)
        await trio.sleep(1.0)
        before = call.core.state
        town.say(town.link("mallory"), call.sid, body)
        await settle()
        assert (call.core.state, len(town.refusals())) == (before, 1)


# --- reconnect and connect tokens ---------------------------------------------------------------------------


async def test_a_token_of_one_call_takes_up_no_other(autojump_clock: MockClock) -> None:
    """Both calls are of the same client."""
    async with open_town(answering) as town:
        first, second = town.link("alice"), town.link("alice")
        await town.invited(first, temp_sid="TJS1")
        other = await town.invited(second, temp_sid="TJS2")
        thief = town.link("alice")
        town.say(thief, other.sid, wire.Resume(client_offer(), token_of(first)))
        await settle()
        assert codes(thief) == [31209]
        assert not town.gateway.has_calls(thief)


async def test_a_token_is_good_for_one_socket(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice = town.link("alice")
        call = await town.opened(alice)
        again = await taken_up(town, alice, call)
        thief = town.link("alice")
        town.say(thief, call.sid, wire.Resume(client_offer(), token_of(alice)))
        await settle()
        assert codes(thief) == [31209]
        assert [bool(town.gateway.has_calls(link)) for link in (again, thief)] == [True, False]


@pytest.mark.parametrize("identity", ["bob", "mallory"])
async def test_a_connect_token_is_spent_by_whoever_of_its_client_is_first(
    identity: str, autojump_clock: MockClock
) -> None:
    async with open_town(waiting) as town:
        desk = town.registered("bob")
        call = town.gateway.dial("client:bob", caller="client:alice")
        await settle()
        mobile, late = town.link("bob"), town.link(identity)
        stolen = token_of(desk)
        if identity == "mallory":
            town.say(late, call.sid, wire.Resume(client_offer(), stolen))
            await settle()
            assert (codes(late), call.status()) == ([31209], CallStatus.RINGING)
        town.say(mobile, call.sid, wire.Resume(client_offer(), stolen))
        await trio.sleep(1.0)
        assert (call.status(), len(desk.of(wire.Cancel))) == (CallStatus.OPEN, 1)
        town.say(late, call.sid, wire.Resume(client_offer(), stolen))
        await settle()
        assert codes(late)[-1] == 31209
        assert [bool(town.gateway.has_calls(link)) for link in (mobile, late)] == [True, False]


# --- grants -----------------------------------------------------------------------------------------------


async def test_grants_count_as_they_are_now(autojump_clock: MockClock) -> None:
    """A client may refresh its token with one that allows less."""
    async with open_town(answering) as town:
        alice = town.registered("alice")
        alice.may_receive, alice.application = False, None
        with pytest.raises(ClientErrors.TemporarilyUnavailable):
            town.gateway.dial("client:alice", caller="x")
        town.say(alice, "TJS1", wire.Invite(client_offer()))
        assert codes(alice) == [31201]
        assert town.is_clean()
