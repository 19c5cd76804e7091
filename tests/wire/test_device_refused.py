"""What a device does about a gateway that does not take its token: it fails clearly and never hammers."""

import itertools

import pytest
import trio
from trio.testing import MockClock

from actors.device.state import DeviceStatus
from actors.errors import TwilioError
from actors.signaling import messages as wire
from tests.fakes.scripted_gateway import ScriptedGateway, open_gateway, open_scripted

pytestmark = pytest.mark.wire

EXPIRED = wire.Problem(wire.WireError(31205, "expired"))
INVALID = wire.Problem(wire.WireError(31204, "not a JWT"))
CLOSE_SECONDS = 1.0
LONGEST_WAIT = 20.0


async def _refuse(gateway: ScriptedGateway, attempts: int) -> None:
    """Close each socket a second after it has come, as a gateway does that refuses its token."""
    for number in itertools.count(1):
        await gateway.until(lambda number=number: len(gateway.of(wire.Listen)) >= number)  # type: ignore[misc]
        await trio.sleep(CLOSE_SECONDS)
        if number == attempts:
            return
        await gateway.hang_up_socket(1000)


async def test_attempts_with_an_expired_token_become_rare(autojump_clock: MockClock) -> None:
    """The application may never notice; the server must not suffer from it."""
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        gateway.connected = EXPIRED
        with pytest.raises(TwilioError) as caught:
            await device.register()
        assert caught.value.code == 20104
        await _refuse(gateway, 12)
        times = [at for at, _ in gateway.attempts]
        waits = [later - earlier - CLOSE_SECONDS for earlier, later in itertools.pairwise(times)]
        assert waits[0] < 0.5
        assert all(later > earlier for earlier, later in itertools.pairwise(waits[1:7]))
        assert all(LONGEST_WAIT * 0.6 <= wait <= LONGEST_WAIT + 0.1 for wait in waits[-3:])


async def test_the_token_of_the_moment_is_used_when_it_comes_back(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, _):
        gateway.connected = EXPIRED
        with pytest.raises(TwilioError):
            await device.register()
        await gateway.hang_up_socket(1000)
        device.update_token("newer")
        gateway.connected = wire.Connected("alice", 3600.0)
        await gateway.hear(wire.Register)
        assert gateway.of(wire.Listen)[-1] == wire.Listen("newer")


async def test_who_is_told_to_stay_away_does_until_asked_again(autojump_clock: MockClock) -> None:
    async with open_gateway() as gateway, open_scripted(gateway) as (device, ears):
        gateway.connected = INVALID
        with pytest.raises(TwilioError) as caught:
            await device.register()
        assert caught.value.code == 20101
        await gateway.say(wire.Close())
        await trio.sleep(1000)
        assert (len(gateway.attempts), ears.errors) == (1, [20101])
        gateway.connected = wire.Connected("alice", 3600.0)
        device.update_token("better")
        await device.register()
        assert device.state is DeviceStatus.REGISTERED
