"""What waits for a client whose own call is unanswered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.gateway.glare import MAX_WAITING, Glare, pass_on, place, settle
from actors.signaling import messages as wire
from actors.signaling.messages import Envelope

pytestmark = pytest.mark.pure

PLACED = place(Glare(), "CA1", "TJS1")
OFFER = Envelope("CA2", wire.Offer("sdp", {}))
MESSAGE = Envelope("CA2", wire.UserMessage("hello", "greeting", "KX1"))
CANCEL = Envelope("CA2", wire.Cancel())
ANSWER = Envelope("CA1", wire.Answer("sdp"))


def waiting(*envelopes: Envelope, state: Glare = PLACED) -> Glare:
    for envelope in envelopes:
        state, passed = pass_on(state, envelope)
        assert passed == ()
    return state


@pytest.mark.parametrize("envelope", [OFFER, MESSAGE, CANCEL, ANSWER])
def test_without_a_call_of_the_clients_own_nothing_waits(envelope: Envelope) -> None:
    assert pass_on(Glare(), envelope) == (Glare(), (envelope,))


def test_an_invite_waits_for_the_answer_and_follows_it() -> None:
    """After, not before: the client would take the answer for the call that has just come in."""
    assert pass_on(waiting(OFFER), ANSWER) == (Glare(), (ANSWER, OFFER))


@pytest.mark.parametrize("sid", ["CA1", "TJS1"])
def test_an_invite_waits_for_the_hangup_under_either_id(sid: str) -> None:
    hangup = Envelope(sid, wire.Hangup())
    assert pass_on(waiting(OFFER), hangup) == (Glare(), (hangup, OFFER))
    assert settle(waiting(OFFER), sid) == (Glare(), (OFFER,))


def test_an_invite_does_not_wait_for_a_call_that_is_cancelled() -> None:
    """A call that is taken up again may be one that rings."""
    cancel = Envelope("CA1", wire.Cancel())
    assert pass_on(waiting(OFFER), cancel) == (Glare(), (cancel, OFFER))


def test_ringing_and_messages_of_the_clients_call_do_not_wait() -> None:
    for body in (wire.Ringing("sdp"), MESSAGE.body, wire.Ack("KX1")):
        own = Envelope("CA1", body)
        assert pass_on(waiting(OFFER), own) == (waiting(OFFER), (own,))


def test_what_follows_an_invite_that_waits_keeps_its_place() -> None:
    state, passed = pass_on(waiting(OFFER, MESSAGE), ANSWER)
    assert passed == (ANSWER, OFFER, MESSAGE)
    assert pass_on(state, CANCEL) == (Glare(), (CANCEL,))


def test_a_call_that_ends_while_its_invite_waits_is_never_told_of() -> None:
    """The ring time-out, or an answer on another device."""
    assert pass_on(waiting(OFFER, MESSAGE, CANCEL), ANSWER) == (Glare(), (ANSWER,))


def test_an_invite_waits_for_the_last_of_several_calls() -> None:
    state = waiting(OFFER, state=place(PLACED, "CA3", "TJS3"))
    state, passed = pass_on(state, ANSWER)
    assert passed == (ANSWER,)
    third = Envelope("CA3", wire.Answer("sdp"))
    assert pass_on(state, third) == (Glare(), (third, OFFER))


def test_an_answer_to_another_call_releases_nothing() -> None:
    other = Envelope("CA9", wire.Answer("sdp"))
    assert pass_on(waiting(OFFER), other) == (waiting(OFFER), (other,))


def test_only_so_many_messages_wait() -> None:
    state = waiting(OFFER, *[MESSAGE] * (2 * MAX_WAITING))
    assert len(state.waiting) == MAX_WAITING


SIDS = st.sampled_from(["CA1", "CA2", "CA3"])
BODIES = st.sampled_from([OFFER.body, MESSAGE.body, wire.Cancel(), wire.Answer("sdp"), wire.Ringing()])


@given(st.lists(st.one_of(SIDS, st.builds(Envelope, SIDS, BODIES)), max_size=20))
def test_an_invite_never_goes_out_while_a_call_is_unanswered(moves: list[str | Envelope]) -> None:
    """A text is a call that the client places."""
    state = Glare()
    for move in moves:
        if isinstance(move, str):
            state = place(state, move, f"T{move}")
            continue
        state, passed = pass_on(state, move)
        assert not state.placed or not any(isinstance(e.body, wire.Offer) for e in passed)
        assert state.placed or not state.waiting
