"""A loudspeaker for a device's sounds."""

from dataclasses import dataclass, field

from actors.device.sounds import Sound


@dataclass
class Loudspeaker:
    """Keeps what it was told."""

    told: list[tuple[str, Sound]] = field(default_factory=list)

    def play(self, sound: Sound) -> None:
        self.told.append(("play", sound))

    def stop(self, sound: Sound) -> None:
        self.told.append(("stop", sound))

    @property
    def names(self) -> list[tuple[str, str]]:
        return [(what, sound.name) for what, sound in self.told]
