"""Paths that media take: IPv6, both families on one socket, a NAT that rebinds, marks, replays."""

import socket
from itertools import pairwise

import pytest
import trio

from actors.media.answer_limit import MAX_FOR_ADDRESS
from actors.media.engine import Engine, open_engine
from actors.media.engine_messages import (
    Detect,
    EngineCommand,
    EngineEvent,
    Feed,
    IceCredentials,
    InsertDigits,
    LegCounters,
    LegSecured,
    LegToneHeard,
    MuteLeg,
    PathLost,
)
from actors.media.messages import FromLeg, Silence, Tone
from actors.media.ports import (
    ANY_IPV4,
    BOTH_FAMILIES,
    EXPEDITED_FORWARDING,
    any_host,
    open_socket,
)
from tests.fakes.legs import PCMU, Pair, Watched, check, new_credentials
from tests.fakes.nat import LAST_STUN, open_nat

pytestmark = pytest.mark.net

LOOPBACKS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
CONSENT_PACKETS = 50
"""A check a second, and as many packets between two of them."""


def feed(pair: Pair) -> None:
    pair.near.engine.post(Feed(pair.near.leg, Tone(440.0)))
    pair.far.engine.post(Feed(pair.far.leg, Tone(880.0)))
    pair.near.engine.post(Detect(pair.near.leg, (880.0,)))
    pair.far.engine.post(Detect(pair.far.leg, (440.0,)))


async def assert_heard(pair: Pair) -> None:
    await pair.near.wait(LegToneHeard)
    await pair.far.wait(LegToneHeard)


async def count_more(side: Watched, packets: int) -> LegCounters:
    """Wait until so many packets more have come in."""
    before = await side.wait(LegCounters, after=len(side.events))
    wanted = before.packets_received + packets
    return await side.wait(
        LegCounters, lambda c: c.packets_received >= wanted, within=10.0, after=len(side.events)
    )


def is_lost(events: list[EngineEvent]) -> bool:
    return any(isinstance(event, PathLost) for event in events)


@pytest.mark.parametrize(
    ("near_host", "far_host", "advertised", "remote"),
    [
        ("::1", "::1", (), "::1"),
        ("::", "::", ("127.0.0.1",), "127.0.0.1"),
        ("::", "::", ("::1",), "::1"),
        ("127.0.0.1", "::", ("::1", "127.0.0.1"), "127.0.0.1"),
        ("::1", "::", ("127.0.0.1", "::1"), "::1"),
    ],
)
async def test_a_call_goes_over_either_family(
    near_host: str, far_host: str, advertised: tuple[str, ...], remote: str
) -> None:
    """A candidate of a family that a socket does not have is left alone; one for both has both."""
    async with (
        open_engine(host=near_host) as client,
        open_engine(host=far_host, advertised=advertised) as far,
    ):
        pair = Pair(client, far)
        feed(pair)
        await pair.connect()
        await assert_heard(pair)
        secured = await pair.near.wait(LegSecured)
        assert secured.remote.host == remote
        seen = (await pair.far.wait(LegSecured)).remote.host
        assert seen == remote, "a peer of IPv4 is told as such"
        assert secured.local.host == remote, "ours is the one that is used, whatever we are bound to"
        assert "send_error" not in client.statistics().dropped


async def test_an_ice_restart_goes_over_ipv6() -> None:
    async with open_engine(host="::1") as client, open_engine(host="::1") as server:
        pair = Pair(client, server)
        await pair.connect()
        pair.restart()
        counters = await count_more(pair.far, 100)
        assert counters.packets_lost == 0
        assert not is_lost(pair.far.events + pair.near.events)


async def through_nat(client: Engine, server: Engine, pair: Pair) -> None:
    feed(pair)
    await pair.connect()
    await assert_heard(pair)


async def test_a_rebinding_nat_costs_nothing_but_what_was_under_way() -> None:
    """The peer keeps its ICE session and its nomination: it does not even notice."""
    async with (
        open_engine() as client,
        open_engine() as server,
        open_nat(server.candidates[0]) as nat,
    ):
        pair = Pair(client, server)
        pair.via = (nat.candidate,)
        await through_nat(client, server, pair)
        before, old = server.statistics(), nat.port
        nat.rebind_with_the_next_check()
        counters = await count_more(pair.far, 120)
        assert nat.port != old
        assert counters.packets_lost == 0
        assert (await count_more(pair.near, 100)).packets_lost <= 2, "on the way to the old port"
        assert not is_lost(pair.far.events + pair.near.events)
        assert server.statistics().dropped == before.dropped


async def test_a_nat_that_rebinds_between_two_checks_costs_the_time_to_the_next() -> None:
    """Media from an address that ICE has not validated are not looked at, whoever sends them."""
    async with (
        open_engine() as client,
        open_engine() as server,
        open_nat(server.candidates[0]) as nat,
    ):
        pair = Pair(client, server)
        pair.via = (nat.candidate,)
        await through_nat(client, server, pair)
        await nat.rebind()
        await count_more(pair.near, 50)
        counters = await count_more(pair.far, 50)
        unvalidated = server.statistics().dropped.get("unvalidated", 0)
        assert counters.packets_lost <= CONSENT_PACKETS + 10
        assert unvalidated >= counters.packets_lost
        assert not is_lost(pair.far.events + pair.near.events)


async def test_packets_that_are_sent_again_count_once() -> None:
    async with (
        open_engine() as client,
        open_engine() as server,
        open_nat(server.candidates[0]) as nat,
    ):
        pair = Pair(client, server)
        pair.via = (nat.candidate,)
        await through_nat(client, server, pair)
        nat.copies = 2
        first = await pair.far.wait(LegCounters, after=len(pair.far.events))
        sent = client.statistics().dropped.get("srtp", 0)
        later = await count_more(pair.far, 100)
        received = later.packets_received - first.packets_received
        assert received < 50 * (later.at - first.at) * 1.5
        assert server.statistics().dropped["srtp"] > 100
        assert client.statistics().dropped["srtp"] > sent + 100


async def received_mark(sender: socket.socket, family: socket.AddressFamily) -> int:
    host = LOOPBACKS[family]
    is_ipv6 = family is socket.AF_INET6
    with trio.socket.socket(family, socket.SOCK_DGRAM) as receiver:
        if is_ipv6:
            receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        else:
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        await receiver.bind((host, 0))
        is_both = sender.family is socket.AF_INET6 and not is_ipv6
        sender.sendto(b"x", (f"::ffff:{host}" if is_both else host, receiver.getsockname()[1]))
        with trio.fail_after(5):
            _, ancillary, *_ = await receiver.recvmsg(16, 256)
    return next(data[0] for _, _, data in ancillary)


@pytest.mark.parametrize(
    ("bound", "family"),
    [
        ("127.0.0.1", socket.AF_INET),
        ("::1", socket.AF_INET6),
        ("::", socket.AF_INET),
        ("::", socket.AF_INET6),
    ],
)
async def test_packets_are_marked_as_expedited(bound: str, family: socket.AddressFamily) -> None:
    with open_socket(bound) as sender:
        assert await received_mark(sender, family) == EXPEDITED_FORWARDING


def is_audio(packet: bytes) -> bool:
    return 128 <= packet[0] <= 191 and not 192 <= packet[1] <= 223


def follow(packets: list[bytes]) -> list[tuple[int, int, int]]:
    """Extended sequence number, timestamp, and payload type with marker, in the order of the numbers."""
    first = int.from_bytes(packets[0][2:4], "big")
    numbers = []
    for packet in packets:
        ahead = (int.from_bytes(packet[2:4], "big") - first + 0x4000) & 0xFFFF
        numbers.append((ahead, int.from_bytes(packet[4:8], "big"), packet[1]))
    return sorted(numbers)


async def test_one_stream_goes_through_bridges_hold_digits_and_an_ice_restart() -> None:
    """What a peer receives is one source, however often its feed changes: RFC 3550 section 5.1."""
    async with (
        open_engine() as client,
        open_engine() as server,
        open_nat(server.candidates[0]) as old,
        open_nat(server.candidates[0]) as new,
    ):
        one, two, watched = Pair(client, server), Pair(client, server), Pair(client, server)
        old.is_kept = new.is_kept = is_audio
        watched.via = (old.candidate,)
        for pair in (one, two, watched):
            await pair.connect()
        leg = watched.far.leg
        changes: list[EngineCommand] = [
            Feed(leg, FromLeg(one.far.leg)),
            Feed(leg, FromLeg(two.far.leg)),
            Feed(leg, Tone(440.0)),
            MuteLeg(leg, muted=True),
            MuteLeg(leg, muted=False),
            Feed(leg, FromLeg(one.far.leg)),
            MuteLeg(leg, muted=True),
            MuteLeg(leg, muted=False),
            InsertDigits(leg, "1"),
            Feed(leg, Silence()),
            Feed(leg, FromLeg(two.far.leg)),
        ]
        await old.keep_more(10)
        began = trio.current_time(), len(old.kept)
        for change in changes:
            server.post(change)
            await old.keep_more(20)
        watched.restart(new.candidate)
        await new.keep_more(60)
        server.post(Feed(leg, FromLeg(one.far.leg)))
        await new.keep_more(30)
        ended = trio.current_time()
        packets = old.kept + new.kept
        assert len({packet[8:12] for packet in packets}) == 1, "one source"
        numbers = follow(packets)
        indices = [index for index, _, _ in numbers]
        assert indices == list(range(indices[0], indices[0] + len(numbers))), "no gap, and nothing twice"
        audio = [(timestamp, kind) for _, timestamp, kind in numbers if kind & 0x7F == PCMU.payload_type]
        steps = [(later - earlier) & 0xFFFFFFFF for (earlier, _), (later, _) in pairwise(audio)]
        assert min(steps) == 160, "time goes forwards, a frame at least"
        elapsed = (numbers[-1][1] - numbers[began[1]][1]) & 0xFFFFFFFF
        assert elapsed / 8000 == pytest.approx(ended - began[0], abs=0.5), "as fast as time does"
        marks = sum(kind >> 7 for _, kind in audio)
        assert 6 <= marks <= 14, "changes of source are marked, and packets between them are not"
        assert not is_lost(watched.far.events + watched.near.events)


async def test_authentic_checks_are_answered_so_often_and_no_more() -> None:
    """Who has a call could have the answers sent to somebody else; the call itself goes on."""
    async with open_engine() as client, open_engine() as server:
        pair = Pair(client, server)
        await pair.connect()
        target = (server.candidates[0].host, server.candidates[0].port)
        request = check(pair.far.local, pair.near.local)
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as insider:
            await insider.bind(("127.0.0.1", 0))
            began = trio.current_time()
            for _ in range(5 * MAX_FOR_ADDRESS):
                await insider.sendto(request, target)
            answers = 0
            with trio.move_on_after(2.0):
                while True:
                    data, _ = await insider.recvfrom(2048)
                    answers += data[0] <= LAST_STUN
            windows = 1 + int(trio.current_time() - began)
        assert 0 < answers <= MAX_FOR_ADDRESS * windows
        assert server.statistics().dropped["stun_limit"] > MAX_FOR_ADDRESS
        assert not is_lost(pair.far.events)


async def test_checks_without_the_password_are_not_answered_and_leave_nothing() -> None:
    async with open_engine() as client, open_engine() as server:
        pair = Pair(client, server)
        await pair.connect()
        forged = check(IceCredentials(pair.far.local.ufrag, "x" * 24), pair.near.local)
        stranger_to_us = check(new_credentials(), new_credentials())
        before = server.statistics()
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outsider:
            await outsider.bind(("127.0.0.1", 0))
            for request in (forged, stranger_to_us) * 20:
                await outsider.sendto(request, (server.candidates[0].host, server.candidates[0].port))
            # What would be looked at if a check of that address had counted.
            await outsider.sendto(b"\x80" * 40, (server.candidates[0].host, server.candidates[0].port))
            with trio.move_on_after(1.0) as waited:
                await outsider.recvfrom(2048)
        assert waited.cancelled_caught, "an answer"
        after = server.statistics().dropped
        assert (after["ice_integrity"], after["ice_ufrag"], after["unvalidated"]) == (20, 20, 1)
        assert server.statistics().legs == before.legs


async def test_a_client_reaches_its_server_on_any_address_of_either_family() -> None:
    """A socket that is bound to the loopback interface would reach nobody else."""
    with open_socket(any_host()) as sock:
        assert sock.getsockname()[0] in {ANY_IPV4, BOTH_FAMILIES}
    for host in ("127.0.0.1", "127.0.0.2", "::1"):
        async with open_engine(host=any_host()) as client, open_engine(host=host) as server:
            pair = Pair(client, server)
            await pair.connect()
            assert (await pair.far.wait(LegSecured)).local.host == host
