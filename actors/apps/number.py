"""What a test number is."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from actors.call import Call

Number: TypeAlias = Callable[[Call, str], Awaitable[None]]
"""Serves a call; the text is what follows the number's name and a colon in `To`."""

NOT_FOUND = 31404
DIALLED = "To"
"""The custom parameter with the number."""
