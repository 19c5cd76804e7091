"""A call's actor and its parts: commands, crashes of each, endings."""

import pytest
import trio
from trio.testing import MockClock

from actors import events
from actors.call import Call, CallStatus, Message
from actors.call.call import FEEDBACK_ISSUES
from actors.call.calls import LiveCall
from actors.call.core import MAX_WAITING
from actors.call.state import MAX_UNACKNOWLEDGED, Direction, Part, Received, Role
from actors.errors import AuthorizationErrors, InvalidArgumentError, InvalidStateError, TwilioError
from actors.media.engine_messages import CloseLeg, PathLost, PathUp
from actors.signaling import messages as wire
from supervisor import Crash, MailboxFull
from tests.fakes.exchange import Bench, FakeOutlet, open_bench, settle

pytestmark = pytest.mark.actor

CLIENT, GATEWAY = Role.CLIENT, Role.GATEWAY
INCOMING, OUTGOING = Direction.INCOMING, Direction.OUTGOING
BOOM = RuntimeError("boom")
FLOOD = wire.UserMessage("x", "type", "KX1")


def emitted(call: Call) -> list[str]:
    """The names of all that listeners hear from now on."""
    heard: list[str] = []
    for name in ("accept", "disconnect", "cancel", "reject", "error", "reconnecting", "reconnected", "mute"):
        call.on(name, lambda *_, name=name: heard.append(name))
    return heard


async def crash(bench: Bench, live: LiveCall, part: str = "") -> None:
    """Kill a part of the call, or the call's own actor, and wait until it is back."""
    bench.faults.crash(f"call {live.call.core.id}{part}", BOOM)
    await trio.sleep(1.0)


async def exhaust(bench: Bench, live: LiveCall, part: str = "") -> None:
    path = f"call {live.call.core.id}{part}"
    for _ in range(100):
        if path not in bench.faults.paths() or live.call.status() is CallStatus.CLOSED:
            return
        bench.faults.crash(path, BOOM)
        await trio.sleep(0.2)
    raise AssertionError(f"{path} is restarted for ever")


# --- commands take effect before they return ------------------------------------------------------------


async def test_commands_take_effect_before_they_return(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = bench.call(GATEWAY, INCOMING, FakeOutlet())
        heard = emitted(live.call)
        assert live.call.status() is CallStatus.PENDING
        live.call.accept()
        assert live.call.status() is CallStatus.CONNECTING
        live.call.mute()
        assert live.call.is_muted()
        live.call.disconnect()
        assert live.call.status() is CallStatus.CLOSED
        assert heard == ["mute", "disconnect"]


@pytest.mark.parametrize(("role", "direction"), [(r, d) for r in Role for d in Direction])
async def test_a_call_comes_up_and_its_end_leaves_nothing(
    role: Role, direction: Direction, autojump_clock: MockClock
) -> None:
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet, role, direction)
        assert live.call.get_remote_stream() is not None
        assert live.call.negotiated_codec == "pcmu"
        live.call.disconnect()
        with trio.fail_after(1):
            await bench.calls.gone()
        assert outlet.of(wire.Hangup) == [wire.Hangup()]
        assert bench.engine.open == bench.engine.attached == set()
        assert len(bench.calls) == 0
        assert bench.faults.paths() == ()


async def test_digits_and_messages_need_a_call_that_can_carry_them(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = bench.call(CLIENT, OUTGOING, FakeOutlet())
        with pytest.raises(InvalidStateError):
            live.call.send_digits("1")
        with pytest.raises(InvalidStateError):
            live.call.send_message(Message("x", "type"))
        for wrong in ("", "a", "1 2"):
            with pytest.raises(InvalidArgumentError):
                live.call.send_digits(wrong)


async def test_a_message_goes_out_under_the_id_that_was_returned(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet, CLIENT, OUTGOING)
        sent: list[Message] = []
        live.call.on("messageSent", sent.append)
        sid = live.call.send_message(Message({"a": 1}, "type"))
        live.call.core.receive(Received(wire.Ack(sid), live.call.sid))
        await settle()
        assert outlet.of(wire.UserMessage) == [wire.UserMessage({"a": 1}, "type", sid)]
        assert [message.voice_event_sid for message in sent] == [sid]


async def test_a_refused_message_is_told_with_the_codes_for_messages(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet(), CLIENT, OUTGOING)
        errors: list[TwilioError] = []
        live.call.on("error", errors.append)
        for code in (31210, 39999):
            sid = live.call.send_message(Message("x", "type"))
            live.call.core.receive(Received(wire.Refusal(sid, wire.WireError(code, "no")), live.call.sid))
        await settle()
        assert [error.code for error in errors] == [31210, 31000]
        assert live.call.status() is CallStatus.OPEN


async def test_messages_that_nobody_takes_are_refused_to_their_sender_beyond_a_limit(
    autojump_clock: MockClock,
) -> None:
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet, CLIENT, OUTGOING)
        sids = [live.call.send_message(Message(n, "type")) for n in range(MAX_UNACKNOWLEDGED)]
        with pytest.raises(AuthorizationErrors.RateExceededError) as caught:
            live.call.send_message(Message("one too many", "type"))
        assert caught.value.code == 31206
        await settle()
        assert len(outlet.of(wire.UserMessage)) == MAX_UNACKNOWLEDGED
        live.call.core.receive(Received(wire.Ack(sids[0]), live.call.sid))
        await settle()
        live.call.send_message(Message("another", "type"))


@pytest.mark.parametrize(
    "message",
    [
        Message(None, "type"),
        Message("x", 5),  # type: ignore[arg-type]
        Message("x", ""),
    ],
)
async def test_what_is_no_message_is_told_before_what_the_call_cannot_do(
    message: Message, autojump_clock: MockClock
) -> None:
    async with open_bench() as bench:
        with pytest.raises(InvalidArgumentError):
            bench.call(CLIENT, OUTGOING, FakeOutlet()).call.send_message(message)


@pytest.mark.parametrize("score", [None, *range(1, 6)])
async def test_feedback_may_have_any_score_and_issue(score: int | None, autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = bench.call(GATEWAY, INCOMING, FakeOutlet())
        issues = [None, *sorted(FEEDBACK_ISSUES)]
        for issue in issues:
            await live.call.post_feedback(score, issue)
        assert bench.of(live, events.FeedbackGiven) == [events.FeedbackGiven(score, i) for i in issues]
        assert len(FEEDBACK_ISSUES) == 6


async def test_feedback_is_checked_and_may_follow_the_end(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = bench.call(GATEWAY, INCOMING, FakeOutlet())
        live.call.disconnect()
        await live.call.post_feedback(5, "echo")
        for score, issue in ((0, None), (6, None), (3, "too loud")):
            with pytest.raises(InvalidArgumentError):
                await live.call.post_feedback(score, issue)
        assert bench.of(live, events.FeedbackGiven) == [events.FeedbackGiven(5, "echo")]


# --- crashes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "direction"), [(GATEWAY, INCOMING), (GATEWAY, OUTGOING)])
@pytest.mark.parametrize("part", [Part.MEDIA, Part.SIGNALING])
async def test_a_crashed_part_is_told_once_and_comes_back(
    role: Role, direction: Direction, part: Part, autojump_clock: MockClock
) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet(), role, direction)
        other = await bench.opened(FakeOutlet())
        await crash(bench, live, f"/{part}")
        assert bench.outages(live) == [part, "reconnected"]
        assert live.call.status() is CallStatus.OPEN
        assert bench.outages(other) == [], "one call's crash is no other's"


async def test_a_crashed_signaling_of_a_client_resumes_with_the_token(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet, CLIENT, OUTGOING)
        await crash(bench, live, "/signaling")
        [resume] = outlet.of(wire.Resume)
        assert resume == wire.Resume(outlet.of(wire.Invite)[0].sdp, "token")  # type: ignore[union-attr]
        live.call.core.receive(Received(wire.Answer(None, "newer"), live.call.sid))
        await settle()
        assert bench.outages(live) == ["signaling", "reconnected"]


async def test_crashed_insights_are_not_noticed(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        await crash(bench, live, "/insights")
        bench.engine.count(live.call.leg, 1)
        await settle()
        assert bench.outages(live) == []
        assert len(bench.of(live, events.Sampled)) == 1


async def test_a_call_lives_on_without_insights_for_as_long_as_it_likes(autojump_clock: MockClock) -> None:
    """Nobody reads the counters any more: they must not pile up and crash the call."""
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        await exhaust(bench, live, "/insights")
        for second in range(200):
            bench.engine.count(live.call.leg, second)
            await trio.sleep(1.0)
        assert bench.outages(live) == []
        live.call.disconnect()
        await bench.calls.gone()
        assert bench.of(live, events.Disconnected)


async def test_a_lost_media_path_is_told_and_so_is_its_return(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        bench.engine.tell(PathLost(live.call.leg, 2.0))
        await trio.sleep(5.0)
        assert live.call.status() is CallStatus.RECONNECTING
        bench.engine.tell(PathUp(live.call.leg))
        await settle()
        assert bench.outages(live) == ["media", "reconnected"]
        [reconnected] = bench.of(live, events.Reconnected)
        assert reconnected == events.Reconnected(outage=5.0)


async def test_a_crashed_call_actor_goes_on_from_its_state_and_its_mailbox_survives(
    autojump_clock: MockClock,
) -> None:
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet)
        live.call.mute()
        await settle()
        bench.faults.arm("call", Crash(BOOM))
        sid = live.call.send_message(Message("x", "type"))
        live.call.core.receive(Received(FLOOD, live.call.sid))
        await trio.sleep(1.0)
        assert [body.voice_event_sid for body in outlet.of(wire.UserMessage)] == [sid]  # type: ignore[union-attr]
        assert len(bench.of(live, events.MessageReceived)) == 1
        assert bench.outages(live) == ["call", "reconnected"]
        assert (live.call.status(), live.call.is_muted()) == (CallStatus.OPEN, True)


async def test_a_message_that_crashes_the_actor_is_not_replayed_and_its_effects_are_not_lost(
    autojump_clock: MockClock,
) -> None:
    """What crashes it is a listener of the application; the acknowledgement goes out all the same."""

    def fail(_: Message) -> None:
        raise BOOM

    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet)
        live.call.on("messageReceived", fail)
        live.call.core.receive(Received(FLOOD, live.call.sid))
        await trio.sleep(1.0)
        assert len(bench.of(live, events.MessageReceived)) == 1
        assert outlet.of(wire.Ack) == [wire.Ack("KX1")]
        assert bench.outages(live) == ["call", "reconnected"]


async def test_the_cause_of_an_outage_is_the_record_of_the_crash(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        await crash(bench, live, "/media")
        by_id = {record.id: record for record in bench.records}
        for kind in (events.Reconnecting, events.Reconnected):
            [record] = [r for r in bench.records if isinstance(r.event, kind)]
            assert record.caused_by is not None
            assert isinstance(by_id[record.caused_by].event, events.ActorDown)


# --- listeners -------------------------------------------------------------------------------------------


async def test_a_listener_that_raises_hides_no_later_event_and_no_effect(autojump_clock: MockClock) -> None:
    def fail(_: object) -> None:
        raise BOOM

    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        live.call.on("error", fail)
        heard = emitted(live.call)
        live.call.core.receive(Received(wire.Hangup(wire.WireError(31000, "x")), live.call.sid))
        with trio.fail_after(10):
            await live.call.ended()
            await bench.calls.gone()
        assert heard == ["disconnect"]
        assert CloseLeg(live.call.leg) in bench.engine.commands


async def test_a_listener_that_raises_in_a_command_raises_to_the_caller_after_the_effect(
    autojump_clock: MockClock,
) -> None:
    def fail(*_: object) -> None:
        raise BOOM

    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet)
        live.call.on("disconnect", fail)
        with pytest.raises(RuntimeError, match="boom"):
            live.call.disconnect()
        await bench.calls.gone()
        assert outlet.of(wire.Hangup)


async def test_a_listener_may_hang_up(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = bench.call(GATEWAY, INCOMING, FakeOutlet())
        live.call.on("accept", lambda call: call.disconnect())
        heard = emitted(live.call)
        live.call.accept()
        with trio.fail_after(5):
            await bench.calls.gone()
        assert sorted(heard) == ["accept", "disconnect"]


# --- floods ----------------------------------------------------------------------------------------------


async def test_a_peer_that_floods_a_call_ends_it_and_no_other(autojump_clock: MockClock) -> None:
    """Also the hang-up has no room in the mailbox, and must get out all the same."""
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live, other = await bench.opened(outlet), await bench.opened(FakeOutlet())
        for _ in range(MAX_WAITING + 1):
            live.call.core.receive(Received(FLOOD, live.call.sid))
        assert live.call.status() is CallStatus.CLOSED
        with trio.fail_after(5):
            await bench.gone(live)
        [hangup] = outlet.of(wire.Hangup)
        assert hangup == wire.Hangup(wire.WireError(31206, "the call is flooded with messages"))
        assert other.call.status() is CallStatus.OPEN


async def test_a_command_without_room_has_no_effect_and_hanging_up_always_has(
    autojump_clock: MockClock,
) -> None:
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet)
        for _ in range(MAX_WAITING):
            live.call.core.receive(Received(FLOOD, live.call.sid))
        with pytest.raises(MailboxFull):
            live.call.mute()
        assert not live.call.is_muted()
        live.call.disconnect()
        with trio.fail_after(5):
            await bench.calls.gone()
        assert outlet.of(wire.Hangup) == [wire.Hangup()]


# --- a part that cannot be repaired ------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["", "/media", "/signaling"])
async def test_a_part_that_crashes_too_often_ends_the_call_and_the_peer_is_told(
    part: str, autojump_clock: MockClock
) -> None:
    async with open_bench() as bench:
        outlet, name = FakeOutlet(), part.removeprefix("/") or "call"
        live, other = await bench.opened(outlet), await bench.opened(FakeOutlet())
        await exhaust(bench, live, part)
        with trio.fail_after(10):
            await live.call.ended()
            await bench.gone(live)
        [hangup] = outlet.of(wire.Hangup)
        assert f"{name} was restarted too often: RuntimeError: boom" in hangup.error.message  # type: ignore[union-attr]
        assert CloseLeg(live.call.leg) in bench.engine.commands
        own = [r.event for r in bench.records if r.source == live.call.core.id and r.actor == "call"]
        assert isinstance(
            [e for e in own if not isinstance(e, events.ActorExhausted)][-1], events.Disconnected
        )
        assert other.call.status() is CallStatus.OPEN


async def test_a_call_whose_actor_cannot_even_say_good_bye_is_ended_without_it(
    autojump_clock: MockClock,
) -> None:
    """Whoever waits for its end must not wait for ever, and the peer must not either."""
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet)
        bench.faults.arm("call", Crash(BOOM), times=1000)
        live.call.mute()
        with trio.fail_after(60):
            await live.call.ended()
            await bench.calls.gone()
        assert len(outlet.of(wire.Hangup)) == 1
        assert isinstance(bench.of(live, events.Failed, events.Disconnected)[-1], events.Disconnected)
        assert bench.engine.open == set()


async def test_a_hangup_that_no_incarnation_could_hand_out_still_reaches_the_peer(
    autojump_clock: MockClock,
) -> None:
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = await bench.opened(outlet)
        bench.faults.arm("call", Crash(BOOM), times=1000)
        live.call.disconnect()
        with trio.fail_after(60):
            await bench.calls.gone()
        assert outlet.of(wire.Hangup) == [wire.Hangup()]


# --- signaling -------------------------------------------------------------------------------------------


async def test_a_socket_that_is_gone_before_the_actor_runs_is_noticed(autojump_clock: MockClock) -> None:
    """A client may send its invite and break off; nothing would ever end that call."""
    async with open_bench() as bench:
        live = bench.call(GATEWAY, INCOMING, FakeOutlet(is_open=False))
        with trio.fail_after(5):
            await live.call.ended()
        assert bench.of(live, events.Cancelled) == [events.Cancelled("remote")]


async def test_a_lost_socket_costs_one_restart_however_often_it_is_told(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        for _ in range(100):
            live.bind(())
            await trio.sleep(0.3)
        assert bench.outages(live) == ["signaling"]
        live.bind((FakeOutlet(),))
        await trio.sleep(1.0)
        assert bench.outages(live) == ["signaling", "reconnected"]


async def test_what_can_be_sent_to_nobody_is_handed_back(autojump_clock: MockClock) -> None:
    """A device keeps it for its next socket."""
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet(), CLIENT, OUTGOING)
        live.bind(())
        await trio.sleep(1.0)
        live.call.disconnect()
        await bench.calls.gone()
        assert bench.adjourned == [wire.Envelope(live.call.sid, wire.Hangup())]


async def test_a_client_is_hung_up_on_under_the_id_that_it_knows(autojump_clock: MockClock) -> None:
    """Before `ringing` or `answer` it has not heard of the CallSid, and would not recognise it."""
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = bench.call(GATEWAY, INCOMING, outlet)
        live.call.reject(31404, "no such number")
        await bench.calls.gone()
        assert [envelope.call_sid for envelope in outlet.posted] == [live.call.outbound_connection_id]


# --- following a call ------------------------------------------------------------------------------------


async def test_events_end_after_the_last_one(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        following = live.call.events()
        live.call.mute()
        live.call.core.receive(Received(wire.Hangup(wire.WireError(31000, "x")), live.call.sid))
        with trio.fail_after(5):
            seen = [type(record.event).__name__ async for record in following]
            assert seen == ["Muted", "Failed", "Disconnected"]
            assert [record async for record in following] == []
            assert [record async for record in live.call.events()] == []


async def test_who_stops_following_costs_nothing(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        with live.call.events() as following:
            live.call.mute()
            async for record in following:
                assert isinstance(record.event, events.Muted)
                break
        assert live.call._records.statistics().subscribers == ()


async def test_a_slow_follower_misses_the_oldest_and_gets_the_last(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        following = live.call.events()
        for muted in range(300):
            live.call.mute(muted % 2 == 0)
            await settle()
        live.call.disconnect()
        with trio.fail_after(5):
            seen = [record async for record in following]
        assert len(seen) == 256
        assert isinstance(seen[-1].event, events.Disconnected)


async def test_answered_and_ended_return_when_it_is_so_and_at_once_when_it_was(
    autojump_clock: MockClock,
) -> None:
    async with open_bench() as bench:
        outlet = FakeOutlet()
        live = bench.call(GATEWAY, OUTGOING, outlet)
        live.call.accept()
        with trio.move_on_after(1) as waited:
            await live.call.answered()
        assert waited.cancelled_caught
        live.call.core.receive(Received(wire.Reject(), live.call.sid))
        with trio.fail_after(5):
            with pytest.raises(InvalidStateError):
                await live.call.answered()
            await live.call.ended()
        assert live.call.failure == (31603, "declined")
