"""What a call says of itself as it comes to know more."""

import pytest
from trio.testing import MockClock

from actors.call.state import Direction, Received, Role
from actors.errors import InvalidStateError
from actors.signaling import messages as wire
from tests.fakes.exchange import FakeOutlet, answer_to, open_bench, settle

pytestmark = pytest.mark.actor

CLIENT, OUTGOING = Role.CLIENT, Direction.OUTGOING
SID = "CA" + "1" * 32


@pytest.mark.parametrize("token", [None, "token"])
async def test_a_connect_token_needs_a_callsid_and_a_token(
    token: str | None, autojump_clock: MockClock
) -> None:
    async with open_bench() as bench:
        outlet = FakeOutlet()
        call = bench.call(CLIENT, OUTGOING, outlet).call
        assert (call.connect_token, call.sid) == (None, call.outbound_connection_id)
        call.accept()
        await settle()
        call.core.receive(Received(wire.Ringing(), SID))
        await settle()
        assert (call.connect_token, call.parameters) == (None, {"CallSid": SID})
        answer = wire.Answer(answer_to(outlet.bodies[-1].sdp), token)  # type: ignore[union-attr]
        call.core.receive(Received(answer, SID))
        await settle()
        assert (call.connect_token is None) == (token is None)


async def test_streams_are_there_with_the_media(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        call = bench.call(CLIENT, OUTGOING, FakeOutlet()).call
        assert (call.get_local_stream(), call.get_remote_stream()) == (None, None)
        with pytest.raises(InvalidStateError):
            call.send_digits("1")
        live = await bench.opened(FakeOutlet(), CLIENT, OUTGOING)
        assert live.call.get_local_stream() is live.call.get_local_stream() is not None
        assert live.call.get_remote_stream() is live.call.get_remote_stream() is not None


async def test_muting_is_told_once_with_the_call(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        call = (await bench.opened(FakeOutlet(), CLIENT, OUTGOING)).call
        told: list[tuple[object, ...]] = []
        call.on("mute", lambda *given: told.append(given))
        for should_mute in (True, True, False, False):
            call.mute(should_mute)
        call.mute()
        assert told == [(True, call), (False, call), (True, call)]
        assert call.is_muted()


async def test_a_call_may_be_muted_before_it_has_media(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        call = bench.call(CLIENT, OUTGOING, FakeOutlet()).call
        call.mute()
        assert call.is_muted()
        call.accept()
        await settle()
        assert any("MuteLeg" in repr(command) for command in bench.engine.commands)
