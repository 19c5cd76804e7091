"""How many STUN checks are answered: so few for one address, and so many for all new ones (RFC 8489 16)."""

from typing import Final

from actors.media.datagram import Address

WINDOW: Final = 1.0
MAX_FOR_ADDRESS: Final = 60
"""Answers in a window. Browsers check a pair each 48 ms at most."""
MAX_FOR_STRANGERS: Final = 2000
"""Answers in a window for addresses that ICE has not validated before, together."""


class AnswerLimit:
    """Counts the answers to authentic checks, so that nobody can use up what is another's.

    An answer is no longer than its check, so that what is left to gain from another's address is number.
    """

    __slots__ = ("_answers", "_ends_at", "_strangers")

    def __init__(self) -> None:
        self._ends_at = 0.0
        self._strangers = 0
        self._answers: dict[Address, int] = {}

    def allows(self, address: Address, now: float, *, is_validated: bool) -> bool:
        """Whether one more answer may go to `address`; it is counted."""
        if now >= self._ends_at:
            self._ends_at = now + WINDOW
            self._strangers = 0
            self._answers.clear()
        answers = self._answers.get(address, 0)
        if answers >= MAX_FOR_ADDRESS or (not is_validated and self._strangers >= MAX_FOR_STRANGERS):
            return False
        self._strangers += not is_validated
        self._answers[address] = answers + 1
        return True
