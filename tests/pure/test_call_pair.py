"""A client's and a gateway's call machine back to back, in good weather and in bad."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.call.state import Accept, Alert, CallStatus, Disconnect, Part, PartDown, PartUp, Reject
from tests.fakes.call_pair import CallPair, Weather

pytestmark = pytest.mark.pure

SIDES = st.sampled_from(["client", "gateway"])


def opened(*, rung: bool = False) -> CallPair:
    pair = CallPair(rung=rung)
    (pair.gateway if rung else pair.client).do(Accept(), 0.0)
    pair.settle()
    (pair.client if rung else pair.gateway).do(Accept(), 0.0)
    pair.settle()
    assert [end.state.status for end in pair.ends()] == [CallStatus.OPEN, CallStatus.OPEN]
    return pair


@pytest.mark.parametrize("rung", [False, True])
def test_a_call_opens_on_both_sides(rung: bool) -> None:
    opened(rung=rung)


def test_ringing_precedes_accept_at_the_caller() -> None:
    pair = CallPair()
    pair.client.do(Accept(), 0.0)
    pair.settle()
    pair.gateway.do(Alert(), 0.0)
    pair.settle()
    assert pair.client.state.status is CallStatus.RINGING
    pair.gateway.do(Accept(), 0.0)
    pair.settle()
    assert pair.client.names() == ["CallCreated", "Ringing", "Accepted"]


def test_early_media_is_described_before_the_answer() -> None:
    pair = CallPair()
    pair.client.do(Accept(), 0.0)
    pair.settle()
    pair.gateway.do(Alert(has_early_media=True), 0.0)
    pair.settle()
    assert pair.client.state.is_described
    assert pair.client.state.status is CallStatus.RINGING
    pair.gateway.do(Accept(), 0.0)
    pair.settle()
    assert pair.client.state.status is CallStatus.OPEN


@pytest.mark.parametrize("rung", [False, True])
@pytest.mark.parametrize("side", ["client", "gateway"])
def test_hanging_up_ends_both_sides(rung: bool, side: str) -> None:
    pair = opened(rung=rung)
    getattr(pair, side).do(Disconnect(), 1.0)
    pair.settle()
    assert [end.names()[-1] for end in pair.ends()] == ["Disconnected", "Disconnected"]


def test_a_caller_that_gives_up_cancels_the_callee() -> None:
    pair = CallPair(rung=True)
    pair.gateway.do(Accept(), 0.0)
    pair.settle()
    pair.gateway.do(Disconnect(), 1.0)
    pair.settle()
    assert pair.client.names()[-1] == "Cancelled"


def test_a_rejected_call_fails_with_declined_at_the_gateway() -> None:
    pair = CallPair(rung=True)
    pair.gateway.do(Accept(), 0.0)
    pair.settle()
    pair.client.do(Reject(), 1.0)
    pair.settle()
    assert pair.client.names()[-1] == "Rejected"
    assert pair.gateway.names()[-2:] == ["Failed", "Disconnected"]


@pytest.mark.parametrize("rung", [False, True])
def test_a_cut_socket_ends_in_reconnected_on_both_sides(rung: bool) -> None:
    pair = opened(rung=rung)
    pair.cut()
    assert [end.state.status for end in pair.ends()] == [CallStatus.RECONNECTING] * 2
    pair.now = 3.0
    pair.heal()
    pair.settle()
    for end in pair.ends():
        assert end.state.status is CallStatus.OPEN
        assert end.names()[-2:] == ["Reconnecting", "Reconnected"]


def test_the_socket_cut_again_before_the_answer_leaves_the_call_recoverable() -> None:
    """The new token is lost with the second socket; the call must live on."""
    pair = opened()
    for _ in range(3):
        pair.cut()
        pair.heal()
    pair.settle()
    assert [end.state.status for end in pair.ends()] == [CallStatus.OPEN] * 2
    assert pair.client.names().count("Reconnecting") == 1
    assert pair.client.names().count("Reconnected") == 1


def test_media_and_signaling_lost_together_give_one_reconnected() -> None:
    """The ICE restart offer cannot travel by `reinvite`; the reconnect `invite` must carry it."""
    pair = opened()
    for end in pair.ends():
        end.do(PartDown(Part.MEDIA, "gone", is_path_lost=True), 1.0)
    pair.cut()
    pair.client.do(PartUp(Part.MEDIA), 1.5)
    pair.client.do(PartDown(Part.MEDIA, "gone", is_path_lost=True), 1.6)
    pair.settle()
    pair.heal()
    pair.settle()
    for end in pair.ends():
        end.do(PartUp(Part.MEDIA), 2.0)
    assert [end.state.status for end in pair.ends()] == [CallStatus.OPEN] * 2
    assert [end.names().count("Reconnected") for end in pair.ends()] == [1, 1]


def test_an_ice_restart_is_answered_and_retried() -> None:
    pair = opened()
    pair.client.do(PartDown(Part.MEDIA, "gone", is_path_lost=True), 1.0)
    pair.settle()
    assert pair.client.state.status is CallStatus.RECONNECTING
    pair.advance(12.0)
    pair.client.do(PartUp(Part.MEDIA), pair.now)
    assert pair.client.state.status is CallStatus.OPEN
    assert pair.client.state.timers == ()


@pytest.mark.parametrize("rung", [False, True])
def test_a_client_that_never_returns_is_given_up(rung: bool) -> None:
    pair = opened(rung=rung)
    pair.cut()
    pair.advance(36.0)
    assert pair.gateway.state.status is CallStatus.CLOSED


def test_media_that_never_returns_ends_both_sides() -> None:
    pair = opened()
    for end in pair.ends():
        end.do(PartDown(Part.MEDIA, "gone", is_path_lost=True), 1.0)
    pair.advance(60.0)
    assert [end.state.status for end in pair.ends()] == [CallStatus.CLOSED] * 2
    assert pair.client.names()[-2:] == ["Failed", "Disconnected"]


def test_an_answer_lost_with_the_socket_still_opens_the_call() -> None:
    """The callee believes that it is in the call; only its reconnect `invite` tells the gateway."""
    pair = CallPair(rung=True)
    pair.gateway.do(Accept(), 0.0)
    pair.settle()
    pair.client.do(Accept(), 1.0)
    while pair.client.orders or pair.client.state.status is not CallStatus.OPEN:
        pair._turn()
    pair.cut()
    pair.heal()
    pair.settle()
    assert [end.state.status for end in pair.ends()] == [CallStatus.OPEN] * 2


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    rung=st.booleans(),
    weather=st.builds(Weather, st.floats(0, 0.3), st.floats(0, 0.3), st.floats(0, 0.3)),
    script=st.lists(
        st.one_of(
            st.tuples(st.just("cut"), st.just("")),
            st.tuples(st.just("heal"), st.just("")),
            st.tuples(st.just("lose media"), SIDES),
            st.tuples(st.just("find media"), SIDES),
            st.tuples(st.just("crash call"), SIDES),
            st.tuples(st.just("accept"), SIDES),
            st.tuples(st.just("wait"), st.just("")),
        ),
        max_size=25,
    ),
)
def test_in_any_weather_both_sides_come_to_an_end(
    seed: int, rung: bool, weather: Weather, script: list[tuple[str, str]]
) -> None:
    """Nothing hangs for ever: after the storm both are open, or a hang-up or the timers end both."""
    pair = CallPair(rung=rung, seed=seed, weather=weather)
    (pair.gateway if rung else pair.client).do(Accept(), 0.0)
    for what, side in script:
        act(pair, what, side)
        pair.settle()
    pair.weather = Weather()
    pair.cut()
    pair.heal()
    pair.settle()
    for end in pair.ends():
        for part in (Part.MEDIA, Part.CALL):
            end.do(PartUp(part), pair.now)
    pair.settle()
    statuses = {end.state.status for end in pair.ends()}
    if statuses == {CallStatus.OPEN}:
        pair.client.do(Disconnect(), pair.now)
        pair.settle()
    pair.advance(120.0)
    assert pair.gateway.state.is_over
    if pair.client.state.status is not CallStatus.PENDING:
        pair.cut()
        pair.heal()
        pair.settle()
        pair.client.do(Disconnect(), pair.now)
        assert pair.client.state.is_over


def act(pair: CallPair, what: str, side: str) -> None:
    end = getattr(pair, side) if side else pair.client
    match what:
        case "cut":
            pair.cut()
        case "heal":
            pair.heal()
        case "lose media":
            end.do(PartDown(Part.MEDIA, "gone", is_path_lost=True), pair.now)
        case "find media":
            end.do(PartUp(Part.MEDIA), pair.now)
        case "crash call":
            end.do(PartDown(Part.CALL, "crash"), pair.now)
            for part in (Part.SIGNALING, Part.MEDIA, Part.CALL):
                end.do(PartUp(part), pair.now)
        case "accept":
            end.do(Accept(), pair.now)
        case "wait":
            pair.advance(4.0)
