"""Reconnect tokens: bearer secrets with which a client takes up its call on another socket."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from actors.signaling.link import Link


@dataclass(frozen=True, slots=True)
class Spent:
    """A token that was redeemed, and the socket it bound the call to."""

    token: str
    link: Link


class CallTokens:
    """The tokens of one call, for one identity. A token works once.

    Until it is spent there is no other: a client may not have got what was sent last. A client whose
    socket broke before its new token could reach it still holds the spent one: that one works again as
    long as the socket it was redeemed on is closed and no newer token was redeemed.
    """

    def __init__(self, identity: str, make: Callable[[], str]) -> None:
        self.identity = identity
        self._make = make
        self._current: str | None = None
        self._spent: Spent | None = None

    def __repr__(self) -> str:
        return f"<CallTokens of {self.identity}>"

    def issue(self) -> str:
        """What the client is to come back with: the token that is not spent, or a new one."""
        self._current = self._current or self._make()
        return self._current

    def redeem(self, token: str, link: Link) -> bool:
        """Spend `token` to bind the call to `link`; False when it is not good for that."""
        if link.identity != self.identity:
            return False
        is_current = self._current is not None and _is_equal(token, self._current)
        if is_current or self._is_respendable(token):
            self._current = None
            self._spent = Spent(token, link)
            return True
        return False

    def _is_respendable(self, token: str) -> bool:
        spent = self._spent
        return spent is not None and not spent.link.is_open and _is_equal(token, spent.token)


def _is_equal(given: str, kept: str) -> bool:
    return secrets.compare_digest(given.encode(errors="replace"), kept.encode())
