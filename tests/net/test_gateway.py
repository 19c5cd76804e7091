"""The gateway over loopback: tokens that move a call, limits, and who is let in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from actors.call import Call, CallStatus
from actors.media.messages import Tone
from tests.fakes.house import House, open_house
from tests.fakes.peer_process import open_peer
from tests.fakes.raw_client import Payload, RawClient, open_client

pytestmark = pytest.mark.net

ALICE_HZ, BOB_HZ, SECOND_HZ = 700.0, 1100.0, 1500.0
RECONNECT_REFUSED = 31209


@dataclass(frozen=True)
class Rung:
    """Alice, a device, calls Bob, whose first page is rung."""

    house: House
    call: Call
    page: RawClient
    invite: Payload

    @property
    def sid(self) -> str:
        return str(self.invite["callsid"])

    @property
    def token(self) -> str:
        return str(self.invite["reconnect"])


@asynccontextmanager
async def rung(data_dir: Path) -> AsyncIterator[Rung]:
    async with (
        open_house(data_dir) as house,
        open_client(house, "bob") as page,
        house.device("alice", input=Tone(ALICE_HZ), codec_preferences=("pcmu",)) as alice,
    ):
        await page.register()
        call = await alice.connect(params={"To": "client:bob"})
        call.listen_for(BOB_HZ, SECOND_HZ)
        yield Rung(house, call, page, await page.receive("invite"))


# --- connect tokens ---------------------------------------------------------------------------------------


async def test_a_ringing_call_is_forwarded_to_another_page(tmp_path: Path) -> None:
    """The second page offers by itself; the first is cancelled, and the caller only sees an answer."""
    with trio.fail_after(30):
        async with rung(tmp_path) as bob, open_peer() as peer, open_client(bob.house, "bob") as second:
            await second.resume(bob.sid, await peer.offer("pcmu", SECOND_HZ), bob.token)
            assert (await bob.page.receive("cancel"))["callsid"] == bob.sid
            answer = await second.receive("answer")
            assert answer["callsid"] == bob.sid
            assert answer["reconnect"] != bob.token
            await peer.accept(answer["sdp"])
            await bob.call.heard(SECOND_HZ)
            await peer.hears(ALICE_HZ)
            bob.call.disconnect()
            assert (await second.receive("hangup"))["callsid"] == bob.sid


async def test_an_open_call_goes_on_in_a_page_that_was_reloaded(tmp_path: Path) -> None:
    """Another certificate means another media session; the caller's own goes on."""
    with trio.fail_after(30):
        async with (
            rung(tmp_path) as bob,
            open_peer() as first,
            open_peer() as second,
            open_client(bob.house, "bob") as reloaded,
        ):
            description = await first.answer(bob.invite["sdp"], BOB_HZ)
            await bob.page.send("answer", callsid=bob.sid, sdp=description)
            await bob.call.heard(BOB_HZ)
            await bob.page.close()
            await reloaded.resume(bob.sid, await second.offer("pcmu", SECOND_HZ), bob.token)
            answer = await reloaded.receive("answer")
            await second.accept(answer["sdp"])
            await bob.call.heard(SECOND_HZ)
            await bob.call.silent(BOB_HZ)
            await second.hears(ALICE_HZ)
            assert bob.call.status() is CallStatus.OPEN


@pytest.mark.parametrize(("identity", "token"), [("bob", "guessed"), ("mallory", None)])
async def test_a_ringing_call_is_not_forwarded_to_a_stranger(
    tmp_path: Path, identity: str, token: str | None
) -> None:
    with trio.fail_after(30):
        async with rung(tmp_path) as bob, open_client(bob.house, identity) as other:
            await other.resume(bob.sid, "v=0\r\n", token or bob.token)
            hangup = await other.receive("hangup")
            assert (hangup["callsid"], hangup["error"]["code"]) == (bob.sid, RECONNECT_REFUSED)
            assert bob.call.status() is CallStatus.RINGING
            await bob.page.send("reject", callsid=bob.sid)
            assert (await bob.page.receive("cancel"))["callsid"] == bob.sid
            await bob.call.ended()
