"""What the voice SDK does in races and our client does not.

Each docstring names the quirk. Those that take a whole device are in `tests/wire/test_device.py` and
`test_device_calls.py`, those of the preflight report in `test_preflight_report.py`.
"""

import pytest

from actors.call.state import (
    Accept,
    CallStatus,
    Direction,
    Disconnect,
    Ignore,
    Part,
    PartDown,
    PartUp,
    Received,
    Reject,
    Reported,
    Role,
    SendMessage,
    UseMedia,
)
from actors.device import machine as m
from actors.device.state import DeviceState, DeviceStatus
from actors.media import messages as media
from actors.media.engine_messages import IceCredentials
from actors.media.sdp_write import LocalSession, write_offer
from actors.media.telephone_event import DIGITS, DigitSender
from actors.signaling import messages as wire
from tests.fakes.call_end import (
    CALL_SID,
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

CLIENT, INCOMING, OUTGOING = Role.CLIENT, Direction.INCOMING, Direction.OUTGOING
LATE = (
    Reported(media.LocalOffer("late offer")),
    Reported(media.LocalAnswer("late answer", "pcmu")),
    Reported(media.Applied("pcmu")),
    Reported(media.Flowing()),
)


def accepting() -> End:
    """Incoming, accepted, and its media not there yet."""
    return forget(do(new_end(CLIENT, INCOMING, token="token"), Accept()))


def test_hanging_up_while_media_is_being_set_up_disconnects_once() -> None:
    """Quirk: `disconnect` comes twice, once more when the microphone or the peer connection is ready."""
    for end in (forget(do(new_end(CLIENT, OUTGOING), Accept())), accepting()):
        do(end, Disconnect(), *LATE)
        assert end.names() == ["Disconnected"]
        assert bodies(end) == [wire.Hangup()]


def test_what_was_cancelled_while_media_is_being_set_up_stays_so() -> None:
    """Quirk: a peer connection that becomes stable in a closed call closes it once more."""
    end = do(accepting(), Received(wire.Cancel(), CALL_SID), *LATE)
    assert (end.names(), bodies(end)) == (["Cancelled"], [])


def test_a_cancelled_open_call_is_not_disconnected_as_well() -> None:
    """Quirk to survive: a gateway cancels the winner. One last event, and no `hangup` back."""
    end = do(opened(CLIENT, INCOMING), Received(wire.Cancel(), CALL_SID), Received(wire.Hangup(), CALL_SID))
    assert (end.names(), bodies(end)) == (["Cancelled"], [])


@pytest.mark.parametrize("ending", [Ignore(), Reject()])
def test_a_call_that_was_let_go_never_hangs_up(ending: Ignore | Reject) -> None:
    """Quirk: an ignored call revives with the socket, and `disconnectAll` then sends `hangup` for it."""
    end = do(new_end(CLIENT, INCOMING, token="token"), ending)
    before = bodies(end)
    do(end, PartDown(Part.SIGNALING, "gone"), PartUp(Part.SIGNALING), Disconnect())
    assert (end.state.status, bodies(end)) == (CallStatus.CLOSED, before)


@pytest.mark.parametrize("rung", [False, True])
def test_an_unanswered_call_whose_socket_is_lost_ends_with_an_error(rung: bool) -> None:
    """Quirk: it is closed without any event, and the device stays busy for ever."""
    end = lose(forget(ringing(CLIENT) if rung else connecting(CLIENT)), Part.SIGNALING)
    assert (end.names(), codes(end), end.state.status) == (["Failed", "Disconnected"], [53001], "closed")


def test_a_device_is_free_when_an_unanswered_call_was_lost_with_its_socket() -> None:
    """Quirk: the same, seen from the device."""
    state = DeviceState(active="TJS1", is_connected=True)
    state, effects = m.step(state, m.StreamDown("gone"), 0.0)
    assert m.UnbindCalls() in effects
    state, _ = m.step(state, m.CallOver("TJS1"), 0.0)
    assert state.active is None


def test_what_is_done_during_an_outage_does_not_cut_a_call_off() -> None:
    """Quirk: an `error` while the stream is down removes the call's listeners; it cannot recover any more."""
    end = lose(opened(CLIENT, INCOMING), Part.SIGNALING)
    message = wire.UserMessage("x", "user-defined-message", "KX1")
    do(end, UseMedia(media.SendDigits("1")), SendMessage(message))
    do(end, Reported(media.DescriptionFailed(media.Failure.REMOTE_DESCRIPTION, "no", restart=True)))
    find(end, Part.SIGNALING)
    do(end, Received(wire.Answer(None, "newer"), CALL_SID))
    assert (end.state.status, end.names()[-1], end.state.token) == ("open", "Reconnected", "newer")
    assert message in bodies(end)


def test_media_that_fails_before_it_ever_flowed_and_then_works_is_reconnected() -> None:
    """Quirk: `reconnected` may never come when ICE fails before the first connect."""
    end = lose(opened(CLIENT, INCOMING), Part.MEDIA)
    assert end.state.status is CallStatus.RECONNECTING
    find(end, Part.MEDIA)
    told = [name for name in end.names() if name.startswith("Reconnect")]
    assert (end.state.status, told) == ("open", ["Reconnecting", "Reconnected"])


def test_reconnecting_is_told_once_however_often_the_socket_fails() -> None:
    """Quirk: `reconnecting` comes again with every failed attempt to connect."""
    end = lose(opened(CLIENT, INCOMING), Part.SIGNALING)
    for _ in range(3):
        lose(end, Part.SIGNALING)
    assert end.names() == ["Reconnecting"]


def test_the_status_is_set_before_reconnected_is_told() -> None:
    """Quirk: a handler of `reconnected` still reads `reconnecting`. Ours commits first, as this step does."""
    end = lose(opened(CLIENT, INCOMING), Part.SIGNALING)
    find(end, Part.SIGNALING)
    before = end.state.status
    do(end, Received(wire.Answer(None, "newer"), CALL_SID))
    assert (before, end.state.status, end.names()[-1]) == ("reconnecting", "open", "Reconnected")


def test_an_answer_to_a_restart_does_not_end_a_media_outage() -> None:
    """Quirk: status is `open` with the answer to `reinvite`, before ICE has recovered."""
    end = lose(opened(CLIENT, INCOMING), Part.MEDIA)
    do(end, Reported(media.LocalOffer("restart", restart=True)), Received(wire.Answer("answer"), CALL_SID))
    assert (end.state.status, "Reconnected" in end.names()) == ("reconnecting", False)


def test_only_the_user_arms_the_registration() -> None:
    """Quirk: the handler of `offline` re-arms it, so that a device that was unregistered registers again."""
    state = DeviceState(status=DeviceStatus.REGISTERED, wants_registration=True, is_connected=True)
    for happened in (m.RegistrationAsked(False), m.GatewayOffline(), m.StreamDown("gone")):
        state, _ = m.step(state, happened, 0.0)
    _, effects = m.step(state, m.StreamUp("alice", 3600.0), 0.0)
    assert effects == (m.BindCalls(),)


def test_there_is_one_token_timer() -> None:
    """Quirk: the timer of an older token fires although there is a newer one, and takes the newer with it."""
    state = DeviceState(token_refresh_s=10.0)
    state, _ = m.step(state, m.StreamUp("alice", 100.0), 0.0)
    state, _ = m.step(state, m.StreamUp("alice", 100.0), 50.0)
    state, effects = m.expire(state, 90.0)
    assert (effects, state.deadline) == ((), 140.0)
    state, effects = m.expire(state, 140.0)
    assert (effects, state.deadline) == ((m.TokenExpiring(),), None)


def test_a_bad_answer_ends_the_call_after_its_error() -> None:
    """Quirk: a description that cannot be applied leaves the call connecting for ever."""
    end = do(forget(connecting(CLIENT)), Received(wire.Answer("bad", "token"), CALL_SID))
    do(end, Reported(media.DescriptionFailed(media.Failure.REMOTE_DESCRIPTION, "no")))
    assert (codes(end), end.names(), end.state.status) == ([53402], ["Failed", "Disconnected"], "closed")


@pytest.mark.parametrize(
    ("failure", "code"), [(media.Failure.LOCAL_DESCRIPTION, 53400), (media.Failure.REMOTE_DESCRIPTION, 53402)]
)
def test_an_offer_that_cannot_be_answered_is_an_error_and_ends_the_call(
    failure: media.Failure, code: int
) -> None:
    """Quirk: a bad incoming offer produces no event; a failed answer leaves the call connecting."""
    end = do(accepting(), Reported(media.DescriptionFailed(failure, "no")))
    assert (codes(end), end.names(), end.state.status) == ([code], ["Failed", "Disconnected"], "closed")


def test_an_open_call_without_a_token_ends_with_its_socket() -> None:
    """Quirk: it is closed without any event but `transportClose`, and its media goes on."""
    end = new_end(CLIENT, INCOMING)
    do(end, Accept(), Reported(media.LocalAnswer("answer", "pcmu")))
    lose(forget(end), Part.SIGNALING)
    assert (codes(end), end.names(), end.state.status) == ([53001], ["Failed", "Disconnected"], "closed")
    assert media.CloseMedia() in end.orders


@pytest.mark.parametrize("token", [None, "token"])
def test_a_pending_call_whose_socket_is_lost_is_cancelled(token: str | None) -> None:
    """Quirk: with a token it can never be accepted any more; without one it is closed without a word."""
    end = lose(forget(new_end(CLIENT, INCOMING, token=token)), Part.SIGNALING)
    assert (end.names(), end.state.status) == (["Cancelled"], "closed")


def test_a_pause_loses_none_of_the_digits_before_it() -> None:
    """Quirk: what follows a `w` replaces the tones that have not begun 500 ms after the run did."""
    sender, heard = DigitSender(), ""
    sender.add("0123456789*#w5")
    while sender.is_active:
        event = sender.step(160)
        heard += DIGITS[event.payload[0]] if event is not None and event.is_first else ""
    assert heard == "0123456789*#5"


def test_a_wish_for_a_bitrate_stands_before_the_end_of_its_line() -> None:
    """Quirk: the SDK writes it between CR and LF."""
    ours = LocalSession(1, 1, IceCredentials("ufrag", "p" * 24), ":".join(["AA"] * 32), (), False, 20_000)
    [fmtp] = [line for line in write_offer(ours, ("opus",)).split("\r\n") if "maxaveragebitrate" in line]
    assert fmtp.endswith("maxaveragebitrate=20000")
    assert "\r" not in fmtp


def test_a_call_without_a_callsid_still_hangs_up() -> None:
    """Quirk to survive at the gateway: `hangup` for a call that never sent `invite`."""
    end = do(new_end(CLIENT, OUTGOING), Accept(), Disconnect())
    assert (bodies(end), end.state.call_sid) == ([wire.Hangup()], None)
