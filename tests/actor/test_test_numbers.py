"""The default application: what each test number does, on virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors import events
from actors.apps.default import open_test_numbers
from actors.apps.endings import PATIENCE_SECONDS
from actors.call import Call, CallStatus
from actors.call.state import Timing
from actors.gateway.admission import MAX_PARAMETER_BYTES, CallLimits
from actors.media.engine_messages import Feed, InsertDigits, LegDigit
from actors.media.messages import FromLeg, Tone
from actors.signaling import messages as wire
from actors.signaling.params import decode_params_untrusted
from tests.fakes.exchange import client_offer, settle
from tests.fakes.sockets import FakeLink
from tests.fakes.town import Town, codes, open_town

pytestmark = pytest.mark.actor

USER_DEFINED = "user-defined-message"


@asynccontextmanager
async def numbers(sounds: Path, **options: object) -> AsyncIterator[Town]:
    async with open_town(open_test_numbers(sounds), **options) as town:
        yield town


def fed(town: Town, call: Call) -> list[object]:
    """What the call's leg was told to send, in order."""
    return [c.source for c in town.bench.engine.commands if isinstance(c, Feed) and c.leg == call.leg]


def said(link: FakeLink) -> list[tuple[str, object]]:
    bodies = link.of(wire.UserMessage)
    return [(body.message_type, body.content) for body in bodies if isinstance(body, wire.UserMessage)]


def kinds(link: FakeLink) -> list[str]:
    return [type(m.body).__name__ for m in link.posted if isinstance(m, wire.Envelope)]


def user_message(content: object, *, sid: str = "KX1", kind: str = USER_DEFINED) -> wire.UserMessage:
    return wire.UserMessage(content, kind, sid)


@pytest.mark.parametrize("to", ["", "echo"])
async def test_a_call_to_nobody_hears_itself(to: str, tmp_path: Path, autojump_clock: MockClock) -> None:
    async with numbers(tmp_path) as town:
        call = await town.dialled(town.link(), to)
        assert call.status() is CallStatus.OPEN
        assert fed(town, call) == [FromLeg(call.leg)]


@pytest.mark.parametrize(
    "to", ["nobody", "tone:1", "tone:x", "play:none.wav", "hangup:x", "reject:12", "stir:A"]
)
async def test_what_is_no_number_is_not_found(to: str, tmp_path: Path, autojump_clock: MockClock) -> None:
    async with numbers(tmp_path) as town:
        alice = town.link()
        call = await town.dialled(alice, to)
        assert codes(alice) == [31404]
        assert call.status() is CallStatus.CLOSED
        assert town.is_clean()


# --- early media ------------------------------------------------------------------------------------------


async def test_early_plays_a_tone_while_it_rings_and_then_echoes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with numbers(tmp_path) as town:
        alice = town.link()
        call = await town.dialled(alice, "early")
        [ringing] = alice.of(wire.Ringing)
        assert ringing.sdp  # type: ignore[union-attr]
        assert fed(town, call) == [Tone(440.0)]
        assert call.status() is CallStatus.PENDING
        at = trio.current_time()
        await call.answered()
        assert trio.current_time() - at == pytest.approx(2.5)
        await settle()
        assert fed(town, call) == [Tone(440.0), FromLeg(call.leg)]
        assert kinds(alice) == ["Ringing", "Answer"]


async def test_a_caller_who_leaves_during_early_media_leaves_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with numbers(tmp_path) as town:
        alice = town.link()
        call = await town.dialled(alice, "early")
        town.say(alice, call.sid, wire.Hangup())
        await settle()
        assert town.is_clean()


# --- digits and messages ----------------------------------------------------------------------------------


async def test_every_digit_is_told_as_a_message(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with numbers(tmp_path) as town:
        alice = town.link()
        call = await town.dialled(alice, "digits")
        for digit, duration in (("5", 160), ("#", 240)):
            town.bench.engine.tell(LegDigit(call.leg, digit, duration))
        await settle()
        assert said(alice) == [
            (USER_DEFINED, {"digit": "5", "durationMs": 160}),
            (USER_DEFINED, {"digit": "#", "durationMs": 240}),
        ]


async def test_a_message_is_acknowledged_and_sent_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with numbers(tmp_path) as town:
        alice = town.link()
        call = await town.dialled(alice, "message")
        town.say(alice, call.sid, user_message({"a": [1]}, sid="KX7", kind="greeting"))
        await settle()
        assert alice.of(wire.Ack) == [wire.Ack("KX7")]
        assert said(alice) == [("greeting", {"echo": {"a": [1]}})]
        call.disconnect()
        await settle()
        assert town.is_clean()


# --- endings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("to", "code"), [("hangup:31486", 31486), ("hangup", None)])
async def test_hangup_ends_an_answered_call_after_a_second(
    to: str, code: int | None, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with numbers(tmp_path) as town:
        alice = town.link()
        call = await town.dialled(alice, to)
        assert call.status() is CallStatus.OPEN
        at = trio.current_time()
        await call.ended()
        assert trio.current_time() - at == pytest.approx(PATIENCE_SECONDS)
        await settle()
        assert (kinds(alice), codes(alice)) == (["Answer", "Hangup"], [code])
        assert town.is_clean()


@pytest.mark.parametrize(("to", "code"), [("reject:31486", 31486), ("reject", 31603)])
async def test_reject_rings_and_never_answers(
    to: str, code: int, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with numbers(tmp_path) as town:
        alice = town.link()
        call = await town.dialled(alice, to)
        await call.ended()
        await settle()
        assert (kinds(alice), codes(alice)) == (["Ringing", "Hangup"], [code])
        assert town.is_clean()


# --- between clients --------------------------------------------------------------------------------------


async def connected(town: Town, to: str = "client:bob") -> tuple[FakeLink, Call, FakeLink, str]:
    alice, bob = town.link("alice"), town.registered("bob")
    call = await town.dialled(alice, to)
    callee_sid = town.accept(bob)
    await settle()
    return alice, call, bob, callee_sid


async def test_stir_tells_the_callee_how_far_the_caller_is_verified(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with numbers(tmp_path) as town:
        alice, call, bob, callee_sid = await connected(town, "stir:TN-Validation-Passed-A:client:bob")
        [offer] = bob.of(wire.Offer)
        assert offer.parameters["StirStatus"] == "TN-Validation-Passed-A"  # type: ignore[union-attr]
        callee = town.gateway.find(callee_sid)
        assert callee is not None
        assert callee.caller_info is not None
        assert callee.caller_info.is_verified
        assert call.caller_info is None
        assert call.status() is CallStatus.OPEN
        assert kinds(alice) == ["Ringing", "Answer"]


async def test_messages_pass_between_two_clients_both_ways(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Each sender is acknowledged, under its own id; what arrives goes under the receiver's."""
    async with numbers(tmp_path) as town:
        alice, call, bob, callee_sid = await connected(town)
        town.say(alice, call.sid, user_message("from alice", sid="KXa"))
        town.say(bob, callee_sid, user_message({"from": "bob"}, sid="KXb"))
        await settle()
        assert said(bob) == [(USER_DEFINED, "from alice")]
        assert said(alice) == [(USER_DEFINED, {"from": "bob"})]
        assert (alice.of(wire.Ack), bob.of(wire.Ack)) == ([wire.Ack("KXa")], [wire.Ack("KXb")])
        sids = [m.call_sid for m in bob.posted if isinstance(m, wire.Envelope)]
        assert set(sids) == {callee_sid}


async def test_digits_pass_to_the_other_client_unless_they_are_in_the_audio(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Those in the audio go the way of the audio: they must not be heard twice."""
    async with numbers(tmp_path) as town:
        alice, call, bob, callee_sid = await connected(town)
        callee = town.gateway.find(callee_sid)
        assert callee is not None
        town.say(alice, call.sid, wire.Digits("1w#"))
        town.bench.engine.tell(LegDigit(call.leg, "5", 160))
        town.say(bob, callee_sid, wire.Digits("7"))
        await settle()
        sent = [(c.leg, c.digits) for c in town.bench.engine.commands if isinstance(c, InsertDigits)]
        assert [digits for leg, digits in sent if leg == callee.leg] == ["1", "#"]
        assert [digits for leg, digits in sent if leg == call.leg] == ["7"]


async def test_the_callee_gets_the_callers_parameters_that_it_could_read(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with numbers(tmp_path) as town:
        alice, bob = town.link("alice"), town.registered("bob")
        given = {"To": "client:bob", "a key": "ü+&=", "b&c": "1", "d=e": "2", "empty": ""}
        town.say(alice, "TJS1", wire.Invite(client_offer(), given))
        await settle()
        [offer] = bob.of(wire.Offer)
        assert isinstance(offer, wire.Offer)
        assert decode_params_untrusted(offer.parameters["Params"]) == {"a key": "ü+&=", "empty": ""}


async def test_a_caller_with_too_long_parameters_is_told(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with numbers(tmp_path) as town:
        alice = town.link("alice")
        town.say(alice, "TJS1", wire.Invite(client_offer(), {"a": "x" * MAX_PARAMETER_BYTES}))
        await settle()
        assert codes(alice) == [31103]
        assert town.is_clean()


async def test_messages_before_the_answer_reach_the_callee_after_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with numbers(tmp_path) as town:
        alice, bob = town.link("alice"), town.registered("bob")
        call = await town.dialled(alice, "client:bob")
        for content in ("first", "second"):
            town.say(alice, call.sid, user_message(content))
        await settle()
        assert said(bob) == []
        town.accept(bob)
        await settle()
        assert [content for _, content in said(bob)] == ["first", "second"]


@pytest.mark.parametrize(
    ("fate", "code"), [("absent", 31480), ("busy", 31486), ("declines", 31603), ("does not answer", 31480)]
)
async def test_a_caller_is_told_why_nobody_answers(
    fate: str, code: int, tmp_path: Path, autojump_clock: MockClock
) -> None:
    limits = CallLimits(max_calls_per_identity=1)
    async with numbers(tmp_path, limits=limits, timing=Timing(ring=9.0)) as town:
        alice, bob = town.link("alice"), town.link("bob")
        if fate != "absent":
            town.gateway.registered(bob)
        if fate == "busy":
            await town.dialled(bob, "echo")
        call = await town.dialled(alice, "client:bob")
        if fate == "declines":
            [envelope] = [m for m in bob.posted if isinstance(m, wire.Envelope)]
            town.say(bob, envelope.call_sid, wire.Reject())
        await trio.sleep(10.0)
        assert codes(alice) == [code]
        assert call.status() is CallStatus.CLOSED
        assert bob.of(wire.Cancel) or fate in {"absent", "busy"}


async def test_either_client_ends_both_calls(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with numbers(tmp_path) as town:
        alice, call, bob, callee_sid = await connected(town)
        town.say(bob, callee_sid, wire.Hangup())
        await settle()
        assert call.status() is CallStatus.CLOSED
        assert codes(alice) == [None]
        assert town.is_clean()
        assert not [e for e in town.records if isinstance(e, events.MessageRefused)]
