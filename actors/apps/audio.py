"""Test numbers that are about sound."""

from functools import partial
from pathlib import Path

import trio

from actors.apps.number import NOT_FOUND, Number
from actors.call import Call
from actors.media.messages import Clip, Source, Tone
from actors.media.preview import is_playable

MIN_TONE_HZ = 50.0
MAX_TONE_HZ = 3400.0
EARLY_TONE = Tone(440.0)
EARLY_SECONDS = 2.5


async def echo(call: Call, _: str) -> None:
    """Send the caller back what it says."""
    call.accept()
    call.echo()
    await call.ended()


async def early(call: Call, _: str) -> None:
    """A tone as early media while it rings, then an echo."""
    call.play(EARLY_TONE)
    call.ring(early_media=True)
    with trio.move_on_after(EARLY_SECONDS):
        await call.ended()
    await echo(call, "")


async def tone(call: Call, hz: str) -> None:
    """`tone:HZ`: a sine."""
    try:
        frequency = float(hz)
    except ValueError:
        frequency = 0.0
    if not MIN_TONE_HZ <= frequency <= MAX_TONE_HZ:
        call.reject(NOT_FOUND, f"tone:HZ takes {MIN_TONE_HZ:.0f} to {MAX_TONE_HZ:.0f}")
        return
    await _play(call, Tone(frequency))


def files_of(sounds: Path) -> Number:
    """`play:FILE`: files of this folder, and no others."""
    return partial(_file, sounds)


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
