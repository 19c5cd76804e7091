"""The sounds of a device, by the names of the voice SDK."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from actors.errors import InvalidArgumentError

CHIME_SECONDS: Final = 3.0
DIGIT_SECONDS: Final = 1.0
DIGIT_SOUNDS: Final = (*(f"dtmf{digit}" for digit in range(10)), "dtmfs", "dtmfh")


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that a device may make.

    Args:
        name: the documented name.
        file: path or address of a WAV file; None for the output's own.
        is_loop: it goes on until it is stopped.
        max_seconds: it is cut off after so long; None for never.
    """

    name: str
    file: str | None = None
    is_loop: bool = False
    max_seconds: float | None = None


SOUNDS: Final[Mapping[str, Sound]] = MappingProxyType(
    {
        "incoming": Sound("incoming", is_loop=True),
        "outgoing": Sound("outgoing", max_seconds=CHIME_SECONDS),
        "disconnect": Sound("disconnect", max_seconds=CHIME_SECONDS),
        **{name: Sound(name, max_seconds=DIGIT_SECONDS) for name in DIGIT_SOUNDS},
    }
)


class SoundOutput(Protocol):
    """A loudspeaker. Neither method waits or raises."""

    def play(self, sound: Sound) -> None: ...

    def stop(self, sound: Sound) -> None: ...


def choose_sounds(files: Mapping[str, object]) -> Mapping[str, Sound]:
    """All sounds, with these files in place of the output's own.

    Raises:
        InvalidArgumentError: a name that is none of `SOUNDS`, or a file that is no text.
    """
    unknown = sorted(set(files) - set(SOUNDS))
    if unknown:
        raise InvalidArgumentError(f"no such sounds: {', '.join(unknown)}")
    if not all(isinstance(file, str | Path) and str(file) for file in files.values()):
        raise InvalidArgumentError("a sound is the path or the address of a file")
    chosen = {name: replace(SOUNDS[name], file=str(file)) for name, file in files.items()}
    return {**SOUNDS, **chosen}
