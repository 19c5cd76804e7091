"""Two engines on loopback: controlling legs of one against ICE-lite legs of the other."""

import copy
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors.ids import new_leg_id
from actors.media.engine import Engine, open_engine
from actors.media.engine_messages import (
    Blackhole,
    CloseLeg,
    Codec,
    Detect,
    DtlsRole,
    Feed,
    IceRole,
    InsertDigits,
    LegCounters,
    LegDigit,
    LegStatus,
    LegToneGone,
    LegToneHeard,
    MuteLeg,
    Negotiate,
    PathLost,
    PathUp,
    Peer,
    Probe,
    RestartLeg,
)
from actors.media.messages import FromLeg, Tone
from tests.fakes.legs import OPUS, PCMU, Pair, Watched, check, new_credentials

pytestmark = pytest.mark.net


@asynccontextmanager
async def two_engines() -> AsyncIterator[tuple[Engine, Engine]]:
    async with open_engine() as client, open_engine() as server:
        yield client, server


def drops(engine: Engine) -> dict[str, int]:
    return engine.statistics().dropped


@pytest.mark.parametrize("codec", [PCMU, OPUS], ids=lambda codec: codec.name)
async def test_tones_are_heard_both_ways(codec: Codec) -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server, codec)
        client.post(Feed(pair.near.leg, Tone(440.0)))
        server.post(Feed(pair.far.leg, Tone(880.0)))
        client.post(Detect(pair.near.leg, (440.0, 880.0)))
        server.post(Detect(pair.far.leg, (440.0, 880.0)))
        await pair.connect()
        assert (await pair.near.wait(LegToneHeard)).hz == 880.0
        assert (await pair.far.wait(LegToneHeard)).hz == 440.0


async def test_a_leg_fed_from_itself_is_an_echo() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        client.post(Feed(pair.near.leg, Tone(600.0)))
        client.post(Detect(pair.near.leg, (600.0,)))
        server.post(Feed(pair.far.leg, FromLeg(pair.far.leg)))
        await pair.connect()
        await pair.near.wait(LegToneHeard)
        counters = await pair.near.wait(
            LegCounters, lambda c: c.packets_received > 60 and c.rtt_ms is not None
        )
        assert counters.packets_lost == 0
        assert counters.rtt_ms is not None
        assert counters.rtt_ms < 500


async def test_two_legs_fed_from_each_other_are_a_bridge() -> None:
    async with two_engines() as (client, server):
        one, two = Pair(client, server), Pair(client, server)
        client.post(Feed(one.near.leg, Tone(500.0)))
        client.post(Feed(two.near.leg, Tone(700.0)))
        for pair in (one, two):
            client.post(Detect(pair.near.leg, (500.0, 700.0)))
        server.post(Feed(one.far.leg, FromLeg(two.far.leg)))
        server.post(Feed(two.far.leg, FromLeg(one.far.leg)))
        await one.connect()
        await two.connect()
        assert (await one.near.wait(LegToneHeard)).hz == 700.0
        assert (await two.near.wait(LegToneHeard)).hz == 500.0


async def test_one_leg_is_heard_by_several_listeners() -> None:
    async with two_engines() as (client, server):
        pairs = [Pair(client, server) for _ in range(3)]
        client.post(Feed(pairs[0].near.leg, Tone(500.0)))
        for pair in pairs:
            client.post(Detect(pair.near.leg, (500.0,)))
            server.post(Feed(pair.far.leg, FromLeg(pairs[0].far.leg)))
            await pair.connect()
        for pair in pairs:
            await pair.near.wait(LegToneHeard)


async def test_restart_carries_media_over_a_path_that_is_dead_for_ever() -> None:
    """The old path is never revived, so only the restart can have brought the media back."""
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        client.post(Feed(pair.near.leg, Tone(440.0)))
        server.post(Detect(pair.far.leg, (440.0,)))
        await pair.connect()
        await pair.far.wait(LegToneHeard)
        server.post(Blackhole(pair.far.leg))
        assert 1.9 < (await pair.far.wait(PathLost, within=3.0)).idle < 2.6
        await pair.near.wait(PathLost, within=3.0)
        seen = len(pair.far.events), len(pair.near.events)
        pair.restart()
        await pair.far.wait(PathUp, after=seen[0], within=2.0)
        await pair.near.wait(PathUp, after=seen[1], within=2.0)
        before = await pair.far.wait(LegCounters, after=len(pair.far.events))
        later = await pair.far.wait(
            LegCounters,
            lambda c: c.packets_received > before.packets_received + 40,
            after=len(pair.far.events),
        )
        assert later.packets_lost >= 90, "the same media session counts on"


async def test_restart_while_media_flow_loses_nothing() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        await pair.connect()
        old = pair.far.local, pair.near.local
        pair.restart()
        for side in (pair.near, pair.far):
            seen = len(side.events)
            await side.wait(LegCounters, lambda c: c.packets_received > 100, after=seen)
            lost = [e for e in side.events if isinstance(e, PathLost)]
            assert not lost
        assert sum(e.packets_lost for e in pair.far.events if isinstance(e, LegCounters)) == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as latecomer:
            latecomer.sendto(check(*old), (server.candidates[0].host, server.candidates[0].port))
            await pair.far.wait(LegCounters, after=len(pair.far.events))
        assert drops(server) == {"ice_ufrag": 1}, "the old credentials are no longer valid"


async def test_a_leg_fed_from_a_quiet_leg_sends_silence() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        server.post(Feed(pair.far.leg, FromLeg(new_leg_id())))
        await pair.connect()
        await pair.near.wait(LegCounters, lambda c: c.packets_received > 40)


async def test_codec_may_change_within_a_session() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        client.post(Feed(pair.near.leg, Tone(440.0)))
        server.post(Detect(pair.far.leg, (440.0,)))
        await pair.connect()
        await pair.far.wait(LegToneHeard)
        pair.codec = OPUS
        pair.start()
        seen = len(pair.far.events)
        await pair.far.wait(LegToneHeard, after=seen)
        counters = await pair.far.wait(LegCounters, after=len(pair.far.events))
        assert counters.packets_received > 20


async def test_blackhole_of_the_controlling_side_is_told_by_both() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        await pair.connect()
        client.post(Blackhole(pair.near.leg))
        await pair.near.wait(PathLost, within=3.0)
        await pair.far.wait(PathLost, within=3.0)


async def test_a_leg_that_never_connects_is_lost_in_eight_seconds() -> None:
    async with open_engine() as engine:
        leg = Watched(engine, IceRole.LITE)
        other = Peer(new_credentials(), engine.fingerprint)
        engine.post(Negotiate(leg.leg, other, DtlsRole.SERVER, PCMU))
        assert 7.9 < (await leg.wait(PathLost, within=9.0)).idle < 8.5


async def test_wrong_fingerprint_is_lost_at_once() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        stranger = Peer(pair.far.local, ":".join(["00"] * 32), server.candidates, is_lite=True)
        pair.far.negotiate(pair.near, DtlsRole.SERVER)
        client.post(Negotiate(pair.near.leg, stranger, DtlsRole.CLIENT, PCMU))
        await pair.near.wait(PathLost, within=3.0)
        assert not any(isinstance(event, PathUp) for event in pair.near.events)
        assert drops(client)["dtls_fingerprint"] == 1


async def test_checks_and_dtls_may_come_before_the_answer() -> None:
    """We offered; the peer starts as soon as it has answered, so before we have read that answer."""
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        pair.near.negotiate(pair.far, DtlsRole.CLIENT)
        await pair.near.wait(LegCounters)
        await pair.near.wait(LegCounters, after=len(pair.near.events))
        assert server.statistics().packets_in >= 4
        pair.far.negotiate(pair.near, DtlsRole.SERVER)
        # OpenSSL repeats the hello after 1 and after 3 seconds: this is earlier.
        await pair.far.wait(PathUp, within=0.7)


async def test_gateway_may_be_the_dtls_client() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        pair.near.negotiate(pair.far, DtlsRole.SERVER)
        pair.far.negotiate(pair.near, DtlsRole.CLIENT)
        await pair.near.wait(PathUp)
        await pair.far.wait(PathUp)


async def test_digits_arrive_once_and_in_order() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        await pair.connect()
        client.post(InsertDigits(pair.near.leg, "12#"))
        await pair.far.wait(LegDigit, lambda event: event.digit == "#")
        digits = [event for event in pair.far.events if isinstance(event, LegDigit)]
        assert [event.digit for event in digits] == ["1", "2", "#"]
        assert {event.duration_ms for event in digits} == {160}
        counters = await pair.far.wait(LegCounters, after=len(pair.far.events))
        assert counters.packets_lost == 0


async def test_digits_pass_a_bridge() -> None:
    async with two_engines() as (client, server):
        one, two = Pair(client, server), Pair(client, server)
        server.post(Feed(two.far.leg, FromLeg(one.far.leg)))
        await one.connect()
        await two.connect()
        client.post(InsertDigits(one.near.leg, "7"))
        assert (await two.near.wait(LegDigit)).digit == "7"


async def test_muted_leg_sends_silence_without_a_gap() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        client.post(Feed(pair.near.leg, Tone(440.0)))
        server.post(Detect(pair.far.leg, (440.0,)))
        await pair.connect()
        await pair.far.wait(LegToneHeard)
        client.post(MuteLeg(pair.near.leg, muted=True))
        await pair.far.wait(LegToneGone)
        client.post(MuteLeg(pair.near.leg, muted=False))
        seen = len(pair.far.events)
        await pair.far.wait(LegToneHeard, after=seen)
        counters = await pair.far.wait(LegCounters, after=seen)
        assert counters.packets_lost == 0
        assert counters.jitter_ms < 50


async def test_new_fingerprint_begins_a_new_media_session_and_keeps_the_feed() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        server.post(Feed(pair.far.leg, Tone(440.0)))
        await pair.connect()
        client.post(CloseLeg(pair.near.leg))
        successor = copy.copy(pair)
        successor.near = Watched(client, IceRole.CONTROLLING)
        client.post(Detect(successor.near.leg, (440.0,)))
        pair.far.local = new_credentials()
        server.post(RestartLeg(pair.far.leg, pair.far.local))
        # The same engine has the same certificate, so a stranger's fingerprint comes in between.
        stranger = Peer(new_credentials(), ":".join(["11"] * 32))
        server.post(Negotiate(pair.far.leg, stranger, DtlsRole.SERVER, PCMU))
        seen = len(pair.far.events)
        successor.start()
        await successor.near.wait(LegToneHeard)
        await pair.far.wait(PathUp, after=seen)


async def test_twenty_legs_share_one_socket() -> None:
    async with two_engines() as (client, server):
        pairs = [Pair(client, server) for _ in range(20)]
        for index, pair in enumerate(pairs):
            server.post(Feed(pair.far.leg, Tone(400.0 + 50 * index)))
            client.post(Detect(pair.near.leg, (400.0 + 50 * index,)))
            pair.start()
        for pair in pairs:
            await pair.near.wait(LegToneHeard)
        assert server.statistics().legs == 20


async def test_garbage_is_counted_and_harms_nothing() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        await pair.connect()
        target = (server.candidates[0].host, server.candidates[0].port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for first in range(0, 256, 3):
                stranger.sendto(bytes([first]) + secrets.token_bytes(first), target)
            stranger.sendto(b"", target)
            stranger.sendto(b"\x80" * 1600, target)
        seen = len(pair.far.events)
        await pair.far.wait(LegCounters, lambda c: c.packets_lost == 0, after=seen)
        assert drops(server)["unvalidated"] > 50


async def test_probe_tells_what_the_engine_knows() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        client.post(Probe(pair.near.leg))
        assert await pair.near.wait(LegStatus) == LegStatus(pair.near.leg, is_open=True, is_flowing=False)
        await pair.connect()
        client.post(Probe(pair.near.leg))
        await pair.near.wait(LegStatus, lambda status: status.is_flowing)
        client.post(CloseLeg(pair.near.leg))
        client.post(Probe(pair.near.leg))
        assert (await pair.near.wait(LegStatus, lambda status: not status.is_open)).is_flowing is False
        assert client.statistics().legs == 0


async def test_stall_of_our_own_loop_is_not_the_peers_fault() -> None:
    async with two_engines() as (client, server):
        pair = Pair(client, server)
        await pair.connect()
        time.sleep(2.5)  # noqa: ASYNC251
        seen = len(pair.far.events)
        await pair.far.wait(LegCounters, after=seen)
        assert not [event for event in pair.far.events + pair.near.events if isinstance(event, PathLost)]
