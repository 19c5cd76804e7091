"""Our gateway against a WebRTC stack and a signaling client that are not ours.

The peer is aiortc in a process of its own; its client writes the protocol's JSON by hand.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from actors import events
from actors.call import Call, CallStatus
from actors.media.messages import Tone
from tests.fakes.house import House, open_house
from tests.fakes.peer_process import PeerProcess, open_peer
from tests.fakes.raw_client import Payload, RawClient, open_client, open_stranger

pytestmark = pytest.mark.net

TEMP_SID = "TJS0f6e2c1a-9b3d-4c55-8e21-7a90d1b2c3d4"
ALICE_HZ, BOB_HZ, SERVER_HZ, SECOND_HZ = 700.0, 1100.0, 440.0, 1500.0
FORMATS = {"opus": "opus/48000/2", "pcmu": "PCMU/8000", "g722": "G722/8000"}
MALFORMED, FORGED, BAD_TOKEN, EXPIRED = 31100, 31202, 31204, 31205
BAD_DESCRIPTION, RECONNECT_REFUSED = 53402, 31209

both_codecs = pytest.mark.parametrize("codec", ["opus", "pcmu"])


@dataclass(frozen=True)
class Dialled:
    """A peer in a call that it placed."""

    house: House
    client: RawClient
    peer: PeerProcess
    offer: str
    answer: Payload

    @property
    def sid(self) -> str:
        return str(self.answer["callsid"])

    @property
    def server_half(self) -> Call:
        call = self.house.node.gateway.find(self.sid)
        assert call is not None
        return call


async def dial(house: House, client: RawClient, peer: PeerProcess, to: str, codec: str, hz: float) -> Dialled:
    offer = await peer.offer(codec, hz)
    assert "a=candidate" not in offer
    await client.invite(TEMP_SID, offer, to)
    if to.startswith("client:"):
        await client.receive("ringing")
    answer = await client.receive("answer")
    assert answer["callsid"].startswith("CA")
    assert FORMATS[codec] in answer["sdp"]
    await peer.accept(answer["sdp"])
    return Dialled(house, client, peer, offer, answer)


@asynccontextmanager
async def dialled(data_dir: Path, to: str, codec: str = "opus") -> AsyncIterator[Dialled]:
    """Alice's aiortc peer sends ALICE_HZ to a test number."""
    async with open_house(data_dir) as house, open_peer() as peer, open_client(house, "alice") as client:
        yield await dial(house, client, peer, to, codec, ALICE_HZ)


@asynccontextmanager
async def unbroken_audio(call: Dialled) -> AsyncIterator[None]:
    """What happens in the block may neither interrupt the audio of a `tone` call nor begin new media."""
    half = call.server_half
    half.listen_for(ALICE_HZ)
    await call.peer.hears(SERVER_HZ)
    await half.heard(ALICE_HZ)
    before = await call.peer.traffic()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call.peer.hears, SERVER_HZ)
        yield
    assert (await call.peer.traffic()).streams == before.streams
    assert not call.house.notes.of(call.sid, events.ToneGone)


@both_codecs
async def test_echo_sends_the_peers_own_tone_back(tmp_path: Path, codec: str) -> None:
    with trio.fail_after(30):
        async with dialled(tmp_path, "echo", codec) as call:
            await call.peer.hears(ALICE_HZ)
            assert call.server_half.negotiated_codec == codec


@pytest.mark.parametrize("codec", ["opus", "pcmu", "g722"])
async def test_both_sides_measure_the_others_tone(tmp_path: Path, codec: str) -> None:
    with trio.fail_after(30):
        async with dialled(tmp_path, f"tone:{SERVER_HZ:.0f}", codec) as call:
            call.server_half.listen_for(ALICE_HZ, BOB_HZ)
            await call.peer.hears(SERVER_HZ)
            await call.server_half.heard(ALICE_HZ)
            assert not call.server_half.hears(BOB_HZ)


async def test_a_called_peer_answers_our_offer(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with (
            open_house(tmp_path) as house,
            open_peer() as peer,
            open_client(house, "bob") as bob,
            house.device("alice", input=Tone(ALICE_HZ)) as alice,
        ):
            await bob.register()
            call = await alice.connect(params={"To": "client:bob"})
            call.listen_for(BOB_HZ)
            invite = await bob.receive("invite")
            assert invite["parameters"]["From"] == "client:alice"
            assert {"a=ice-lite", "a=setup:actpass"} <= set(invite["sdp"].split("\r\n"))
            description = await peer.answer(invite["sdp"], BOB_HZ)
            assert "a=candidate" not in description
            await bob.send("answer", callsid=invite["callsid"], sdp=description)
            await peer.hears(ALICE_HZ)
            await call.heard(BOB_HZ)
            call.disconnect()
            assert (await bob.receive("hangup"))["callsid"] == invite["callsid"]


async def test_a_called_peer_resumes_with_its_old_answer(tmp_path: Path) -> None:
    """The current description of a client that was called is an answer, and its token came with the offer."""
    with trio.fail_after(30):
        async with (
            open_house(tmp_path) as house,
            open_peer() as peer,
            open_client(house, "bob") as bob,
            house.device("alice", input=Tone(ALICE_HZ)) as alice,
        ):
            await bob.register()
            call = await alice.connect(params={"To": "client:bob"})
            invite = await bob.receive("invite")
            description = await peer.answer(invite["sdp"], BOB_HZ)
            await bob.send("answer", callsid=invite["callsid"], sdp=description)
            await peer.hears(ALICE_HZ)
            before = await peer.traffic()
            await bob.close()
            async with open_client(house, "bob") as second:
                await second.resume(invite["callsid"], description, invite["reconnect"])
                answer = await second.receive("answer")
                assert answer["callsid"] == invite["callsid"]
                assert "sdp" not in answer
                await peer.hears(ALICE_HZ)
                assert (await peer.traffic()).streams == before.streams
                call.disconnect()
                assert (await second.receive("hangup"))["callsid"] == invite["callsid"]


async def test_two_peers_are_bridged(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with (
            open_house(tmp_path) as house,
            open_peer() as alices,
            open_peer() as bobs,
            open_client(house, "alice") as alice,
            open_client(house, "bob") as bob,
        ):
            await bob.register()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(answer_as_bob, bob, bobs)
                await dial(house, alice, alices, "client:bob", "opus", ALICE_HZ)
            await bobs.hears(ALICE_HZ)
            await alices.hears(BOB_HZ)
            for name, peer in (("alice", alices), ("bob", bobs)):
                print(f"{name} received {await peer.traffic()}")  # noqa: T201 - a loss is told, and no failure


async def answer_as_bob(bob: RawClient, peer: PeerProcess) -> None:
    invite = await bob.receive("invite")
    await bob.send("answer", callsid=invite["callsid"], sdp=await peer.answer(invite["sdp"], BOB_HZ))


@pytest.mark.parametrize("is_resumed", [False, True], ids=["reinvite", "resume"])
async def test_another_fingerprint_begins_new_media(tmp_path: Path, is_resumed: bool) -> None:
    """A client that had to replace its peer connection goes on with the same call."""
    with trio.fail_after(30):
        async with (
            dialled(tmp_path, f"tone:{SERVER_HZ:.0f}") as call,
            open_peer() as replacement,
            open_client(call.house, "alice") as second,
        ):
            half = call.server_half
            half.listen_for(ALICE_HZ, SECOND_HZ)
            await half.heard(ALICE_HZ)
            offer = await replacement.offer("opus", SECOND_HZ)
            client = second if is_resumed else call.client
            if is_resumed:
                await client.resume(call.sid, offer, call.answer["reconnect"])
            else:
                await client.send("reinvite", callsid=call.sid, sdp=offer)
            answer = await client.receive("answer")
            assert answer["callsid"] == call.sid
            await replacement.accept(answer["sdp"])
            await replacement.hears(SERVER_HZ)
            await half.heard(SECOND_HZ)
            await half.silent(ALICE_HZ)
            assert half.status() is CallStatus.OPEN


@pytest.mark.parametrize("is_cut", [False, True], ids=["socket_open", "socket_closed"])
async def test_a_token_takes_the_call_to_another_socket(tmp_path: Path, is_cut: bool) -> None:
    """The same description means the same media session, and audio does not notice; a token works once."""
    with trio.fail_after(30):
        async with (
            dialled(tmp_path, f"tone:{SERVER_HZ:.0f}") as call,
            open_client(call.house, "alice") as second,
            open_client(call.house, "alice") as third,
        ):
            async with unbroken_audio(call):
                if is_cut:
                    await call.client.close()
                    await call.house.notes.event(call.sid, events.Reconnecting)
                await resume_once(call, second, third)
            call.server_half.disconnect()
            assert (await second.receive("hangup"))["callsid"] == call.sid  # all that a token tells


async def resume_once(call: Dialled, second: RawClient, third: RawClient) -> None:
    """Spend the call's token on the second socket; the third one comes too late."""
    token = call.answer["reconnect"]
    await second.resume(call.sid, call.offer, token)
    answer = await second.receive("answer")
    assert answer["callsid"] == call.sid
    assert "sdp" not in answer
    assert answer["reconnect"] != token
    await third.resume(call.sid, call.offer, token)
    assert (await third.receive("hangup"))["error"]["code"] == RECONNECT_REFUSED


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        "null",
        '"listen"',
        '{"type":"roster","payload":{}}',
        '{"type":"connected","payload":{"token":{"identity":"eve","ttl":1}}}',
        '{"type":"hangup","payload":{"callsid":7}}',
        '{"type":"invite","payload":{"callsid":"TJS1"}}',
        b"\x00\xff",
    ],
    ids=["open", "list", "null", "string", "unknown", "not_for_us", "wrong_type", "missing_key", "binary"],
)
async def test_nonsense_is_answered_and_the_socket_lives(tmp_path: Path, frame: str | bytes) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house, open_client(house, "alice") as client:
            await client.send_frame(frame)
            assert (await client.receive("error"))["error"]["code"] == MALFORMED
            await client.register()


async def test_a_wrong_token_is_refused_and_a_good_one_helps(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house, open_stranger(house) as client:
            good = house.token("alice")
            wrong = {
                good[:-8] + "AAAAAAAA": FORGED,
                house.token("alice", ttl=-3600.0): EXPIRED,
                "nonsense": BAD_TOKEN,
                "": BAD_TOKEN,
            }
            for token, code in wrong.items():
                await client.listen(token)
                assert (await client.receive("error"))["error"]["code"] == code
            await client.listen(good)
            assert (await client.receive("connected"))["token"]["identity"] == "alice"


async def test_a_wrong_token_alone_ends_the_socket_only(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house:
            async with open_stranger(house) as stranger:
                await stranger.listen("nonsense")
                await stranger.receive("error")
                await stranger.receive("close")
                with pytest.raises(trio.EndOfChannel):
                    await stranger.receive("connected")
            async with open_client(house, "alice") as client:
                await client.register()


async def test_a_description_without_sense_ends_the_call_only(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with open_house(tmp_path) as house, open_client(house, "alice") as client:
            await client.invite(TEMP_SID, "v=0\r\n", "echo")
            hangup = await client.receive("hangup")
            assert hangup["callsid"] == TEMP_SID  # the only id that the client knows
            assert hangup["error"]["code"] == BAD_DESCRIPTION
            await client.register()
