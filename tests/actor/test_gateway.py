"""The gateway: whose message counts, who is rung, what runs a call, and what stays behind (nothing)."""

import pytest
import trio
from trio.testing import MockClock

from actors import events
from actors.call import Call, CallStatus
from actors.errors import ClientErrors, InvalidArgumentError
from actors.gateway.admission import CallLimits
from actors.gateway.gateway import APPLICATION_GRACE
from actors.signaling import messages as wire
from tests.fakes.exchange import answer_to, client_offer, settle
from tests.fakes.town import Town, answering, codes, open_town, token_of, waiting

pytestmark = pytest.mark.actor


# --- calls that clients place -----------------------------------------------------------------------------


async def test_an_invite_runs_the_application_with_what_the_client_said(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice = town.link("alice")
        call = await town.invited(alice, to="room")
        assert call.custom_parameters == {"To": "room"}
        assert call.parameters == {
            "CallSid": call.sid,
            "AccountSid": "AC1",
            "From": "client:alice",
            "To": "room",
            "ApiVersion": "2010-04-01",
        }
        assert [type(m.body) for m in alice.posted] == [wire.Answer]  # type: ignore[union-attr]
        assert alice.posted[0].call_sid == call.sid  # type: ignore[union-attr]
        assert town.gateway.find(call.sid) is call
        assert town.gateway.has_calls(alice) is True


@pytest.mark.parametrize("sid", ["its CallSid", "its temporary id"])
async def test_a_caller_may_use_either_id_to_hang_up_and_nothing_stays_behind(
    sid: str, autojump_clock: MockClock
) -> None:
    async with open_town(answering) as town:
        alice = town.link()
        call = await town.opened(alice)
        town.say(alice, call.sid if sid == "its CallSid" else "TJS1", wire.Hangup())
        await settle()
        assert call.status() is CallStatus.CLOSED
        assert town.is_clean()
        assert not town.gateway.has_calls(alice)


async def test_an_invite_sent_twice_is_one_call(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice = town.link()
        await town.opened(alice)
        town.say(alice, "TJS1", wire.Invite(client_offer()))
        assert len(town.gateway.live_calls) == 1


async def test_temporary_ids_of_two_clients_may_be_the_same(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice, bob = town.link("alice"), town.link("bob")
        first, second = await town.opened(alice), await town.opened(bob)
        town.say(bob, "TJS1", wire.Hangup())
        await settle()
        assert (first.status(), second.status()) == (CallStatus.OPEN, CallStatus.CLOSED)


async def test_a_token_without_outgoing_grant_places_no_call(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice = town.link(application=None)
        town.say(alice, "TJS1", wire.Invite(client_offer()))
        assert codes(alice) == [31201]
        assert town.is_clean()


async def test_more_calls_than_allowed_are_refused(autojump_clock: MockClock) -> None:
    async with open_town(answering, limits=CallLimits(max_calls=1)) as town:
        alice = town.link()
        call = await town.opened(alice)
        town.say(alice, "TJS2", wire.Invite(client_offer()))
        assert codes(alice) == [31206]
        call.disconnect()
        await settle()
        assert (await town.invited(alice, temp_sid="TJS3")).status() is CallStatus.OPEN


async def test_a_client_that_breaks_off_with_its_invite_leaves_no_call(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice = town.link()
        town.say(alice, "TJS1", wire.Invite(client_offer()))
        town.close(alice)
        await trio.sleep(1.0)
        assert town.is_clean()


# --- the application --------------------------------------------------------------------------------------


async def test_an_application_that_crashes_hangs_up(autojump_clock: MockClock) -> None:
    async def crashing(call: Call) -> None:
        call.accept()
        await call.answered()
        raise ValueError("application")

    async with open_town(crashing) as town:
        alice = town.link()
        await town.invited(alice)
        assert codes(alice) == [31000]
        assert town.is_clean()
        assert any("application" in str(notice) for notice in town.notices)


async def test_an_application_that_returns_hangs_up(autojump_clock: MockClock) -> None:
    async def brief(call: Call) -> None:
        call.accept()
        await call.answered()

    async with open_town(brief) as town:
        alice = town.link()
        await town.invited(alice)
        assert codes(alice) == [None]
        assert town.is_clean()


async def test_an_application_has_a_moment_left_after_its_call(autojump_clock: MockClock) -> None:
    ended: list[float] = []

    async def lingering(call: Call) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async with open_town(lingering) as town:
        alice = town.link()
        call = await town.invited(alice)
        at = trio.current_time()
        call.disconnect()
        await trio.sleep(60)
        assert ended == [pytest.approx(at + APPLICATION_GRACE)]
        assert town.is_clean()


# --- who may speak for a call -----------------------------------------------------------------------------


@pytest.mark.parametrize("identity", ["alice", "mallory"])
@pytest.mark.parametrize("body", [wire.Hangup(), wire.Digits("1"), wire.Reinvite("v=0"), wire.Answer("v=0")])
async def test_a_socket_that_is_not_the_calls_is_refused(
    identity: str, body: wire.CallMessage, autojump_clock: MockClock
) -> None:
    """Even one of the same client: as long as the call has its own."""
    async with open_town(answering) as town:
        call = await town.opened(town.link("alice"))
        before = call.core.state
        town.say(town.link(identity), call.sid, body)
        await settle()
        assert call.core.state == before
        assert town.refusals() == [(type(body).__name__, "not this socket's call")]


async def test_a_message_for_no_call_is_refused(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        for sid in ("CA0", None, ""):
            town.say(town.link(), sid, wire.Hangup())
        assert town.refusals() == [("Hangup", "no such call")] * 3


async def test_a_call_without_a_socket_may_be_hung_up_by_another_of_its_client_only(
    autojump_clock: MockClock,
) -> None:
    """The hang-up that a client queued during the outage."""
    async with open_town(answering) as town:
        alice = town.link("alice")
        call = await town.opened(alice)
        town.close(alice)
        town.say(town.link("mallory"), call.sid, wire.Hangup())
        await settle()
        assert call.status() is CallStatus.RECONNECTING
        town.say(town.link("alice"), call.sid, wire.Hangup())
        await settle()
        assert call.status() is CallStatus.CLOSED


# --- coming back ------------------------------------------------------------------------------------------


async def test_a_token_takes_a_call_up_on_another_socket(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice, again = town.link("alice"), town.link("alice")
        call = await town.opened(alice)
        town.close(alice)
        await trio.sleep(1.0)
        assert call.status() is CallStatus.RECONNECTING
        town.say(again, call.sid, wire.Resume(client_offer(), token_of(alice)))
        await trio.sleep(1.0)
        assert call.status() is CallStatus.OPEN
        assert token_of(again) != token_of(alice)
        assert town.gateway.has_calls(again) is True


@pytest.mark.parametrize("case", ["bad token", "other identity", "no call", "call is over"])
async def test_a_resume_that_is_not_good_is_hung_up_on_and_changes_nothing(
    case: str, autojump_clock: MockClock
) -> None:
    """Over: its application has a moment left, and the client that missed the hang-up must hear of it."""

    async def lingering(call: Call) -> None:
        call.accept()
        await trio.sleep_forever()

    async with open_town(lingering) as town:
        alice = town.link("alice")
        call = await town.opened(alice)
        again = town.link("mallory" if case == "other identity" else "alice")
        if case == "call is over":
            town.close(alice)
            call.disconnect()
            await settle()
        before = call.core.state
        token = "wrong" if case == "bad token" else token_of(alice)
        town.say(again, "CA0" if case == "no call" else call.sid, wire.Resume(client_offer(), token))
        await settle()
        assert codes(again) == [31209]
        assert call.core.state == before
        assert not town.gateway.has_calls(again)
        assert len(town.refusals()) == 1


async def test_a_half_open_socket_is_replaced_and_its_end_changes_nothing(autojump_clock: MockClock) -> None:
    """The client came back before the gateway noticed that it was gone."""
    async with open_town(answering) as town:
        dead, alive = town.link("alice"), town.link("alice")
        call = await town.opened(dead)
        town.say(alive, call.sid, wire.Resume(client_offer(), token_of(dead)))
        await settle()
        assert not town.gateway.has_calls(dead)
        town.close(dead)
        await trio.sleep(1.0)
        assert call.status() is CallStatus.OPEN
        assert town.bench.of(town.bench.calls.find(call.sid), events.Reconnecting) == []  # type: ignore[arg-type]
        town.say(dead, call.sid, wire.Hangup())
        await settle()
        assert call.status() is CallStatus.OPEN


async def test_a_token_that_was_sent_into_a_dead_socket_does_not_cost_the_call(
    autojump_clock: MockClock,
) -> None:
    """An ICE restart is answered with a token, too; when the cable is out that answer gets lost."""
    async with open_town(answering) as town:
        alice, again = town.link("alice"), town.link("alice")
        call = await town.opened(alice)
        known = token_of(alice)
        town.say(alice, call.sid, wire.Reinvite(client_offer()))
        await settle()
        assert len(alice.of(wire.Answer)) == 2
        town.close(alice)
        town.say(again, call.sid, wire.Resume(client_offer(), known))
        await trio.sleep(1.0)
        assert (codes(again), call.status()) == ([], CallStatus.OPEN)


async def test_a_client_that_never_comes_back_leaves_no_call(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice = town.link()
        call = await town.opened(alice)
        town.close(alice)
        await trio.sleep(36.0)
        assert call.failure == (53001, "the peer did not reconnect in time")
        assert town.is_clean()


# --- calls that the server places -------------------------------------------------------------------------


async def dialled(town: Town) -> Call:
    call = town.gateway.dial("client:bob", caller="client:alice", parameters={"room": "a b"})
    await settle()
    return call


async def test_every_registration_is_rung(autojump_clock: MockClock) -> None:
    async with open_town(waiting) as town:
        desk, mobile = town.registered("bob"), town.registered("bob")
        town.registered("carol")
        call = await dialled(town)
        assert call.status() is CallStatus.RINGING
        for link in (desk, mobile):
            [offer] = link.of(wire.Offer)
            assert isinstance(offer, wire.Offer)
            assert (offer.parameters["From"], offer.parameters["Params"]) == ("client:alice", "room=a%20b")


async def test_the_first_answer_wins_and_a_late_one_is_refused(autojump_clock: MockClock) -> None:
    async with open_town(waiting) as town:
        desk, mobile = town.registered("bob"), town.registered("bob")
        call = await dialled(town)
        [offer] = mobile.of(wire.Offer)
        answer = wire.Answer(answer_to(offer.sdp))  # type: ignore[union-attr]
        town.say(mobile, call.sid, answer)
        town.say(desk, call.sid, answer)
        await settle()
        assert call.status() is CallStatus.OPEN
        assert (len(desk.of(wire.Cancel)), len(mobile.of(wire.Cancel))) == (1, 0)
        assert town.refusals() == [("Answer", "not this socket's call")]
        town.close(desk)
        await settle()
        assert call.status() is CallStatus.OPEN
        call.disconnect()
        await settle()
        assert (len(desk.of(wire.Hangup)), len(mobile.of(wire.Hangup))) == (0, 1)
        assert town.is_clean()


@pytest.mark.parametrize("is_lost", [False, True], ids=["still_ringing", "sockets_gone"])
async def test_a_ringing_call_is_taken_up_elsewhere_with_its_token(
    is_lost: bool, autojump_clock: MockClock
) -> None:
    """The connect token of an unanswered call: a page forwards it to another, which offers by itself."""
    async with open_town(waiting) as town:
        desk, mobile = town.registered("bob"), town.registered("bob")
        call = await dialled(town)
        token = token_of(desk)
        if is_lost:
            town.close(desk)
            town.close(mobile)
            await trio.sleep(1.0)
        other, late = town.link("bob"), town.link("bob")
        for link in (other, late):
            town.say(link, call.sid, wire.Resume(client_offer(), token))
        await trio.sleep(1.0)
        assert call.status() is CallStatus.OPEN
        cancels = 0 if is_lost else 1
        assert (len(desk.of(wire.Cancel)), len(mobile.of(wire.Cancel))) == (cancels, cancels)
        [answer] = other.of(wire.Answer)
        assert answer.sdp  # type: ignore[union-attr]
        assert codes(late) == [31209]
        town.say(desk, call.sid, wire.Answer(client_offer()))
        call.disconnect()
        await settle()
        assert [len(link.of(wire.Hangup)) for link in (desk, mobile, other)] == [0, 0, 1]
        assert town.is_clean()


@pytest.mark.parametrize(("identity", "token"), [("mallory", None), ("bob", "guessed")])
async def test_a_ringing_call_is_not_for_who_has_no_right_to_it(
    identity: str, token: str | None, autojump_clock: MockClock
) -> None:
    async with open_town(waiting) as town:
        bob, other = town.registered("bob"), town.link(identity)
        call = await dialled(town)
        town.say(other, call.sid, wire.Resume(client_offer(), token or token_of(bob)))
        await settle()
        assert codes(other) == [31209]
        assert call.status() is CallStatus.RINGING
        assert not bob.of(wire.Cancel)


async def test_a_reject_stops_the_ringing_everywhere(autojump_clock: MockClock) -> None:
    async with open_town(waiting) as town:
        desk, mobile = town.registered("bob"), town.registered("bob")
        call = await dialled(town)
        town.say(desk, call.sid, wire.Reject())
        await settle()
        assert call.failure == (31603, "declined")
        assert mobile.of(wire.Cancel)
        assert town.is_clean()


async def test_only_who_is_being_rung_may_reject(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        bob, later = town.registered("bob"), town.link("bob")
        call = await dialled(town)
        town.say(later, call.sid, wire.Reject())
        [offer] = bob.of(wire.Offer)
        town.say(bob, call.sid, wire.Answer(answer_to(offer.sdp)))  # type: ignore[union-attr]
        await settle()
        town.say(bob, call.sid, wire.Reject())
        placed = await town.opened(town.link("alice"))
        town.say(town.link("alice"), placed.sid, wire.Reject())
        await settle()
        assert (call.status(), placed.status()) == (CallStatus.OPEN, CallStatus.OPEN)
        assert [kind for kind, _ in town.refusals()] == ["Reject"] * 3


async def test_a_device_that_vanishes_while_it_rings_leaves_the_others_ringing(
    autojump_clock: MockClock,
) -> None:
    async with open_town(waiting) as town:
        desk, mobile = town.registered("bob"), town.registered("bob")
        call = await dialled(town)
        town.close(desk)
        await settle()
        assert call.status() is CallStatus.RINGING
        town.close(mobile)
        await trio.sleep(1.0)
        assert call.status() is CallStatus.RECONNECTING


@pytest.mark.parametrize("may_receive", [False, None])
async def test_who_is_not_registered_or_may_not_receive_is_unavailable(
    may_receive: bool | None, autojump_clock: MockClock
) -> None:
    async with open_town(waiting) as town:
        if may_receive is not None:
            town.registered("bob", may_receive=may_receive)
        with pytest.raises(ClientErrors.TemporarilyUnavailable):
            town.gateway.dial("client:bob", caller="x")
        assert town.is_clean()


async def test_an_address_that_is_none_and_names_that_cannot_travel_are_invalid_arguments(
    autojump_clock: MockClock,
) -> None:
    async with open_town(waiting) as town:
        town.registered("bob")
        with pytest.raises(InvalidArgumentError):
            town.gateway.dial("bob", caller="x")
        with pytest.raises(InvalidArgumentError):
            town.gateway.dial("client:bob", caller="x", parameters={"a=b": "c"})
        assert town.is_clean()


async def test_ringing_ends_by_itself(autojump_clock: MockClock) -> None:
    async with open_town(waiting) as town:
        bob = town.registered("bob")
        call = await dialled(town)
        await trio.sleep(61.0)
        assert call.failure == (31480, "not answered in time")
        assert bob.of(wire.Cancel)
        assert town.is_clean()


# --- registrations ----------------------------------------------------------------------------------------


async def test_registrations_are_counted_told_and_forgotten_with_their_sockets(
    autojump_clock: MockClock,
) -> None:
    async with open_town(waiting) as town:
        links = [town.registered("bob") for _ in range(10)]
        assert town.gateway.registrations == 10
        assert [town.gateway.has_room(identity) for identity in ("bob", "alice")] == [False, True]
        for link in links:
            town.close(link)
        assert town.gateway.registrations == 0
        kinds = (events.ClientRegistered, events.ClientUnregistered)
        assert [sum(isinstance(e, kind) for e in town.records) for kind in kinds] == [10, 10]


async def test_all_calls_can_be_ended(autojump_clock: MockClock) -> None:
    async with open_town(answering) as town:
        alice, bob = town.link("alice"), town.registered("bob")
        await town.opened(alice)
        await dialled(town)
        town.gateway.hang_up_all()
        await settle()
        assert (len(alice.of(wire.Hangup)), len(bob.of(wire.Cancel))) == (1, 1)
        assert town.is_clean()
