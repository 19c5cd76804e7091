"""The controlling agent against the ICE-lite agent, back to back over a network that loses and cuts."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from actors.media.datagram import Address, InvalidDatagram
from actors.media.engine_messages import Candidate, IceCredentials
from actors.media.ice import MAX_ADDRESSES, STRAY_PACKETS, LiteAgent
from actors.media.ice_controlling import MAX_PAIRS, ControllingAgent, Transmit
from actors.media.stun import binding_request, parse_untrusted

pytestmark = pytest.mark.pure

NEAR, FAR, ELSEWHERE = ("192.0.2.1", 1000), ("192.0.2.2", 2000), ("192.0.2.3", 3000)
NEAR_ICE, FAR_ICE = IceCredentials("near", "n" * 22), IceCredentials("farr", "f" * 22)
NEW_NEAR_ICE, NEW_FAR_ICE = IceCredentials("NEAR", "N" * 22), IceCredentials("FARR", "F" * 22)


def transactions() -> Callable[[], bytes]:
    numbers = itertools.count()
    return lambda: next(numbers).to_bytes(12, "big")


def controlling(local: IceCredentials = NEAR_ICE, tie_breaker: int = 7) -> ControllingAgent:
    return ControllingAgent(local, tie_breaker, transactions())


def request(
    address: IceCredentials,
    sender: IceCredentials,
    *,
    nominate: bool = False,
    controls: bool = True,
    tie: int = 1,
) -> bytes:
    return binding_request(
        bytes(12),
        f"{address.ufrag}:{sender.ufrag}",
        address.pwd.encode(),
        priority=1,
        tie_breaker=tie,
        is_controlling=controls,
        is_nominating=nominate,
    )


def answer(agent: LiteAgent, data: bytes, source: Address = NEAR) -> bytes:
    return agent.answer(parse_untrusted(data), source)


@dataclass
class Wire:
    """Carries datagrams between a controlling agent at NEAR and an ICE-lite agent at FAR."""

    near: ControllingAgent
    far: LiteAgent
    passes: Callable[[], bool] = lambda: True
    sent_at: list[float] = field(default_factory=list)

    def carry(self, sent: list[Transmit], now: float) -> None:
        while sent:
            self.sent_at += [now] * len(sent)
            answers: list[Transmit] = []
            for transmit in sent:
                if transmit.address != FAR or not self.passes():
                    continue
                reply = answer(self.far, transmit.datagram)
                if self.passes():
                    answers += self.near.receive(parse_untrusted(reply), FAR, now)
            sent = answers

    def run(self, start: float, end: float) -> None:
        while self.near.deadline is not None and max(self.near.deadline, start) < end:
            start = max(self.near.deadline, start)
            self.carry(self.near.expire(start), start)


def connected() -> Wire:
    wire = Wire(controlling(), LiteAgent(FAR_ICE))
    wire.far.set_peer(NEAR_ICE.ufrag)
    wire.carry(wire.near.set_peer(FAR_ICE, [Candidate(*FAR)], 0.0), 0.0)
    return wire


def test_path_is_found_and_nominated_at_once() -> None:
    wire = connected()
    assert wire.near.path == FAR
    assert wire.far.path == NEAR
    assert wire.far.addresses[NEAR].is_nominated


def test_consent_is_asked_each_second() -> None:
    wire = connected()
    wire.sent_at.clear()
    wire.run(0.0, 10.5)
    assert wire.sent_at == [float(second) for second in range(1, 11)]


@pytest.mark.parametrize("seed", range(10))
def test_path_is_found_in_spite_of_loss(seed: int) -> None:
    chance = random.Random(seed)
    wire = Wire(controlling(), LiteAgent(FAR_ICE), lambda: chance.random() > 0.4)
    wire.far.set_peer(NEAR_ICE.ufrag)
    wire.carry(wire.near.set_peer(FAR_ICE, [Candidate(*FAR), Candidate(*ELSEWHERE)], 0.0), 0.0)
    wire.run(0.0, 8.0)
    assert (wire.near.path, wire.far.path) == (FAR, NEAR), f"seed {seed}"


def test_unanswered_checks_back_off() -> None:
    wire = Wire(controlling(), LiteAgent(FAR_ICE), lambda: False)
    wire.carry(wire.near.set_peer(FAR_ICE, [Candidate(*FAR)], 0.0), 0.0)
    wire.run(0.0, 10.0)
    assert len(wire.sent_at) < 25
    assert wire.near.path is None


def test_checks_wait_for_the_peers_description() -> None:
    near = controlling()
    assert near.deadline is None
    assert near.expire(5.0) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (request(IceCredentials("farr", "x" * 22), NEAR_ICE), "ice_integrity"),
        (request(IceCredentials("none", "f" * 22), NEAR_ICE), "ice_ufrag"),
        (request(FAR_ICE, IceCredentials("evil", "")), "ice_remote_ufrag"),
    ],
)
def test_lite_agent_refuses(data: bytes, reason: str) -> None:
    far = LiteAgent(FAR_ICE)
    far.set_peer(NEAR_ICE.ufrag)
    with pytest.raises(InvalidDatagram, match=reason):
        answer(far, data)
    assert far.addresses == {}


def test_check_before_the_answer_makes_a_provisional_path() -> None:
    far = LiteAgent(FAR_ICE)
    answer(far, request(FAR_ICE, NEAR_ICE))
    assert far.path == NEAR


def test_nomination_moves_the_path_and_a_plain_check_does_not() -> None:
    far = LiteAgent(FAR_ICE)
    answer(far, request(FAR_ICE, NEAR_ICE, nominate=True))
    answer(far, request(FAR_ICE, NEAR_ICE), ELSEWHERE)
    assert far.path == NEAR
    answer(far, request(FAR_ICE, NEAR_ICE, nominate=True), ELSEWHERE)
    assert far.path == ELSEWHERE


def test_peer_that_claims_to_be_controlled_is_told_of_the_conflict() -> None:
    reply = parse_untrusted(answer(LiteAgent(FAR_ICE), request(FAR_ICE, NEAR_ICE, controls=False)))
    assert reply.error_code == 487


def test_old_credentials_stay_valid_until_the_new_path_carries_media() -> None:
    far = connected().far
    far.restart(NEW_FAR_ICE)
    far.set_peer(NEW_NEAR_ICE.ufrag)
    answer(far, request(NEW_FAR_ICE, NEW_NEAR_ICE), ELSEWHERE)
    assert far.path == ELSEWHERE, "a newer generation wins, nominated or not"
    answer(far, request(FAR_ICE, NEAR_ICE, nominate=True))
    assert far.path == ELSEWHERE, "the old generation never takes the path back"
    far.confirm()
    assert far.ufrags == (NEW_FAR_ICE.ufrag,)
    assert list(far.addresses) == [ELSEWHERE]
    with pytest.raises(InvalidDatagram, match="ice_ufrag"):
        answer(far, request(FAR_ICE, NEAR_ICE))


@pytest.mark.parametrize("is_peer_first", [False, True])
def test_new_peer_credentials_pair_with_the_new_local_ones(*, is_peer_first: bool) -> None:
    far = connected().far
    steps = [lambda: far.restart(NEW_FAR_ICE), lambda: far.set_peer(NEW_NEAR_ICE.ufrag)]
    for step in reversed(steps) if is_peer_first else steps:
        step()
    answer(far, request(NEW_FAR_ICE, NEW_NEAR_ICE), ELSEWHERE)
    with pytest.raises(InvalidDatagram, match="ice_remote_ufrag"):
        answer(far, request(NEW_FAR_ICE, NEAR_ICE), ELSEWHERE)


def test_another_peer_takes_over_what_it_has_validated_itself() -> None:
    far = connected().far
    far.restart(NEW_FAR_ICE)
    answer(far, request(NEW_FAR_ICE, NEW_NEAR_ICE), ELSEWHERE)
    far.replace_peer(NEW_NEAR_ICE.ufrag)
    assert far.path == ELSEWHERE
    assert list(far.addresses) == [ELSEWHERE]


def test_media_from_another_validated_address_moves_the_path() -> None:
    """The peer's NAT has rebound, and its checks do not carry USE-CANDIDATE again."""
    far = connected().far
    answer(far, request(FAR_ICE, NEAR_ICE), ELSEWHERE)
    moved = [far.stray(ELSEWHERE) for _ in range(STRAY_PACKETS)]
    assert moved == [False] * (STRAY_PACKETS - 1) + [True]
    assert far.path == ELSEWHERE


def test_addresses_of_one_leg_are_bounded_and_the_path_is_kept() -> None:
    far = connected().far
    for port in range(3 * MAX_ADDRESSES):
        answer(far, request(FAR_ICE, NEAR_ICE), ("192.0.2.9", 1 + port))
    assert len(far.addresses) == MAX_ADDRESSES
    assert far.path == NEAR


def test_response_with_wrong_integrity_is_not_an_answer() -> None:
    near, impostor = controlling(), LiteAgent(IceCredentials("farr", "x" * 22))
    (check,) = near.set_peer(FAR_ICE, [Candidate(*FAR)], 0.0)
    message = parse_untrusted(check.datagram)
    forged = answer(impostor, request(IceCredentials("farr", "x" * 22), NEAR_ICE))
    forged = forged[:8] + message.transaction + forged[20:]
    with pytest.raises(InvalidDatagram):
        near.receive(parse_untrusted(forged), FAR, 0.1)
    assert near.path is None


def test_response_from_another_address_is_not_an_answer() -> None:
    near, far = controlling(), LiteAgent(FAR_ICE)
    (check,) = near.set_peer(FAR_ICE, [Candidate(*FAR)], 0.0)
    reply = parse_untrusted(answer(far, check.datagram))
    with pytest.raises(InvalidDatagram, match="ice_asymmetric"):
        near.receive(reply, ELSEWHERE, 0.1)


def test_another_candidate_is_tried_when_the_path_has_died() -> None:
    near, far = controlling(), LiteAgent(FAR_ICE)
    dead: set[Address] = set()

    def carry(sent: list[Transmit], now: float) -> None:
        while sent:
            replies = [(t.address, answer(far, t.datagram)) for t in sent if t.address not in dead]
            sent = [t for a, reply in replies for t in near.receive(parse_untrusted(reply), a, now)]

    carry(near.set_peer(FAR_ICE, [Candidate(*FAR), Candidate(*ELSEWHERE, priority=1)], 0.0), 0.0)
    assert near.path == FAR
    dead.add(FAR)
    while near.deadline is not None and near.deadline < 10.0:
        carry(near.expire(near.deadline), near.deadline)
    assert near.path == ELSEWHERE


def full_peers(near_tie: int, far_tie: int) -> tuple[ControllingAgent, ControllingAgent]:
    near, far = controlling(NEAR_ICE, near_tie), controlling(FAR_ICE, far_tie)
    queue = [(far, NEAR, t) for t in near.set_peer(FAR_ICE, [Candidate(*FAR)], 0.0)]
    queue += [(near, FAR, t) for t in far.set_peer(NEAR_ICE, [], 0.0)]
    now = 0.0
    while now < 3.0:
        while queue:
            receiver, source, transmit = queue.pop(0)
            other, own = (near, FAR) if receiver is far else (far, NEAR)
            replies = receiver.receive(parse_untrusted(transmit.datagram), source, now)
            queue += [(other, own, reply) for reply in replies]
        now += 0.05
        queue += [(far, NEAR, t) for t in near.expire(now)] + [(near, FAR, t) for t in far.expire(now)]
    return near, far


@pytest.mark.parametrize(("near_tie", "far_tie"), [(1, 2), (2, 1)])
def test_two_controlling_agents_settle_who_controls(near_tie: int, far_tie: int) -> None:
    near, far = full_peers(near_tie, far_tie)
    assert near.is_controlling == (near_tie > far_tie)
    assert far.is_controlling == (far_tie > near_tie)
    assert (near.path, far.path) == (FAR, NEAR), "the peer-reflexive pair works both ways"


def test_pairs_are_bounded() -> None:
    near = controlling()
    sent = near.set_peer(FAR_ICE, [Candidate("192.0.2.9", 1 + n) for n in range(3 * MAX_PAIRS)], 0.0)
    assert len(sent) == MAX_PAIRS
