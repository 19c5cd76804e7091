"""The gateway over loopback: tokens that move a call, limits, and who is let in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from trio_websocket import ConnectionRejected

from actors import events
from actors.call import Call, CallStatus
from actors.media.messages import Tone
from tests.fakes.house import House, open_house
from tests.fakes.peer_process import open_peer
from tests.fakes.raw_client import Payload, RawClient, open_client, open_stranger

pytestmark = pytest.mark.net

ALICE_HZ, BOB_HZ, SECOND_HZ = 700.0, 1100.0, 1500.0
TEMP_SID = "TJS1"
EXPIRED, RATE_EXCEEDED, RECONNECT_REFUSED, TOO_LARGE = 31205, 31206, 31209, 31212
BUSY, OVERLOADED = 31486, 31902


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


# --- glare ------------------------------------------------------------------------------------------------


async def test_a_page_is_rung_when_its_own_call_was_not_answered(tmp_path: Path) -> None:
    """Before that, it would take the `ringing` of its own call for one of the call that comes in."""
    with trio.fail_after(30):
        async with (
            open_house(tmp_path) as house,
            open_peer() as peer,
            open_client(house, "bob") as page,
            house.device("alice") as alice,
        ):
            await page.register()
            await page.invite(TEMP_SID, await peer.offer("pcmu", BOB_HZ), "reject:31486")
            await page.receive("ringing")
            call = await alice.connect(params={"To": "client:bob"})
            assert (await page.receive("hangup"))["error"]["code"] == BUSY
            invite = await page.receive("invite")
            await page.send("reject", callsid=invite["callsid"])
            await call.ended()


# --- limits -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def echoing(data_dir: Path, **flags: object) -> AsyncIterator[tuple[House, RawClient, str]]:
    """A page in a call to the test number that sends messages back, and its CallSid."""
    async with (
        open_house(data_dir, **flags) as house,
        open_peer() as peer,
        open_client(house, "alice") as page,
    ):
        await page.invite(TEMP_SID, await peer.offer("pcmu", ALICE_HZ), "message")
        yield house, page, str((await page.receive("answer"))["callsid"])


async def test_a_message_that_is_too_long_is_refused_and_the_next_one_taken(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with echoing(tmp_path, max_message_bytes=100) as (_, page, sid):
            for content, event in (("x" * 200, "KX1"), ("short", "KX2")):
                await page.message(sid, content, event)
            refusal = await page.receive("error")
            assert (refusal["callsid"], refusal["voiceeventsid"]) == (sid, "KX1")
            assert refusal["error"]["code"] == TOO_LARGE
            assert (await page.receive("ack"))["voiceeventsid"] == "KX2"
            assert (await page.receive("message"))["content"] == {"echo": "short"}


async def test_a_full_node_says_when_to_come_back(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with echoing(tmp_path, max_calls=1) as (_, page, _sid):
            await page.invite("TJS2", "v=0\r\n", "echo")
            error = await page.receive("error")
            assert error["error"]["code"] == OVERLOADED
            assert error["error"]["retryAfter"] > 0
            hangup = await page.receive("hangup")
            assert (hangup["callsid"], hangup["error"]["code"]) == ("TJS2", RATE_EXCEEDED)


# --- who is let in ----------------------------------------------------------------------------------------


async def test_pages_of_other_origins_are_turned_away(tmp_path: Path) -> None:
    ours = "https://app.example.org"
    with trio.fail_after(30):
        async with open_house(tmp_path, allowed_origins=(ours,)) as house:
            with pytest.RaisesGroup(pytest.RaisesExc(ConnectionRejected, match="403")):
                async with open_stranger(house, origin="https://evil.test"):
                    pass
            for origin in (ours, None):
                async with open_stranger(house, origin=origin) as page:
                    await page.listen(house.token("alice"))
                    await page.receive("connected")


async def test_a_token_refreshed_in_mid_call_disturbs_nothing(tmp_path: Path) -> None:
    """`connected` would make the page resume its call. The old token's end is of no account then."""
    with trio.fail_after(30):
        async with echoing(tmp_path) as (house, page, sid):
            await page.listen(house.token("alice", ttl=2.0))
            assert (await page.receive("error"))["error"]["code"] == EXPIRED
            await page.listen(house.token("alice"))
            await page.message(sid, "still here", "KX1")
            assert (await page.receive("ack"))["voiceeventsid"] == "KX1"
            await page.receive("message")
            assert not house.notes.of(sid, events.Reconnecting, events.Disconnected)
            await page.register()
