"""The device's machine: registration, the active call, the calls that ring, the token's time."""

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.device import machine as m
from actors.device.machine import DeviceState, DeviceStatus
from actors.signaling.messages import Offer

pytestmark = pytest.mark.pure

OFFER = Offer("v=0", {"From": "client:bob"}, "token")
UP = m.StreamUp("alice", 3600.0, "edge", "home")
LOST = m.StreamDown("gone")
ERROR = m.StreamDown("gone", 31005)
EXPIRED, INVALID = 31205, 31204


class Ran:
    """A device's machine after some inputs, with the effects of all of them."""

    def __init__(self, *inputs: m.Input, state: DeviceState | None = None) -> None:
        self.state = state or DeviceState()
        self.effects: list[m.Effect] = []
        self.then(*inputs)

    def then(self, *inputs: m.Input, now: float = 0.0) -> "Ran":
        for happened in inputs:
            self.state, effects = m.step(self.state, happened, now)
            self.effects += effects
        return self

    def fresh(self) -> "Ran":
        self.effects = []
        return self

    @property
    def statuses(self) -> list[str]:
        return [effect.status.value for effect in self.effects if isinstance(effect, m.StatusChanged)]

    def of(self, kind: type) -> list[m.Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]


def registered() -> Ran:
    return Ran(UP, m.RegistrationAsked(True), m.GatewayReady())


# --- registration ------------------------------------------------------------------------------------


def test_registering_waits_for_the_gateway() -> None:
    ran = Ran(m.RegistrationAsked(True))
    assert (ran.statuses, ran.of(m.AskRegistration)) == (["registering"], [])
    ran.then(UP)
    assert ran.of(m.AskRegistration) == [m.AskRegistration(True)]
    ran.then(m.GatewayReady())
    assert ran.statuses == ["registering", "registered"]


def test_calls_are_bound_before_the_device_registers_again() -> None:
    """They have to come first on the wire."""
    effects = registered().then(LOST).fresh().then(UP).effects
    assert effects == [
        m.BindCalls(),
        m.StatusChanged(DeviceStatus.REGISTERING),
        m.AskRegistration(True),
    ]


def test_a_lost_socket_unregisters_until_it_is_back() -> None:
    ran = registered().fresh().then(LOST)
    assert (ran.statuses, ran.state.edge, ran.of(m.UnbindCalls)) == (
        ["unregistered"],
        None,
        [m.UnbindCalls()],
    )
    ran.then(UP, m.GatewayReady())
    assert ran.state.status is DeviceStatus.REGISTERED


def test_who_waits_for_registration_waits_through_lost_sockets() -> None:
    ran = Ran(m.RegistrationAsked(True), ERROR, LOST)
    assert (ran.state.status, ran.state.wants_registration) == (DeviceStatus.REGISTERING, True)
    assert ran.of(m.ErrorRaised) == [m.ErrorRaised(31005, "gone")]


def test_unregistering_is_done_when_the_gateway_says_so_and_is_not_undone_by_a_new_socket() -> None:
    ran = registered().fresh().then(m.RegistrationAsked(False))
    assert (ran.statuses, ran.effects) == ([], [m.AskRegistration(False)])
    ran.then(m.GatewayOffline())
    assert ran.statuses == ["unregistered"]
    ran.fresh().then(LOST, UP, m.GatewayReady())
    assert (ran.of(m.AskRegistration), ran.state.status) == ([], DeviceStatus.UNREGISTERED)


def test_a_ready_that_nobody_asked_for_registers_nothing() -> None:
    assert Ran(UP, m.GatewayReady()).statuses == []


def test_the_gateway_may_send_a_device_away_for_good() -> None:
    ran = registered().fresh().then(m.StreamClosed())
    assert (ran.statuses, ran.of(m.UnbindCalls)) == (["unregistered"], [m.UnbindCalls()])
    assert not ran.state.is_connected
    assert ran.state.deadline is None
    assert not ran.state.wants_registration


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_refused_registration_is_over_and_the_stream_does_not_repeat_it(is_connected: bool) -> None:
    """Before `connected` the objection is to something else."""
    inputs = (UP, m.RegistrationAsked(True)) if is_connected else (m.RegistrationAsked(True),)
    ran = Ran(*inputs).fresh().then(m.GatewayProblem(31206, "too many"))
    assert (ran.state.status is DeviceStatus.UNREGISTERED) == is_connected
    assert ran.state.wants_registration != is_connected
    assert ran.of(m.AskRegistration) == ([m.AskRegistration(False)] if is_connected else [])


def test_a_problem_with_a_call_does_not_end_registering() -> None:
    ran = Ran(UP, m.RegistrationAsked(True)).fresh().then(m.GatewayProblem(31000, "x", "CA1"))
    assert ran.effects == [m.ErrorRaised(31000, "x", is_remote=True, call_sid="CA1")]
    assert ran.state.status is DeviceStatus.REGISTERING


# --- tokens ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(m.TOKEN_REFUSALS))
def test_a_refused_token_ends_registering_and_only_an_expired_one_is_tried_again(code: int) -> None:
    ran = Ran(m.RegistrationAsked(True)).fresh().then(m.GatewayProblem(code, "no"))
    assert ran.effects == [
        m.ErrorRaised(code, "no", is_remote=True),
        m.StatusChanged(DeviceStatus.UNREGISTERED),
    ]
    assert ran.state.wants_registration == (code == EXPIRED)


def test_a_new_token_that_is_refused_leaves_the_registration_as_it_is() -> None:
    ran = registered().then(m.GatewayProblem(INVALID, "no"))
    assert (ran.state.status, ran.state.wants_registration) == (DeviceStatus.REGISTERED, True)
    ran.then(LOST, m.GatewayProblem(INVALID, "no"))
    assert not ran.state.wants_registration, "on the next socket it is the only token"


def test_other_problems_are_told_and_change_nothing() -> None:
    ran = registered().fresh()
    before = ran.state
    ran.then(m.GatewayProblem(31206, "slow down"), m.StreamProblem(31009, "not sent"))
    assert ran.state == before
    assert ran.effects == [
        m.ErrorRaised(31206, "slow down", is_remote=True),
        m.ErrorRaised(31009, "not sent"),
    ]


@pytest.mark.parametrize("refusal", [m.GatewayProblem(INVALID, "no"), m.StreamClosed()])
def test_who_is_turned_away_does_not_reach_out_until_it_asks_again(refusal: m.Input) -> None:
    """Else `connect` would wait for ever."""
    ran = Ran()
    assert ran.state.is_reaching_out
    ran.then(refusal)
    assert (ran.state.is_reaching_out, ran.state.is_turned_away) == (False, True)
    assert Ran(LOST, state=ran.state).state.is_turned_away
    assert ran.then(m.Approached()).state.is_reaching_out
    ran.then(refusal, UP)
    assert (ran.state.is_turned_away, ran.state.is_reaching_out) == (False, False)


def test_a_token_that_expires_during_a_session_turns_nobody_away() -> None:
    assert not Ran(UP, m.GatewayProblem(EXPIRED, "expired")).state.is_turned_away


def test_the_token_is_about_to_expire_once() -> None:
    ran = Ran(UP)
    assert ran.state.deadline == 3590.0
    assert m.expire(ran.state, 3589.9) == (ran.state, ())
    state, effects = m.expire(ran.state, 3590.0)
    assert (effects, state.deadline) == ((m.TokenExpiring(),), None)


def test_a_new_token_has_its_own_time() -> None:
    ran = Ran(UP).then(m.StreamUp("alice", 7200.0), now=100.0)
    assert ran.state.deadline == 7290.0


def test_a_token_with_less_time_than_asked_for_is_told_at_once() -> None:
    ran = Ran(state=DeviceState(token_refresh_s=60.0)).then(m.StreamUp("alice", 30.0), now=5.0)
    assert ran.state.deadline == 5.0


# --- calls -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_allowed", [False, True])
def test_a_busy_device_lets_others_ring_on_unless_its_user_wants_to_know(is_allowed: bool) -> None:
    ran = Ran(UP, m.CallPlaced("one"), state=DeviceState(allows_incoming_while_busy=is_allowed)).fresh()
    ran.then(m.Offered("CA2", OFFER))
    assert ran.effects == ([m.OpenIncoming("CA2", OFFER)] if is_allowed else [])


def test_a_ringing_call_does_not_make_a_device_busy() -> None:
    ran = Ran(UP, m.CallRings("one")).fresh().then(m.Offered("CA2", OFFER))
    assert ran.effects == [m.OpenIncoming("CA2", OFFER)]


@pytest.mark.parametrize("offered", [m.Offered("", OFFER), m.Offered("CA1", replace(OFFER, sdp=""))])
def test_a_malformed_offer_is_an_error(offered: m.Offered) -> None:
    [error] = Ran(offered).effects
    assert isinstance(error, m.ErrorRaised)
    assert error.code == 31400


def test_placing_a_call_lets_those_that_ring_go() -> None:
    ran = Ran(m.CallRings("one"), m.CallRings("two")).then(m.CallPlaced("three"))
    assert ran.effects == [m.LetGo("one"), m.LetGo("two")]
    assert (ran.state.active, ran.state.pending) == ("three", ())


def test_taking_a_call_ends_the_active_one_and_keeps_the_others_ringing() -> None:
    ran = Ran(m.CallPlaced("one"), m.CallRings("two"), m.CallRings("three")).then(m.CallTaken("two"))
    assert ran.of(m.EndCall) == [m.EndCall("one")]
    assert (ran.state.active, ran.state.pending) == ("two", ("three",))
    ran.then(m.CallOver("one"))
    assert ran.state.active == "two"


def test_a_device_is_free_when_its_call_is_over() -> None:
    ran = Ran(m.CallPlaced("one"), m.CallOver("two"))
    assert ran.state.active == "one"
    assert ran.then(m.CallOver("one")).state.active is None
    assert Ran(m.CallRings("one"), m.CallOver("one")).state.pending == ()


def test_a_device_is_settled_from_its_first_accepted_call_to_the_end_of_its_last() -> None:
    ran = Ran(UP, m.CallPlaced("one"), m.CallAnswered("two"))
    assert not ran.state.is_settled
    ran.then(m.CallAnswered("one"), m.CallAnswered("one"), m.CallRings("two"), m.CallOver("one"))
    assert ran.of(m.Settle) == [m.Settle(True)]
    ran.then(m.CallTaken("two"), m.CallOver("two"), m.CallOver("two"))
    assert ran.of(m.Settle) == [m.Settle(True), m.Settle(False)]


@pytest.mark.parametrize(("asked", "held"), [(30.0, 30.0), (-1.0, 0.0), (1e9, m.MAX_RETRY_AFTER)])
def test_a_settled_device_gives_a_gateway_the_time_it_asks_for(asked: float, held: float) -> None:
    overloaded = m.GatewayProblem(31902, "overloaded", retry_after=asked)
    assert Ran(UP, overloaded).of(m.HoldOff) == []
    ran = Ran(UP, m.CallPlaced("one"), m.CallAnswered("one"), overloaded)
    assert ran.of(m.HoldOff) == [m.HoldOff(held)]


def test_changed_options_count_from_then_on() -> None:
    ran = Ran(UP, m.CallPlaced("one"), m.OptionsChanged(True, 60.0)).fresh()
    assert ran.state.deadline == 3590.0
    ran.then(m.Offered("CA2", OFFER), UP)
    assert (ran.of(m.OpenIncoming), ran.state.deadline) == ([m.OpenIncoming("CA2", OFFER)], 3540.0)


def test_destroying_rejects_hangs_up_and_is_final() -> None:
    ran = registered().then(m.CallPlaced("one"), m.CallRings("two")).fresh().then(m.Destroyed())
    assert ran.effects == [
        m.RejectCall("two"),
        m.EndCall("one"),
        m.StatusChanged(DeviceStatus.UNREGISTERED),
        m.StatusChanged(DeviceStatus.DESTROYED),
    ]
    after = ran.state
    ran.fresh().then(UP, m.RegistrationAsked(True), m.Offered("CA3", OFFER), m.CallPlaced("x"), m.Destroyed())
    assert (ran.state, ran.effects, ran.state.deadline) == (after, [], None)


KEYS = st.sampled_from(["one", "two", "three"])
INPUTS = st.one_of(
    st.builds(m.RegistrationAsked, st.booleans()),
    st.sampled_from(
        [UP, LOST, ERROR, m.Approached(), m.StreamClosed(), m.GatewayReady(), m.GatewayOffline()]
    ),
    st.builds(m.GatewayProblem, st.sampled_from([EXPIRED, INVALID, 31206]), st.just("why")),
    st.builds(m.OptionsChanged, st.booleans(), st.just(10.0)),
    st.builds(m.Offered, st.sampled_from(["CA1", ""]), st.just(OFFER)),
    st.builds(m.CallPlaced, KEYS),
    st.builds(m.CallRings, KEYS),
    st.builds(m.CallTaken, KEYS),
    st.builds(m.CallAnswered, KEYS),
    st.builds(m.CallOver, KEYS),
)


class DeviceModel(RuleBasedStateMachine):
    """Any input in any order."""

    @initialize(allowed=st.booleans())
    def open(self, allowed: bool) -> None:
        self.now = 0.0
        self.ran = Ran(state=DeviceState(allows_incoming_while_busy=allowed))

    @rule(happened=INPUTS)
    def happen(self, happened: m.Input) -> None:
        before = self.ran.state
        self.ran.fresh().then(happened, now=self.now)
        told = self.ran.statuses
        assert told == ([] if before.status is self.ran.state.status else [self.ran.state.status.value])
        if self.ran.of(m.AskRegistration):
            assert self.ran.state.is_connected
        if isinstance(happened, m.Offered) and before.active and not before.allows_incoming_while_busy:
            assert not self.ran.of(m.OpenIncoming)

    @rule(seconds=st.sampled_from([1.0, 3600.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.ran.state, _ = m.expire(self.ran.state, self.now)
        assert self.ran.state.deadline is None or self.ran.state.deadline > self.now

    @invariant()
    def a_registered_device_has_a_socket_and_wishes_to_be_rung(self) -> None:
        if self.ran.state.status is DeviceStatus.REGISTERED:
            assert self.ran.state.is_connected

    @invariant()
    def only_a_device_with_calls_is_settled(self) -> None:
        state = self.ran.state
        if state.is_settled and state.status is not DeviceStatus.DESTROYED:
            assert state.active or state.pending

    @invariant()
    def nobody_reaches_out_who_is_connected(self) -> None:
        assert not (self.ran.state.is_reaching_out and self.ran.state.is_connected)
        assert not (self.ran.state.is_turned_away and self.ran.state.is_connected)


TestDeviceModel = DeviceModel.TestCase
