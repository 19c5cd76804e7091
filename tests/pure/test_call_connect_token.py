"""A client's call that begins with the token of another device's call."""

from dataclasses import replace

import pytest

from actors import events
from actors.call.state import (
    Accept,
    CallState,
    CallStatus,
    Direction,
    Disconnect,
    Part,
    Received,
    Reported,
    Role,
)
from actors.media import messages as media
from actors.signaling import messages as wire
from tests.fakes.call_end import CALL_SID, NOW, bodies, codes, do, find, forget, lose
from tests.fakes.call_pair import End

pytestmark = pytest.mark.pure

OFFER = Reported(media.LocalOffer("fresh offer"))
RESUME = wire.Resume("fresh offer", "rt-1")


def taking_over(**changes: object) -> End:
    state = CallState(
        Role.CLIENT,
        Direction.OUTGOING,
        "TJS1",
        call_sid=CALL_SID,
        parameters={"CallSid": CALL_SID},
        token="rt-1",
    )
    end = End(replace(state, **changes))  # type: ignore[arg-type]
    end.begin(NOW)
    return forget(do(end, Accept()))


def answered(end: End) -> End:
    return do(end, Received(wire.Answer("answer", "rt-2"), CALL_SID), Reported(media.Applied("pcmu")))


def test_a_fresh_offer_goes_out_with_the_token_instead_of_an_invitation() -> None:
    assert bodies(do(taking_over(), OFFER)) == [RESUME]


def test_the_answer_opens_the_call_once_and_brings_a_token_of_its_own() -> None:
    end = answered(do(taking_over(), OFFER))
    assert (end.state.status, end.state.token, end.names()) == (CallStatus.OPEN, "rt-2", ["Accepted"])
    assert do(end, Received(wire.Answer(None, "rt-3"), CALL_SID)).names() == ["Accepted"]


def test_a_refusal_ends_the_call() -> None:
    end = do(taking_over(), OFFER, Received(wire.Hangup(wire.WireError(31209, "no")), CALL_SID))
    assert (end.state.status, codes(end), end.names()) == (
        CallStatus.CLOSED,
        [31209],
        ["Failed", "Disconnected"],
    )


def test_the_original_may_be_cancelled_under_it() -> None:
    end = do(taking_over(), OFFER, Received(wire.Cancel(), CALL_SID))
    assert end.names() == ["Cancelled"]


def test_hanging_up_before_the_answer_names_the_call() -> None:
    end = do(taking_over(), OFFER, Disconnect())
    assert bodies(end) == [RESUME, wire.Hangup()]


def test_a_socket_lost_before_the_answer_is_survived() -> None:
    """The token holds, so the call may ask again."""
    end = lose(do(taking_over(), OFFER), Part.SIGNALING)
    assert end.state.status is CallStatus.RECONNECTING
    end = find(end, Part.SIGNALING)
    assert bodies(end) == [RESUME, RESUME]
    end = answered(end)
    assert end.state.status is CallStatus.OPEN
    assert [name for name in end.names() if name != "Accepted"] == ["Reconnecting", "Reconnected"]
    assert end.names().count("Accepted") == 1


@pytest.mark.parametrize("is_offer_first", [True, False])
def test_an_offer_made_during_an_outage_goes_out_once(is_offer_first: bool) -> None:
    end = lose(taking_over(), Part.SIGNALING)
    end = find(do(end, OFFER), Part.SIGNALING) if is_offer_first else do(find(end, Part.SIGNALING), OFFER)
    assert bodies(end) == [RESUME]
    assert answered(end).state.status is CallStatus.OPEN


def test_an_answered_call_whose_socket_was_lost_before_it_was_described_recovers() -> None:
    """Its answer comes as that of an unanswered call, and ends the outage as well."""
    end = do(taking_over(), OFFER, Received(wire.Answer("answer", "rt-2"), CALL_SID))
    find(lose(end, Part.SIGNALING), Part.SIGNALING)
    do(end, Received(wire.Answer(None, "rt-3"), CALL_SID), Reported(media.Applied("pcmu")))
    assert end.state.down == frozenset()
    assert isinstance(end.published[-1], events.Accepted)
    assert end.state.status is CallStatus.OPEN


def test_a_call_without_a_token_invites() -> None:
    end = taking_over(token=None, call_sid=None)
    assert isinstance(bodies(do(end, OFFER))[0], wire.Invite)


def test_a_gateways_call_offers_whatever_its_token() -> None:
    end = taking_over(role=Role.GATEWAY)
    assert isinstance(bodies(do(end, OFFER))[0], wire.Offer)
