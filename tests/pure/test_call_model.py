"""The call machine under every input in every order: what must hold whatever happens."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors import events
from actors.call import state as machine
from actors.call.state import CallState, CallStatus, Direction, Part, Role
from actors.media import messages as media
from actors.signaling import messages as wire
from tests.fakes.call_pair import End

pytestmark = pytest.mark.pure

SDPS = st.sampled_from(["v=0 one", "v=0 two"])
ERRORS = st.none() | st.builds(
    wire.WireError, st.sampled_from([31005, 31480, 31486, 31603]), st.just("reason")
)
BODIES = st.one_of(
    st.builds(wire.Ringing, st.none() | SDPS),
    st.builds(wire.Answer, st.none() | SDPS, st.none() | st.just("token")),
    st.builds(wire.Cancel),
    st.builds(wire.Hangup, ERRORS),
    st.builds(wire.Reject),
    st.builds(wire.Reinvite, SDPS),
    st.builds(wire.Resume, SDPS, st.just("token")),
    st.builds(wire.Digits, st.text("0123456789*#w", max_size=4)),
    st.builds(wire.UserMessage, st.just({"a": 1}), st.just("type"), st.just("KX1")),
    st.builds(wire.Ack, st.just("KX1")),
    st.builds(wire.Refusal, st.just("KX1"), st.just(wire.WireError(31210))),
    st.builds(wire.Invite, SDPS),
    st.builds(wire.Offer, SDPS, st.just({})),
)
REPORTS = st.one_of(
    st.builds(media.LocalOffer, SDPS, st.booleans()),
    st.builds(media.LocalAnswer, SDPS, st.just("pcmu"), st.booleans()),
    st.builds(media.Applied, st.just("opus"), st.booleans()),
    st.builds(media.Kept),
    st.builds(media.DescriptionFailed, st.sampled_from(media.Failure), st.just("why"), st.booleans()),
    st.builds(media.Flowing),
    st.builds(media.PlaybackEnded),
    st.builds(media.DigitReceived, st.just("5"), st.just(160)),
)
COMMANDS = st.one_of(
    st.builds(machine.Accept),
    st.builds(machine.Alert, st.booleans()),
    st.builds(machine.Mute, st.booleans()),
    st.builds(machine.SendMessage, st.builds(wire.UserMessage, st.just("x"), st.just("t"), st.just("KX1"))),
)
ENDINGS = st.one_of(
    st.builds(machine.Reject, ERRORS), st.builds(machine.Ignore), st.builds(machine.Disconnect, ERRORS)
)
PARTS = st.sampled_from(Part)


class CallModel(RuleBasedStateMachine):
    """One machine, either role, either direction, any input."""

    @initialize(
        role=st.sampled_from(Role), direction=st.sampled_from(Direction), token=st.none() | st.just("token")
    )
    def open(self, role: Role, direction: Direction, token: str | None) -> None:
        offer = "v=0 offer" if direction is Direction.INCOMING else None
        self.now = 0.0
        self.end = End(CallState(role, direction, "TJS1", "CA1", remote_offer=offer, token=token))
        self.end.begin(0.0)

    @rule(command=COMMANDS)
    def command(self, command: machine.Command) -> None:
        self.end.do(command, self.now)

    @rule(command=ENDINGS)
    def end_it(self, command: machine.Command) -> None:
        self.end.do(command, self.now)

    @rule(body=BODIES)
    def receive(self, body: wire.CallMessage) -> None:
        self.end.do(machine.Received(body, "CA1"), self.now)

    @rule(report=REPORTS)
    def report(self, report: media.Report) -> None:
        self.end.do(machine.Reported(report), self.now)

    @rule(part=PARTS, is_path_lost=st.booleans())
    def lose(self, part: Part, is_path_lost: bool) -> None:
        self.end.do(machine.PartDown(part, "lost", is_path_lost=is_path_lost), self.now)

    @rule(part=PARTS)
    def find(self, part: Part) -> None:
        self.end.do(machine.PartUp(part), self.now)

    @rule(part=PARTS)
    def exhaust(self, part: Part) -> None:
        self.end.do(machine.PartExhausted(part, "spent"), self.now)

    @rule(seconds=st.sampled_from([0.1, 3.0, 10.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        deadline = self.end.state.deadline
        if deadline is not None and deadline <= self.now:
            self.end.expire(self.now)
            after = self.end.state.deadline
            assert after is None or after > self.now, "an expired timer must not stay"

    @invariant()
    def media_is_closed_exactly_when_the_call_is(self) -> None:
        closes = sum(isinstance(order, media.CloseMedia) for order in self.end.orders)
        assert closes == (1 if self.end.state.is_over else 0)

    @invariant()
    def accept_is_emitted_once_and_only_when_described(self) -> None:
        accepts = self.end.names().count("Accepted")
        assert accepts == (1 if self.end.state.phase is CallStatus.OPEN else accepts)
        assert accepts <= 1

    @invariant()
    def every_reconnecting_is_closed_or_still_open(self) -> None:
        """Between two `reconnected` lies at least one `reconnecting`, and `down` is empty after the last."""
        pending = 0
        for event in self.end.published:
            if isinstance(event, events.Reconnecting):
                pending += 1
            if isinstance(event, events.Reconnected):
                assert pending > 0
                pending = 0
        if not self.end.state.is_over:
            assert bool(pending) == bool(self.end.state.down)

    @invariant()
    def held_messages_wait_only_while_signaling_is_down(self) -> None:
        assert not self.end.state.outbox or Part.SIGNALING in self.end.state.down


TestCallModel = CallModel.TestCase
