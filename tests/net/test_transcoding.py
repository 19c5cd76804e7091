"""Two parties with different codecs hear each other through the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors.call import Call
from actors.gateway.gateway import Application
from actors.media.engine import open_engine
from actors.media.engine_messages import (
    Codec,
    Detect,
    Feed,
    InsertDigits,
    LegCounters,
    LegDigit,
    LegToneHeard,
)
from actors.media.messages import FromLeg, Tone
from tests.fakes.house import House, open_house
from tests.fakes.legs import Pair

pytestmark = pytest.mark.net

ALICE_HZ, BOB_HZ = 700.0, 1100.0
CODECS = {
    "pcmu": Codec("pcmu", 8000, 0, 0, dtmf_payload_type=101),
    "opus": Codec("opus", 48000, 111, 111, channels=2, dtmf_payload_type=110),
    "g722": Codec("g722", 8000, 9, 9, dtmf_payload_type=101),
}


def bridge_with(caller_codec: str, callee_codec: str) -> Application:
    async def app(call: Call) -> None:
        """Have each party speak its own codec only."""
        callee = call.dial("client:bob", codecs=(callee_codec,))
        await callee.answered()
        call.accept(codecs=(caller_codec,))
        call.bridge(callee)
        await call.ended()

    return app


@asynccontextmanager
async def bridged(tmp_path: Path, one: str, other: str) -> AsyncIterator[tuple[House, Call, Call]]:
    async with (
        open_house(tmp_path, bridge_with(one, other)) as house,
        house.device("alice", input=Tone(ALICE_HZ)) as alice,
        house.device("bob", input=Tone(BOB_HZ)) as bob,
    ):
        rung: list[Call] = []

        def answer(call: Call) -> None:
            rung.append(call)
            call.accept()

        bob.on("incoming", answer)
        await bob.register()
        call = await alice.connect(params={"To": "anything"})
        await call.answered()
        assert (call.negotiated_codec, rung[0].negotiated_codec) == (one, other)
        yield house, call, rung[0]


@pytest.mark.parametrize(
    ("one", "other"), [("pcmu", "opus"), ("opus", "pcmu"), ("g722", "opus"), ("pcmu", "g722")]
)
async def test_tones_are_heard_both_ways_between_two_codecs(tmp_path: Path, one: str, other: str) -> None:
    with trio.fail_after(40):
        async with bridged(tmp_path, one, other) as (_, caller, callee):
            caller.listen_for(BOB_HZ)
            callee.listen_for(ALICE_HZ)
            await caller.heard(BOB_HZ)
            await callee.heard(ALICE_HZ)


async def test_wide_band_passes_between_two_who_speak_it(tmp_path: Path) -> None:
    with trio.fail_after(40):
        async with bridged(tmp_path, "g722", "g722") as (_, caller, callee):
            caller.listen_for(BOB_HZ)
            callee.listen_for(ALICE_HZ)
            await caller.heard(BOB_HZ)
            await callee.heard(ALICE_HZ)


@pytest.mark.parametrize(
    ("one", "other", "is_listener_first"),
    [("pcmu", "opus", False), ("opus", "pcmu", True), ("g722", "pcmu", True)],
)
async def test_engine_brings_audio_and_digits_from_codec_to_codec(
    one: str, other: str, is_listener_first: bool
) -> None:
    """Fed before it is negotiated; the listener sees one stream without a gap."""
    async with open_engine() as client, open_engine() as server:
        speaker, listener = Pair(client, server, CODECS[one]), Pair(client, server, CODECS[other])
        server.post(Feed(listener.far.leg, FromLeg(speaker.far.leg)))
        client.post(Feed(speaker.near.leg, Tone(ALICE_HZ)))
        client.post(Detect(listener.near.leg, (ALICE_HZ,)))
        for pair in (listener, speaker) if is_listener_first else (speaker, listener):
            await pair.connect()
        await listener.near.wait(LegToneHeard, within=20)
        client.post(InsertDigits(speaker.near.leg, "7"))
        assert (await listener.near.wait(LegDigit, within=20)).digit == "7"
        counters = await listener.near.wait(LegCounters, after=len(listener.near.events), within=20)
        assert counters.packets_lost == 0
        assert "codec_differs" not in server.statistics().dropped
