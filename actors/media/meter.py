"""Measures both directions of a leg each 50 ms, while somebody wants to know."""

from dataclasses import dataclass, field
from math import inf
from typing import Final, TypeAlias

from actors.media.ear import Ear
from actors.media.engine_messages import Codec
from actors.media.inlet import Inlet
from actors.media.messages import Metering
from actors.media.outlet import Outlet

STEP: Final = 0.05
MAX_LEVELS: Final = 64
"""Kept for whoever takes them, which happens each second."""

Levels: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Of what is sent and of what is received, each 0..32767."""


@dataclass(slots=True)
class _Ears:
    """An ear for each direction, and the levels that nobody has taken yet."""

    sent: Ear
    received: Ear
    levels: list[tuple[float, float]] = field(default_factory=list)


class Meter:
    """Gives the leg's inlet and outlet an ear, or takes it away. `deadline` is when `expire` is due."""

    __slots__ = ("_codec", "_ears", "_inlet", "_metering", "_outlet", "deadline")

    def __init__(self, inlet: Inlet, outlet: Outlet) -> None:
        self._inlet = inlet
        self._outlet = outlet
        self._codec: Codec | None = None
        self._metering = Metering.OFF
        self._ears: _Ears | None = None
        self.deadline = inf

    def set_metering(self, metering: Metering, now: float) -> None:
        """Measure this from now on; what is measured already goes on."""
        self._metering = metering
        self._adjust(now)

    def set_codec(self, codec: Codec, now: float) -> None:
        """What both directions are in."""
        if codec != self._codec:
            self._codec = codec
            self._close()
        self._adjust(now)

    def _adjust(self, now: float) -> None:
        codec = self._codec
        if codec is None or self._metering is Metering.OFF:
            self._close()
        elif self._ears is None:
            self._ears = _Ears(Ear(codec), Ear(codec))
            self._inlet.ear, self._outlet.ear = self._ears.received, self._ears.sent
            self.deadline = now + STEP
        if self._ears is not None:
            needs_samples = self._metering is Metering.VOLUME
            self._ears.sent.needs_samples = self._ears.received.needs_samples = needs_samples

    def _close(self) -> None:
        self._ears = self._inlet.ear = self._outlet.ear = None
        self.deadline = inf

    def expire(self, now: float) -> tuple[float, float] | None:
        """Measure if it is time and there is media: the volumes sent and received, if they are wanted."""
        ears = self._ears
        if ears is None or now < self.deadline:
            return None
        self.deadline = max(self.deadline + STEP, now + STEP / 2)
        if self._outlet.stream is None:
            return None
        sent_level, sent_volume = ears.sent.step(now)
        received_level, received_volume = ears.received.step(now)
        ears.levels.append((sent_level, received_level))
        del ears.levels[:-MAX_LEVELS]
        return (sent_volume, received_volume) if self._metering is Metering.VOLUME else None

    def take_levels(self) -> Levels:
        """The levels since the last time; empty where nothing is measured."""
        if self._ears is None:
            return (), ()
        levels, self._ears.levels = self._ears.levels, []
        return tuple(sent for sent, _ in levels), tuple(received for _, received in levels)
