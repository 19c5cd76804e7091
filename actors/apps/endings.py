"""Test numbers that end the call with a code."""

import trio

from actors.apps.number import NOT_FOUND
from actors.call import Call
from actors.errors import InvalidStateError, error_for_code

MIN_CODE = 10_000
MAX_CODE = 99_999
PATIENCE_SECONDS = 1.0


async def hangup(call: Call, code: str) -> None:
    """`hangup:CODE`: answer, and hang up a second later; without a code it is no error."""
    if not _is_usable(call, code):
        return
    call.accept()
    try:
        await call.answered()
    except InvalidStateError:
        return
    await _wait(call)
    call.disconnect(*_error(code))


async def reject(call: Call, code: str) -> None:
    """`reject:CODE`: ring for a second and do not answer; without a code it is declined."""
    if not _is_usable(call, code):
        return
    call.ring()
    await _wait(call)
    call.reject(*_error(code))


async def _wait(call: Call) -> None:
    with trio.move_on_after(PATIENCE_SECONDS):
        await call.ended()


def _is_usable(call: Call, code: str) -> bool:
    """Whether it is an error code; else the call is rejected."""
    if not code or (code.isdecimal() and MIN_CODE <= int(code) <= MAX_CODE):
        return True
    call.reject(NOT_FOUND, "an error code has five digits")
    return False


def _error(code: str) -> tuple[int | None, str]:
    if not code:
        return None, ""
    known = error_for_code(int(code), precise=True)
    return int(code), known.description if known is not None else "as dialled"
