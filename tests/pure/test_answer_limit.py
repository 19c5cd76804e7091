"""How many checks are answered, and that an answer is no more than its check."""

import pytest

from actors.media.answer_limit import MAX_FOR_ADDRESS, MAX_FOR_STRANGERS, WINDOW, AnswerLimit
from actors.media.datagram import Address
from actors.media.engine_messages import IceCredentials
from actors.media.ice import LiteAgent
from actors.media.stun import MessageClass, binding_request, parse_untrusted

pytestmark = pytest.mark.pure

NEAR: Address = ("192.0.2.1", 1000)
LOCAL, REMOTE = IceCredentials("locl", "l" * 22), IceCredentials("remo", "r" * 22)


def allowed(limit: AnswerLimit, address: Address, tries: int, now: float, *, is_validated: bool) -> int:
    return sum(limit.allows(address, now, is_validated=is_validated) for _ in range(tries))


@pytest.mark.parametrize("is_validated", [True, False])
def test_one_address_has_so_many_answers_in_a_window(*, is_validated: bool) -> None:
    limit = AnswerLimit()
    for now in (10.0, 10.0 + WINDOW):
        assert allowed(limit, NEAR, 500, now, is_validated=is_validated) == MAX_FOR_ADDRESS
        assert not limit.allows(NEAR, now + WINDOW / 2, is_validated=is_validated)


def test_one_address_takes_nothing_from_another() -> None:
    limit = AnswerLimit()
    allowed(limit, NEAR, 500, 10.0, is_validated=True)
    assert limit.allows(("192.0.2.1", 1001), 10.0, is_validated=True)


def test_new_addresses_share_a_limit_that_validated_ones_do_not_feel() -> None:
    """However many addresses somebody can pretend to have, consent goes on for those who talk."""
    limit = AnswerLimit()
    strangers = sum(
        limit.allows(("192.0.2.9", port), 10.0, is_validated=False) for port in range(MAX_FOR_STRANGERS + 500)
    )
    assert strangers == MAX_FOR_STRANGERS
    assert limit.allows(NEAR, 10.0, is_validated=True)
    assert not limit.allows(("192.0.2.8", 1), 10.5, is_validated=False)
    assert limit.allows(("192.0.2.8", 1), 10.0 + WINDOW, is_validated=False)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"])
@pytest.mark.parametrize("is_controlling", [True, False])
def test_an_answer_is_not_longer_than_its_check(host: str, *, is_controlling: bool) -> None:
    """Nobody gains from having the answer sent to somebody else, be it a success or a refusal."""
    agent = LiteAgent(LOCAL)
    request = binding_request(
        bytes(12),
        f"{LOCAL.ufrag}:{REMOTE.ufrag}",
        LOCAL.pwd.encode(),
        priority=1,
        tie_breaker=1,
        is_controlling=is_controlling,
        is_nominating=False,
    )
    answer = agent.answer(parse_untrusted(request), (host, 1))
    assert len(answer) <= len(request)
    wanted = MessageClass.RESPONSE if is_controlling else MessageClass.ERROR
    assert parse_untrusted(answer).kind is wanted
