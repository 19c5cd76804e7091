"""How a call loses its parts and gets them back, or does not."""

import pytest

from actors import events
from actors.call.recovery import MAX_HELD_MESSAGES
from actors.call.state import (
    Accept,
    Alert,
    CallStatus,
    Direction,
    Disconnect,
    Part,
    PartDown,
    PartExhausted,
    PartUp,
    Received,
    Reported,
    Role,
    SendMessage,
    Timer,
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
    find,
    forget,
    lose,
    new_end,
    opened,
    ringing,
)
from tests.fakes.call_pair import End

pytestmark = pytest.mark.pure

CLIENT, GATEWAY = Role.CLIENT, Role.GATEWAY
INCOMING, OUTGOING = Direction.INCOMING, Direction.OUTGOING
BOTH = [(role, direction) for role in Role for direction in Direction]
BREAKABLE = (Part.SIGNALING, Part.MEDIA)
ANSWER = Received(wire.Answer(None, "newer"), CALL_SID)
RESUME = wire.Resume("sdp", "token")


def seen(end: End) -> list[str]:
    return [name for name in end.names() if name in {"Reconnecting", "Reconnected"}]


# --- both sides of an outage --------------------------------------------------------------------------


@pytest.mark.parametrize(("part", "code"), [(Part.SIGNALING, 53001), (Part.MEDIA, 53405), (Part.CALL, 53000)])
@pytest.mark.parametrize(("role", "direction"), BOTH)
def test_reconnecting_names_the_part_and_its_code_and_is_told_once(
    role: Role, direction: Direction, part: Part, code: int
) -> None:
    end = lose(opened(role, direction), part, part)
    assert end.state.status is CallStatus.RECONNECTING
    warned = [events.Warned("ice-connectivity-lost")] if part is Part.MEDIA else []
    assert end.published == [*warned, events.Reconnecting(part, code, f"{part} is gone")]


@pytest.mark.parametrize("order", [BREAKABLE, BREAKABLE[::-1]])
@pytest.mark.parametrize(("role", "direction"), BOTH)
def test_reconnected_is_told_once_when_the_last_part_works_again(
    role: Role, direction: Direction, order: tuple[Part, ...]
) -> None:
    """Status is open before it is told, so a listener sees it."""
    end = lose(opened(role, direction), *BREAKABLE)
    for part in order:
        assert "Reconnected" not in end.names()
        assert end.state.status is CallStatus.RECONNECTING
        find(end, part, now=NOW + 2.5)
        if part is Part.SIGNALING and role is CLIENT:
            do(end, ANSWER, now=NOW + 2.5)
    assert seen(end) == ["Reconnecting", "Reconnecting", "Reconnected"]
    assert end.state.status is CallStatus.OPEN
    assert end.published[-1] == events.Reconnected(outage=2.5)


def test_the_next_outage_is_told_again() -> None:
    end = opened(GATEWAY, INCOMING)
    for _ in range(2):
        find(lose(end, Part.SIGNALING), Part.SIGNALING)
    assert seen(end) == ["Reconnecting", "Reconnected"] * 2


def test_a_crashed_call_actor_is_back_when_all_its_parts_are() -> None:
    end = lose(opened(GATEWAY, INCOMING), Part.CALL)
    find(end, Part.CALL, Part.SIGNALING)
    assert end.state.status is CallStatus.RECONNECTING
    find(end, Part.MEDIA)
    assert seen(end) == ["Reconnecting", "Reconnected"]


@pytest.mark.parametrize(("role", "direction"), BOTH)
def test_insights_come_and_go_unnoticed(role: Role, direction: Direction) -> None:
    end = opened(role, direction)
    before = end.state
    do(end, PartDown(Part.INSIGHTS, "x"), PartUp(Part.INSIGHTS), PartExhausted(Part.INSIGHTS, "x"))
    assert (end.state, end.published, end.sent, end.orders) == (before, [], [], [])


def test_the_record_of_the_crash_is_the_cause_of_what_follows() -> None:
    from_crash = PartDown(Part.SIGNALING, "crash", cause="CA1#7")
    end = do(opened(GATEWAY, INCOMING), from_crash)
    assert end.state.cause == "CA1#7"
    find(end, Part.SIGNALING)
    assert end.state.cause is None


# --- signaling: the client's side ----------------------------------------------------------------------


def test_a_client_resumes_with_its_token_and_is_back_with_the_answer() -> None:
    end = lose(opened(CLIENT, OUTGOING), Part.SIGNALING)
    find(end, Part.SIGNALING)
    assert bodies(end) == [wire.Resume("local offer", "token")]
    assert end.state.status is CallStatus.RECONNECTING
    do(end, ANSWER)
    assert end.state.status is CallStatus.OPEN
    assert end.state.token == "newer"


def test_a_refused_resume_ends_the_call() -> None:
    end = find(lose(opened(CLIENT, OUTGOING), Part.SIGNALING), Part.SIGNALING)
    do(end, Received(wire.Hangup(wire.WireError(31209)), CALL_SID))
    assert (codes(end), end.names()[-1]) == ([31209], "Disconnected")


@pytest.mark.parametrize("is_rung", [False, True])
def test_an_unanswered_outgoing_call_dies_with_its_socket(is_rung: bool) -> None:
    """The official SDK closes it without an event, and its device stays busy for ever."""
    end = forget(ringing(CLIENT) if is_rung else connecting(CLIENT))
    lose(end, Part.SIGNALING)
    assert (codes(end), end.names()[-1], end.state.status) == ([53001], "Disconnected", "closed")


@pytest.mark.parametrize("token", [None, "token"])
def test_a_pending_incoming_call_is_cancelled_when_the_socket_is_lost(token: str | None) -> None:
    end = lose(forget(new_end(CLIENT, INCOMING, token=token)), Part.SIGNALING)
    assert (end.names(), end.sent) == (["Cancelled"], [])


def test_a_call_hung_up_during_an_outage_still_hands_its_hangup_out() -> None:
    end = do(lose(opened(CLIENT, OUTGOING), Part.SIGNALING), Disconnect())
    assert (bodies(end), end.names()[-1]) == ([wire.Hangup()], "Disconnected")


def test_messages_wait_for_the_outage_to_end_and_keep_their_order() -> None:
    end = lose(opened(CLIENT, OUTGOING), Part.SIGNALING)
    messages = [wire.UserMessage(n, "type", f"KX{n}") for n in range(3)]
    do(end, *map(SendMessage, messages))
    find(end, Part.SIGNALING)
    assert messages[0] not in bodies(end)
    do(end, ANSWER)
    assert bodies(end)[-3:] == messages


def test_only_so_many_messages_wait() -> None:
    end = lose(opened(GATEWAY, INCOMING), Part.SIGNALING)
    do(end, *(SendMessage(wire.UserMessage(n, "type", f"KX{n}")) for n in range(MAX_HELD_MESSAGES + 5)))
    find(end, Part.SIGNALING)
    assert [body.content for body in bodies(end)] == list(range(5, MAX_HELD_MESSAGES + 5))


def test_a_socket_lost_while_resuming_is_resumed_again() -> None:
    end = find(lose(opened(CLIENT, OUTGOING), Part.SIGNALING), Part.SIGNALING)
    find(lose(end, Part.SIGNALING), Part.SIGNALING)
    assert bodies(end) == [wire.Resume("local offer", "token")] * 2
    assert seen(end) == ["Reconnecting"]


# --- signaling: the gateway's side ---------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "code"), [(INCOMING, 53001), (OUTGOING, 53001)])
def test_a_gateway_holds_an_open_call_for_a_while(direction: Direction, code: int) -> None:
    end = lose(opened(GATEWAY, direction), Part.SIGNALING)
    end.expire(NOW + 34.9)
    assert not end.state.is_over
    end.expire(NOW + 35.0)
    assert (codes(end), end.names()[-1]) == ([code], "Disconnected")


def test_a_client_whose_resume_came_too_late_is_told() -> None:
    """Its message may already wait behind the timer; without a hangup it would reconnect for ever."""
    end = lose(opened(GATEWAY, INCOMING), Part.SIGNALING)
    end.expire(NOW + 35.0)
    [hangup] = bodies(end)
    assert isinstance(hangup, wire.Hangup)
    assert hangup.error is not None
    assert hangup.error.code == 53001


def test_a_caller_who_vanishes_before_the_answer_ends_the_call() -> None:
    pending = lose(forget(new_end(GATEWAY, INCOMING)), Part.SIGNALING)
    assert pending.names() == ["Cancelled"]
    accepted = lose(do(forget(new_end(GATEWAY, INCOMING)), Accept()), Part.SIGNALING)
    assert (codes(accepted), accepted.names()[-1]) == ([53001], "Disconnected")


def test_a_rung_client_that_vanishes_may_come_back_with_its_answer() -> None:
    end = lose(forget(ringing(GATEWAY)), Part.SIGNALING)
    assert end.state.status is CallStatus.RECONNECTING
    find(end, Part.SIGNALING)
    do(end, Received(RESUME, CALL_SID))
    assert end.orders == [media.AnswerRestart("sdp")]
    do(end, Reported(media.Applied("pcmu")), Reported(media.Kept()))
    assert end.state.status is CallStatus.OPEN
    assert [(send.body, send.renew) for send in end.sent] == [(wire.Answer(), True)]


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_ringing_call_is_taken_up_by_another_device_with_an_offer_of_its_own(is_lost: bool) -> None:
    """The connect token; the first device's socket may have gone meanwhile."""
    end = forget(ringing(GATEWAY))
    if is_lost:
        find(lose(end, Part.SIGNALING), Part.SIGNALING)
    do(end, Received(wire.Resume("offer", "token"), CALL_SID))
    do(end, Reported(media.LocalAnswer("answer", "opus")))
    assert end.state.status is CallStatus.OPEN
    assert [(send.body, send.renew) for send in end.sent] == [(wire.Answer("answer"), True)]
    assert end.names()[-1] == "Accepted"


def test_a_take_up_that_does_not_fit_ends_the_call() -> None:
    end = do(forget(ringing(GATEWAY)), Received(wire.Resume("nonsense", "token"), CALL_SID))
    do(end, Reported(media.DescriptionFailed(media.Failure.REMOTE_DESCRIPTION, "why")))
    assert (codes(end), end.names()[-1]) == ([53402], "Disconnected")


def test_a_rung_client_that_never_comes_back_is_unavailable() -> None:
    end = lose(forget(ringing(GATEWAY)), Part.SIGNALING)
    end.expire(NOW + 35.0)
    assert codes(end) == [31480]


@pytest.mark.parametrize(
    ("report", "sdp"),
    [
        (media.LocalAnswer("restarted", "pcmu", restart=True), "restarted"),
        (media.Kept(), None),
        (media.DescriptionFailed(media.Failure.REMOTE_DESCRIPTION, "why", restart=True), None),
    ],
)
@pytest.mark.parametrize("body", [RESUME, wire.Reinvite("sdp")])
def test_a_gateway_answers_every_reinvite_and_resume_with_what_media_decides(
    body: wire.CallMessage, report: media.Report, sdp: str | None
) -> None:
    end = do(opened(GATEWAY, INCOMING), Received(body, CALL_SID))
    assert (end.orders, end.sent) == ([media.AnswerRestart("sdp")], [])
    do(end, Reported(report))
    assert [(send.body, send.renew) for send in end.sent] == [(wire.Answer(sdp), True)]
    assert end.state.status is CallStatus.OPEN


def test_a_client_ignores_what_only_clients_send() -> None:
    end = do(opened(CLIENT, OUTGOING), Received(wire.Reinvite("sdp")), Received(RESUME))
    assert (end.orders, end.sent) == ([], [])


def test_of_several_answers_that_could_not_be_sent_the_newest_counts() -> None:
    end = lose(opened(GATEWAY, INCOMING), Part.SIGNALING)
    do(end, Reported(media.LocalAnswer("one", "pcmu", restart=True)))
    do(end, Reported(media.LocalAnswer("two", "pcmu", restart=True)))
    find(end, Part.SIGNALING)
    assert bodies(end) == [wire.Answer("two")]


# --- media -----------------------------------------------------------------------------------------------


def test_a_lost_path_restarts_ice_at_once_and_again_by_timer() -> None:
    end = lose(opened(CLIENT, OUTGOING), Part.MEDIA)
    assert end.orders == [media.RestartIce()]
    do(end, Reported(media.LocalOffer("restart", restart=True)))
    assert bodies(end) == [wire.Reinvite("restart")]
    end.expire(NOW + 5.0)
    assert end.orders == [media.RestartIce()] * 2


def test_the_answer_to_a_restart_is_applied_and_status_waits_for_the_path() -> None:
    end = lose(opened(CLIENT, OUTGOING), Part.MEDIA)
    do(end, Reported(media.LocalOffer("restart", restart=True)))
    do(end, Received(wire.Answer("restarted", "newer"), CALL_SID))
    assert end.orders[-1] == media.ApplyAnswer("restarted")
    assert end.state.status is CallStatus.RECONNECTING
    find(end, Part.MEDIA)
    assert (end.state.status, end.state.timers) == ("open", ())


def test_an_answer_that_nobody_asked_for_is_not_applied() -> None:
    end = do(opened(CLIENT, OUTGOING), Received(wire.Answer("surprise"), CALL_SID))
    assert end.orders == []


def test_a_crashed_media_actor_has_a_moment_to_find_its_path_again() -> None:
    end = lose(opened(CLIENT, OUTGOING), Part.MEDIA, is_path_lost=False)
    assert end.orders == []
    end.expire(NOW + 3.0)
    assert end.orders == [media.RestartIce()]


def test_a_restart_made_during_an_outage_travels_with_the_resume() -> None:
    end = lose(opened(CLIENT, OUTGOING), Part.SIGNALING, Part.MEDIA)
    do(end, Reported(media.LocalOffer("restart", restart=True)))
    assert end.sent == []
    find(end, Part.SIGNALING)
    assert bodies(end) == [wire.Resume("restart", "token")]


@pytest.mark.parametrize(("role", "limit"), [(CLIENT, 30.0), (GATEWAY, 40.0)])
def test_media_that_stays_away_ends_the_call_with_error_before_disconnect(role: Role, limit: float) -> None:
    """The official SDK has them the other way round."""
    end = lose(opened(role, OUTGOING), Part.MEDIA)
    end.expire(NOW + limit - 0.1)
    assert not end.state.is_over
    end.expire(NOW + limit)
    assert end.names() == ["Warned", "Reconnecting", "Failed", "Disconnected"]
    assert codes(end) == [53405]
    [hangup] = [body for body in bodies(end) if isinstance(body, wire.Hangup)]
    assert hangup.message is not None


def test_a_gateway_never_restarts_ice_itself() -> None:
    end = lose(opened(GATEWAY, INCOMING), Part.MEDIA)
    assert (end.orders, [timer for timer, _ in end.state.timers]) == ([], [Timer.GIVE_UP])


def early_at_the_client() -> End:
    return forget(ringing(CLIENT, sdp="early"))


def early_at_the_gateway() -> End:
    end = do(new_end(GATEWAY, INCOMING), Alert(has_early_media=True))
    return forget(do(end, Reported(media.LocalAnswer("answer", "pcmu"))))


def test_lost_early_media_is_not_restarted_before_the_answer() -> None:
    """The gateway's answer to the restart would be taken for the callee's."""
    end = lose(early_at_the_client(), Part.MEDIA)
    end.expire(NOW + 5.0)
    assert end.orders == []
    do(end, Received(wire.Answer(), CALL_SID), now=NOW + 6.0)
    assert end.state.status is CallStatus.RECONNECTING
    end.expire(NOW + 10.0)
    assert end.orders == [media.RestartIce()]


@pytest.mark.parametrize("make", [early_at_the_client, early_at_the_gateway])
def test_early_media_that_stays_away_does_not_leave_a_call_that_never_ends(make: object) -> None:
    end = lose(make(), Part.MEDIA)  # type: ignore[operator]
    do(end, Accept() if end.state.role is GATEWAY else Received(wire.Answer(), CALL_SID))
    end.expire(NOW + 41.0)
    assert codes(end) == [53405]


# --- a part that cannot be repaired -----------------------------------------------------------------------


@pytest.mark.parametrize(("part", "code"), [(Part.SIGNALING, 53000), (Part.MEDIA, 53405), (Part.CALL, 53000)])
@pytest.mark.parametrize(("role", "direction"), BOTH)
def test_a_part_that_is_restarted_too_often_ends_the_call_and_is_named(
    role: Role, direction: Direction, part: Part, code: int
) -> None:
    end = do(opened(role, direction), PartExhausted(part, "ValueError: x"))
    failed = end.published[0]
    assert isinstance(failed, events.Failed)
    assert (failed.code, end.names()) == (code, ["Failed", "Disconnected"])
    assert failed.reason.startswith(part.value)
    assert "ValueError: x" in failed.reason
    [hangup] = bodies(end)
    assert isinstance(hangup, wire.Hangup)
    assert (hangup.error is not None) == (role is GATEWAY)
