"""What a call sends when the peer does not take it: digits without telephone-events, too many messages."""

import pytest

from actors import events
from actors.call.recovery import MAX_HELD_MESSAGES
from actors.call.state import (
    MAX_UNACKNOWLEDGED,
    Accept,
    Direction,
    Part,
    Received,
    Reported,
    Role,
    SendMessage,
    UseMedia,
)
from actors.errors import local_error
from actors.media import messages as media
from actors.signaling import messages as wire
from tests.fakes.call_end import CALL_SID, bodies, connecting, do, forget, lose, new_end, opened
from tests.fakes.call_pair import End

pytestmark = pytest.mark.pure

CLIENT, GATEWAY = Role.CLIENT, Role.GATEWAY
INCOMING, OUTGOING = Direction.INCOMING, Direction.OUTGOING
DIGITS = UseMedia(media.SendDigits("12w#"))


def without_events(direction: Direction) -> End:
    """An open call whose peer takes no telephone-events."""
    if direction is INCOMING:
        end = do(new_end(CLIENT, INCOMING, token="token"), Accept())
        do(end, Reported(media.LocalAnswer("answer", "pcmu", has_events=False)))
    else:
        end = do(connecting(CLIENT), Received(wire.Answer("answer", "token"), CALL_SID))
        do(end, Reported(media.Applied("pcmu", has_events=False)))
    return forget(end)


# --- digits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", list(Direction))
def test_digits_go_in_band_where_the_peer_takes_them(direction: Direction) -> None:
    end = do(opened(CLIENT, direction), DIGITS)
    assert (end.orders, bodies(end)) == ([media.SendDigits("12w#")], [])


@pytest.mark.parametrize("direction", list(Direction))
def test_digits_go_as_a_message_where_the_peer_takes_no_events(direction: Direction) -> None:
    """Pauses included: the gateway makes them."""
    end = do(without_events(direction), DIGITS)
    assert (end.orders, bodies(end)) == ([], [wire.Digits("12w#")])


def test_digits_that_signaling_cannot_carry_are_an_error_and_the_call_lives() -> None:
    end = forget(lose(without_events(INCOMING), Part.SIGNALING))
    do(end, DIGITS)
    [failed] = end.published
    assert isinstance(failed, events.Failed)
    assert local_error(failed.code, failed.reason).code == 31005
    assert (end.state.status, end.state.outbox) == ("reconnecting", ())


def test_a_client_has_no_message_of_digits_for_its_gateway() -> None:
    end = forget(do(new_end(GATEWAY, INCOMING), Accept()))
    do(end, Reported(media.LocalAnswer("answer", "pcmu", has_events=False)))
    do(forget(end), DIGITS)
    assert (end.orders, bodies(end)) == ([], [])


# --- messages ----------------------------------------------------------------------------------------


def send(end: End, count: int) -> End:
    messages = (wire.UserMessage(n, "type", f"KX{n}") for n in range(count))
    return do(end, *(SendMessage(message) for message in messages))


def test_a_client_is_backed_up_by_what_its_gateway_has_not_taken() -> None:
    end = send(opened(CLIENT, OUTGOING), MAX_UNACKNOWLEDGED - 1)
    assert not end.state.is_backed_up
    send(end, 1)
    assert end.state.is_backed_up
    do(end, Received(wire.Ack("KX3")))
    assert not end.state.is_backed_up


def test_a_gateway_is_backed_up_only_while_signaling_is_down() -> None:
    end = send(opened(GATEWAY, INCOMING), 2 * MAX_UNACKNOWLEDGED)
    assert not end.state.is_backed_up
    send(lose(end, Part.SIGNALING), MAX_UNACKNOWLEDGED)
    assert end.state.is_backed_up


@pytest.mark.parametrize("role", list(Role))
def test_nothing_is_pushed_out_of_the_outbox_before_a_call_is_backed_up(role: Role) -> None:
    assert MAX_UNACKNOWLEDGED < MAX_HELD_MESSAGES
    end = send(lose(opened(role, INCOMING), Part.SIGNALING), MAX_UNACKNOWLEDGED)
    held = [message.body for message in end.state.outbox]
    assert [body.content for body in held if isinstance(body, wire.UserMessage)] == [
        *range(MAX_UNACKNOWLEDGED)
    ]
