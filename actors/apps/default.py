"""The default application: what answers is chosen by the custom parameter `To`.

`echo` (also when `To` is missing), `tone:HZ`, `play:FILE`, `client:NAME`.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from actors.call import Call
from actors.errors import ClientErrors, InvalidStateError
from actors.media.messages import Clip, Source, Tone
from actors.media.preview import is_playable, offered_codecs

NOT_FOUND = 31404
UNAVAILABLE = 31480
MIN_TONE_HZ = 50.0
MAX_TONE_HZ = 3400.0


def open_test_numbers(sounds: Path) -> Callable[[Call], Awaitable[None]]:
    """The application; `play:FILE` plays files of the folder `sounds` only."""
    numbers: dict[str, Callable[[Call, str], Awaitable[None]]] = {
        "echo": _echo,
        "tone": _tone,
        "play": partial(_file, sounds),
        "client": _client,
    }

    async def test_numbers(call: Call) -> None:
        kind, _, argument = (call.custom_parameters.get("To", "") or "echo").partition(":")
        number = numbers.get(kind)
        if number is None:
            call.reject(NOT_FOUND, "no such number; try echo, tone:440, play:FILE or client:NAME")
        else:
            await number(call, argument)

    return test_numbers


async def _echo(call: Call, _: str) -> None:
    call.accept()
    call.echo()
    await call.ended()


async def _tone(call: Call, hz: str) -> None:
    try:
        frequency = float(hz)
    except ValueError:
        frequency = 0.0
    if not MIN_TONE_HZ <= frequency <= MAX_TONE_HZ:
        call.reject(NOT_FOUND, f"tone:HZ takes {MIN_TONE_HZ:.0f} to {MAX_TONE_HZ:.0f}")
        return
    await _play(call, Tone(frequency))


async def _file(sounds: Path, call: Call, name: str) -> None:
    clip = Clip(str(sounds / Path(name).name))
    if not is_playable(clip):
        call.reject(NOT_FOUND, "no such sound")
        return
    await _play(call, clip)


async def _play(call: Call, source: Source) -> None:
    call.accept()
    call.play(source)
    await call.ended()


async def _client(call: Call, name: str) -> None:
    """Ring every registration of `name`; the first that answers is bridged to the caller."""
    try:
        callee = call.dial(f"client:{name}", codecs=offered_codecs(call.offer))
    except ClientErrors.TemporarilyUnavailable as error:
        call.reject(UNAVAILABLE, str(error))
        return
    call.ring()
    try:
        await _connect(call, callee)
    finally:
        callee.disconnect()


async def _connect(call: Call, callee: Call) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when_over, call, nursery.cancel_scope)
        await _talk(call, callee)
        nursery.cancel_scope.cancel()


async def _talk(call: Call, callee: Call) -> None:
    try:
        await callee.answered()
    except InvalidStateError:
        code, reason = callee.failure or (UNAVAILABLE, "not answered")
        call.reject(code, reason)
        return
    call.accept(codecs=(callee.negotiated_codec,))
    call.bridge(callee)
    await callee.ended()


async def _cancel_when_over(call: Call, scope: trio.CancelScope) -> None:
    await call.ended()
    scope.cancel()
