"""Reconnect tokens: single use, bound to an identity, with one way back for who lost the new one."""

from itertools import count

import pytest

from actors.gateway.tokens import CallTokens
from tests.fakes.sockets import FakeLink

pytestmark = pytest.mark.pure


@pytest.fixture
def tokens() -> CallTokens:
    numbers = count(1)
    return CallTokens("alice", lambda: f"token-{next(numbers)}")


def test_a_token_works_once(tokens: CallTokens) -> None:
    token, link = tokens.issue(), FakeLink()
    assert tokens.redeem(token, link)
    assert not tokens.redeem(token, FakeLink())


@pytest.mark.parametrize("wrong", ["", "token-2", "token", "tøken", "\ud800"])
def test_another_token_does_not_work_and_spends_nothing(tokens: CallTokens, wrong: str) -> None:
    token = tokens.issue()
    assert not tokens.redeem(wrong, FakeLink())
    assert tokens.redeem(token, FakeLink())


def test_before_a_token_is_issued_none_works(tokens: CallTokens) -> None:
    assert not tokens.redeem("", FakeLink())
    assert not tokens.redeem("token-1", FakeLink())


def test_a_token_is_of_no_use_to_another_identity(tokens: CallTokens) -> None:
    token = tokens.issue()
    assert not tokens.redeem(token, FakeLink("mallory"))
    assert tokens.redeem(token, FakeLink("alice"))


def test_there_is_one_token_until_it_is_spent(tokens: CallTokens) -> None:
    """What was sent last may have been lost with a socket that nobody knew to be dead."""
    first = tokens.issue()
    assert tokens.issue() == first
    tokens.redeem(first, FakeLink())
    assert tokens.issue() != first


def test_a_spent_token_works_again_while_the_socket_it_was_spent_on_is_closed(tokens: CallTokens) -> None:
    first, link = tokens.issue(), FakeLink()
    tokens.redeem(first, link)
    lost = tokens.issue()
    assert not tokens.redeem(first, FakeLink())
    link.is_open = False
    assert tokens.redeem(first, FakeLink())
    assert not tokens.redeem(lost, FakeLink()), "the client has shown that it never got that one"


def test_a_spent_token_may_be_needed_several_times(tokens: CallTokens) -> None:
    first = tokens.issue()
    for _ in range(3):
        link = FakeLink()
        assert tokens.redeem(first, link)
        tokens.issue()
        link.is_open = False


def test_a_spent_token_is_worthless_once_its_successor_was_redeemed(tokens: CallTokens) -> None:
    first, link = tokens.issue(), FakeLink()
    tokens.redeem(first, link)
    second, later = tokens.issue(), FakeLink()
    assert tokens.redeem(second, later)
    link.is_open = later.is_open = False
    assert not tokens.redeem(first, FakeLink())
    assert tokens.redeem(second, FakeLink())


def test_a_spent_token_is_bound_to_its_identity_as_well(tokens: CallTokens) -> None:
    first, link = tokens.issue(), FakeLink()
    tokens.redeem(first, link)
    link.is_open = False
    assert not tokens.redeem(first, FakeLink("mallory"))


def test_tokens_do_not_show_themselves(tokens: CallTokens) -> None:
    assert tokens.issue() not in repr(tokens)
