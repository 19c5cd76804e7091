"""The call machine, row by row: commands, messages of the peer, and how calls end."""

import pytest

from actors import events
from actors.call.state import (
    Accept,
    Alert,
    CallStatus,
    Direction,
    Disconnect,
    Emit,
    Ignore,
    Input,
    Measured,
    Mute,
    Part,
    PartDown,
    PartExhausted,
    Received,
    Reject,
    Reported,
    Role,
    SendMessage,
    UseMedia,
)
from actors.media import messages as media
from actors.signaling import messages as wire
from tests.fakes.call_end import (
    CALL_SID,
    NOW,
    bodies,
    codes,
    connecting,
    do,
    forget,
    lose,
    new_end,
    opened,
    ringing,
)

pytestmark = pytest.mark.pure

CLIENT, GATEWAY = Role.CLIENT, Role.GATEWAY
INCOMING, OUTGOING = Direction.INCOMING, Direction.OUTGOING
BOTH = [(role, direction) for role in Role for direction in Direction]
BUSY = wire.WireError(31486, "busy")
MESSAGE = wire.UserMessage({"a": 1}, "user-defined-message", "KX1")


# --- how a call comes up ---------------------------------------------------------------------------


def test_an_outgoing_call_invites_when_its_offer_is_ready() -> None:
    end = new_end(CLIENT, OUTGOING)
    do(end, Accept(("opus",)))
    assert (end.state.status, end.orders, end.sent) == ("connecting", [media.CreateOffer(("opus",))], [])
    do(end, Reported(media.LocalOffer("local offer")))
    assert bodies(end) == [wire.Invite("local offer", {})]


def test_an_incoming_call_is_open_as_soon_as_it_is_answered_and_accept_precedes_the_answer() -> None:
    end = new_end(CLIENT, INCOMING, token="token")
    do(end, Accept())
    assert end.state.status is CallStatus.CONNECTING
    assert isinstance(end.orders[-1], media.AnswerOffer)
    do(end, Reported(media.LocalAnswer("answer", "pcmu")))
    assert end.names() == ["CallCreated", "Accepted"]
    assert bodies(end) == [wire.Answer("answer")]


@pytest.mark.parametrize("at_first", [None, "early"])
def test_ringing_is_told_each_time_and_only_the_first_description_counts(at_first: str | None) -> None:
    end = connecting(CLIENT)
    do(end, Received(wire.Ringing(at_first), CALL_SID), Received(wire.Ringing("late"), CALL_SID))
    assert [e.has_early_media for e in end.published if isinstance(e, events.Ringing)] == [
        at_first is not None,
        True,
    ]
    applied = [order for order in end.orders if isinstance(order, media.ApplyAnswer)]
    assert applied == [media.ApplyAnswer(at_first or "late")]
    assert end.state.call_sid == CALL_SID


@pytest.mark.parametrize("is_described_first", [True, False])
def test_a_call_opens_once_whichever_of_answer_and_description_comes_first(is_described_first: bool) -> None:
    answer, applied = Received(wire.Answer(None, "token"), CALL_SID), Reported(media.Applied("opus"))
    end = connecting(CLIENT)
    do(end, Received(wire.Ringing("early"), CALL_SID))
    do(end, *((applied, answer) if is_described_first else (answer, applied)))
    assert end.state.status is CallStatus.OPEN
    assert [e.codec for e in end.published if isinstance(e, events.Accepted)] == ["opus"]
    do(end, answer)
    assert end.names().count("Accepted") == 1


def test_every_answer_renews_the_token_and_one_without_leaves_it() -> None:
    end = opened(CLIENT, OUTGOING)
    do(end, Received(wire.Answer(None, "newer"), CALL_SID), Received(wire.Answer(), CALL_SID))
    assert end.state.token == "newer"
    assert end.published == []


def test_a_gateway_offers_with_a_token_and_rings() -> None:
    end = ringing(GATEWAY)
    assert [(type(send.body), send.renew) for send in end.sent] == [(wire.Offer, True)]
    assert end.names()[-1] == "Ringing"


def test_early_media_at_the_gateway_answers_without_a_second_description() -> None:
    end = new_end(GATEWAY, INCOMING)
    do(end, Alert(has_early_media=True), Reported(media.LocalAnswer("answer", "pcmu")))
    assert (end.state.status, bodies(end)) == ("pending", [wire.Ringing("answer")])
    do(end, Accept())
    assert (end.state.status, bodies(end)[-1]) == ("open", wire.Answer(None))
    assert end.sent[-1].renew


def test_repeated_ringing_without_early_media_is_passed_on() -> None:
    end = do(new_end(GATEWAY, INCOMING), Alert(), Alert())
    assert bodies(end) == [wire.Ringing(), wire.Ringing()]
    assert end.state.status is CallStatus.PENDING


# --- commands without effect -----------------------------------------------------------------------


@pytest.mark.parametrize("command", [Accept(), Reject(), Ignore(), Alert(), Alert(has_early_media=True)])
@pytest.mark.parametrize(("role", "direction"), BOTH)
def test_what_needs_a_pending_call_does_nothing_to_an_open_one(
    role: Role, direction: Direction, command: Input
) -> None:
    end = opened(role, direction)
    before = end.state
    do(end, command)
    assert (end.state, end.published, end.sent, end.orders) == (before, [], [], [])


@pytest.mark.parametrize("command", [Reject(), Ignore(), Disconnect()])
def test_a_pending_outgoing_call_of_a_client_cannot_be_refused(command: Input) -> None:
    end = new_end(CLIENT, OUTGOING)
    do(forget(end), command)
    assert (end.state.status, end.sent, end.published) == ("pending", [], [])


def test_disconnect_does_nothing_to_a_pending_incoming_call_of_a_client() -> None:
    end = forget(new_end(CLIENT, INCOMING))
    do(end, Disconnect())
    assert (end.state.status, end.sent, end.published) == ("pending", [], [])


@pytest.mark.parametrize(
    "happened",
    [
        Accept(),
        Disconnect(),
        Mute(True),
        SendMessage(MESSAGE),
        Received(wire.Hangup(BUSY)),
        Received(wire.Cancel()),
        Reported(media.Applied("pcmu")),
        Measured({}),
        PartDown(Part.SIGNALING, "gone"),
        PartExhausted(Part.MEDIA, "spent"),
    ],
)
@pytest.mark.parametrize(("role", "direction"), BOTH)
def test_nothing_follows_the_end(role: Role, direction: Direction, happened: Input) -> None:
    end = forget(do(opened(role, direction), Disconnect()))
    before = end.state
    do(end, happened)
    end.expire(NOW + 1000.0)
    assert (end.state, end.published, end.sent, end.orders) == (before, [], [], [])


def test_mute_is_told_only_when_it_changes() -> None:
    end = opened(CLIENT, OUTGOING)
    do(end, Mute(False), Mute(True), Mute(True), Mute(False))
    assert [e.is_muted for e in end.published if isinstance(e, events.Muted)] == [True, False]
    assert end.orders == [media.SetMuted(True), media.SetMuted(False)]


# --- endings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "direction"), BOTH)
def test_hanging_up_tells_the_peer_and_then_emits_disconnect(role: Role, direction: Direction) -> None:
    end = do(opened(role, direction), Disconnect())
    assert bodies(end) == [wire.Hangup()]
    assert end.names() == ["Disconnected"]
    assert end.orders == [media.CloseMedia()]


@pytest.mark.parametrize(("role", "direction"), BOTH)
def test_a_hangup_with_an_error_emits_error_before_disconnect_and_sends_nothing(
    role: Role, direction: Direction
) -> None:
    end = do(opened(role, direction), Received(wire.Hangup(BUSY), CALL_SID))
    assert end.names() == ["Failed", "Disconnected"]
    assert end.published[0] == events.Failed(31486, "busy", is_remote=True)
    assert end.sent == []


def test_a_hangup_without_an_error_emits_disconnect_only() -> None:
    assert do(opened(CLIENT, OUTGOING), Received(wire.Hangup(), CALL_SID)).names() == ["Disconnected"]


def test_a_clients_fatal_media_error_is_an_error_at_the_gateway() -> None:
    end = do(opened(GATEWAY, INCOMING), Received(wire.Hangup(None, "no media"), CALL_SID))
    assert codes(end) == [53405]


def test_busy_before_ringing_ends_an_outgoing_call() -> None:
    end = do(connecting(CLIENT), Received(wire.Hangup(BUSY), "TJS1"))
    assert end.names() == ["CallCreated", "Failed", "Disconnected"]


def test_a_hangup_cancels_a_pending_incoming_call() -> None:
    """The official SDK ignores it and rings for ever."""
    for role in Role:
        end = do(forget(new_end(role, INCOMING)), Received(wire.Hangup(BUSY), CALL_SID))
        assert end.names() == ["Cancelled"]


@pytest.mark.parametrize("direction", Direction)
def test_the_gateways_cancel_ends_a_clients_call_in_any_state(direction: Direction) -> None:
    ends = [opened(CLIENT, direction), lose(opened(CLIENT, direction), Part.SIGNALING)]
    ends += [new_end(CLIENT, INCOMING), do(new_end(CLIENT, INCOMING), Accept())]
    for end in ends:
        do(forget(end), Received(wire.Cancel(), CALL_SID))
        assert (end.state.status, end.names(), end.sent) == ("closed", ["Cancelled"], [])


def test_a_clients_cancel_means_nothing_to_a_gateway() -> None:
    end = do(opened(GATEWAY, INCOMING), Received(wire.Cancel(), CALL_SID))
    assert (end.state.status, end.published) == ("open", [])


def test_ignore_emits_cancel_once_and_the_gateways_own_cancel_is_not_told_again() -> None:
    end = do(forget(new_end(CLIENT, INCOMING, token="token")), Ignore(), Received(wire.Cancel(), CALL_SID))
    assert (end.names(), end.sent) == (["Cancelled"], [])


def test_an_ignored_call_stays_closed_when_the_socket_is_lost_and_found() -> None:
    end = do(new_end(CLIENT, INCOMING, token="token"), Ignore())
    lose(forget(end), Part.SIGNALING)
    do(end, Disconnect())
    assert (end.state.status, end.published, end.sent) == ("closed", [], [])


def test_a_rejected_call_emits_reject_and_no_disconnect() -> None:
    end = do(forget(new_end(CLIENT, INCOMING)), Reject())
    assert (end.names(), bodies(end)) == (["Rejected"], [wire.Reject()])


@pytest.mark.parametrize(("error", "code"), [(None, 31603), (BUSY, 31486)])
def test_an_application_that_rejects_declines_unless_it_says_why(
    error: wire.WireError | None, code: int
) -> None:
    end = do(new_end(GATEWAY, INCOMING), Reject(error))
    [hangup] = bodies(end)
    assert isinstance(hangup, wire.Hangup)
    assert hangup.error is not None
    assert hangup.error.code == code


def test_an_application_that_ignores_a_call_lets_the_caller_know() -> None:
    """Nobody else would ever answer it."""
    end = do(forget(new_end(GATEWAY, INCOMING)), Ignore())
    assert (end.names(), bodies(end)[0].error.code) == (["Cancelled"], 31480)  # type: ignore[union-attr]


def test_a_client_that_rejects_is_cancelled_on_its_other_devices_and_fails_the_call_as_declined() -> None:
    end = do(forget(ringing(GATEWAY)), Received(wire.Reject(), CALL_SID))
    assert (bodies(end), codes(end), end.names()[-1]) == ([wire.Cancel()], [31603], "Disconnected")


@pytest.mark.parametrize(
    ("role", "direction"), [(CLIENT, OUTGOING), (GATEWAY, INCOMING), (GATEWAY, OUTGOING)]
)
def test_reject_means_nothing_once_a_call_is_answered(role: Role, direction: Direction) -> None:
    end = do(opened(role, direction), Received(wire.Reject(), CALL_SID))
    assert (end.state.status, end.sent) == ("open", [])


def test_a_device_that_fails_before_it_answers_stops_the_ringing_of_the_others() -> None:
    """Its hang-up ends the call, and devices have no ring time-out of their own."""
    end = do(forget(ringing(GATEWAY)), Received(wire.Hangup(None, "no microphone"), CALL_SID))
    assert bodies(end) == [wire.Cancel()]
    assert end.names() == ["Failed", "Disconnected"]


def test_a_rung_client_is_cancelled_and_one_that_has_answered_is_hung_up() -> None:
    assert bodies(do(forget(ringing(GATEWAY)), Disconnect())) == [wire.Cancel()]
    answered = do(ringing(GATEWAY), Received(wire.Answer("answer"), CALL_SID))
    assert bodies(do(forget(answered), Disconnect())) == [wire.Hangup()]


@pytest.mark.parametrize(
    ("direction", "farewell", "names"),
    [
        (INCOMING, wire.Hangup(wire.WireError(31480, "not answered in time")), ["Cancelled"]),
        (OUTGOING, wire.Cancel(), ["Failed", "Disconnected"]),
    ],
)
def test_a_call_that_rings_too_long_ends_as_unavailable(
    direction: Direction, farewell: wire.CallMessage, names: list[str]
) -> None:
    end = forget(new_end(GATEWAY, INCOMING) if direction is INCOMING else ringing(GATEWAY))
    end.expire(NOW + 59.9)
    assert not end.state.is_over
    end.expire(NOW + 60.0)
    assert (bodies(end), end.names()) == ([farewell], names)
    assert codes(end) == ([31480] if direction is OUTGOING else [])


def test_an_open_call_has_no_ring_time_limit() -> None:
    for direction in Direction:
        assert opened(GATEWAY, direction).state.timers == ()


@pytest.mark.parametrize(
    ("failure", "code"), [(media.Failure.LOCAL_DESCRIPTION, 53400), (media.Failure.REMOTE_DESCRIPTION, 53402)]
)
def test_a_description_that_does_not_fit_ends_the_call(failure: media.Failure, code: int) -> None:
    end = do(connecting(CLIENT), Reported(media.DescriptionFailed(failure, "why")))
    assert (codes(end), end.names()[-1], bodies(end)[-1]) == ([code], "Disconnected", wire.Hangup())


# --- messages --------------------------------------------------------------------------------------


def test_a_clients_message_is_sent_when_the_gateway_acknowledges_it_and_once() -> None:
    end = do(opened(CLIENT, OUTGOING), SendMessage(MESSAGE))
    assert (bodies(end), end.published) == ([MESSAGE], [])
    do(end, Received(wire.Ack("KX2")), Received(wire.Ack("KX1")), Received(wire.Ack("KX1")))
    assert [e.voice_event_sid for e in end.published if isinstance(e, events.MessageSent)] == ["KX1"]


def test_a_refused_message_is_an_error_and_never_sent() -> None:
    end = do(opened(CLIENT, OUTGOING), SendMessage(MESSAGE))
    refusal = Received(wire.Refusal("KX1", wire.WireError(31210, "type")))
    do(end, refusal, refusal, Received(wire.Ack("KX1")))
    assert end.published == [events.Failed(31210, "type", is_remote=True, voice_event_sid="KX1")]
    assert end.state.status is CallStatus.OPEN


def test_a_gateways_message_is_sent_at_once() -> None:
    end = do(opened(GATEWAY, INCOMING), SendMessage(MESSAGE))
    assert (bodies(end), end.names()) == ([MESSAGE], ["MessageSent"])


def test_only_a_gateway_acknowledges_messages() -> None:
    for role, replies in ((GATEWAY, [wire.Ack("KX1")]), (CLIENT, [])):
        end = do(opened(role, OUTGOING), Received(MESSAGE, CALL_SID))
        assert (end.names(), bodies(end)) == (["MessageReceived"], replies)


def test_digits_by_message_are_told_one_by_one_without_pauses() -> None:
    end = do(opened(GATEWAY, INCOMING), Received(wire.Digits("1w#"), CALL_SID))
    assert [e.digit for e in end.published if isinstance(e, events.DigitReceived)] == ["1", "#"]


def test_sound_is_a_matter_of_the_media_actor() -> None:
    play = media.Play(media.Tone(440.0))
    end = do(new_end(CLIENT, OUTGOING), UseMedia(play))
    assert end.orders == [play]
    assert do(forget(end), Measured({"mos": 4.0})).published == [events.Sampled({"mos": 4.0})]


def test_the_fake_refuses_an_event_after_the_last() -> None:
    """Every test here rests on it."""
    end = do(opened(CLIENT, OUTGOING), Disconnect())
    with pytest.raises(AssertionError, match="after the end"):
        end._take((end.state, (Emit(events.MediaFlowing()),)))
