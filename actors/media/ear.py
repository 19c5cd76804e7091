"""The newest samples of one direction of a leg, and how loud they are."""

from typing import Final

import numpy as np

from actors.media.analyser import (
    ANALYSER_RATE,
    FFT_SIZE,
    LEVEL_SCALE,
    VOLUME_SCALE,
    Analyser,
    magnitudes,
)
from actors.media.codec import Decoder, Samples, open_decoder, sample_rate
from actors.media.engine_messages import Codec
from actors.media.interpolation import given_size, interpolate

FULL_LEVEL: Final = 32767
LOUDEST_TOLD: Final = 11_280.0
LEVEL_PER_DB: Final = 156.0
"""What speech measures on average, against its power in dB below full scale. A guess: RFC 6464 tells power,
and the level is a mean over the spectrum."""
QUIET_AFTER: Final = 0.1
"""When nothing came for so long, there is silence."""
_FULL_SCALE: Final = 32768


def newest_size(rate: int) -> int:
    """How many of the last samples at `rate` an ear listens to."""
    return FFT_SIZE if rate == ANALYSER_RATE else given_size(rate)


class Ear:
    """Takes payload, which it decodes, or samples that are known already, or what the sender says.

    `needs_samples` is for volumes: then what the sender says is not enough.
    """

    __slots__ = (
        "_codec",
        "_decoder",
        "_heard_at",
        "_level",
        "_newest",
        "_size",
        "_told",
        "_volume",
        "needs_samples",
    )

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._decoder: Decoder | None = None
        self._size = newest_size(sample_rate(codec))
        self._newest: Samples = np.zeros(self._size, np.int16)
        self._heard_at = float("-inf")
        self._told: int | None = None
        self.needs_samples = True
        self._level = Analyser(LEVEL_SCALE)
        self._volume = Analyser(VOLUME_SCALE)

    def hear(self, told: int | None, payload: memoryview, now: float) -> None:
        """Take a packet: the sender says that it is `told` dB below full scale, or nothing of that."""
        if told is None or self.needs_samples:
            self.decode(bytes(payload), now)
        else:
            self._told, self._heard_at = told, now

    def decode(self, payload: bytes, now: float) -> None:
        """Take one packet's payload, in order of arrival."""
        if self._decoder is None:
            self._decoder = open_decoder(self._codec)
        self.take(self._decoder.decode_untrusted(payload), now)

    def take(self, samples: Samples, now: float) -> None:
        """Take samples at the codec's rate; of many only the last matter."""
        if samples.size < self._size:
            samples = np.concatenate([self._newest, samples])
        self._newest = samples[-self._size :]
        self._told = None
        self._heard_at = now

    def step(self, now: float) -> tuple[float, float]:
        """The level, 0..32767, and the volume, 0..1, of this moment; no volume without samples."""
        if now - self._heard_at > QUIET_AFTER:
            self._newest = np.zeros(self._size, np.int16)
            self._told = None
        if self._told is not None:
            return max(0.0, LOUDEST_TOLD - LEVEL_PER_DB * self._told), 0.0
        samples = self._newest / _FULL_SCALE
        found = magnitudes(samples if self._size == FFT_SIZE else interpolate(samples))
        return self._level.step(found) * FULL_LEVEL, self._volume.step(found)
