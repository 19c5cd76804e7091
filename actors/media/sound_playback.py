"""One loudspeaker, and the voices that are heard on it together."""

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from actors.media.codec import Decoder, Samples, open_decoder, sample_rate
from actors.media.engine_messages import Codec
from actors.media.sound_capture import open_cushion
from actors.media.sound_resampler import Resampler
from actors.media.sound_ring import Cushion

BLOCK: Final = 960
"""Samples mixed at a time."""
MAX_GAP: Final = 10
"""Packets; so many that are missing are silence, more are a new beginning."""


class Voice(Protocol):
    """Something to be heard. `open` is called in the loop, `read_into` in the thread of a device."""

    def open(self, rate: int) -> None:
        """The device plays at this rate; 0: it is closed."""

    def read_into(self, out: Samples) -> None: ...

    @property
    def is_over(self) -> bool:
        """Nothing more comes."""

    @property
    def is_lasting(self) -> bool:
        """It is worth hearing whenever the device opens."""

    def close(self) -> None:
        """It is forgotten, over or not."""


class Playback:
    """What a device plays. `rate` is 0 while it is not open. `fill` is for the device's own thread."""

    def __init__(self, device_id: str) -> None:
        self.device_id = device_id
        self.rate = 0
        self._voices: tuple[Voice, ...] = ()
        self._mix: npt.NDArray[np.int32] = np.zeros(BLOCK, np.int32)
        self._voice: Samples = np.zeros(BLOCK, np.int16)

    @property
    def is_wanted(self) -> bool:
        return bool(self._voices)

    def fill(self, out: Samples) -> None:
        for start in range(0, out.size, BLOCK):
            self._mix_into(out[start : start + BLOCK])

    def _mix_into(self, out: Samples) -> None:
        mix, samples = self._mix[: out.size], self._voice[: out.size]
        mix[:] = 0
        for voice in self._voices:
            voice.read_into(samples)
            mix += samples
        np.clip(mix, -32768, 32767, out=mix)
        out[:] = mix

    def open(self, rate: int) -> None:
        """It plays at this rate from now on; 0: no more."""
        self.rate = rate
        for voice in self._voices:
            voice.open(rate)

    def add(self, voice: Voice) -> None:
        voice.open(self.rate)
        self._voices = (*self._voices, voice)

    def sweep(self) -> None:
        """Now and then: forget voices that are over."""
        for voice in self._voices:
            if voice.is_over:
                self.remove(voice)
                voice.close()

    def forget(self) -> None:
        """The device cannot be opened: forget what would come too late when it can."""
        for voice in self._voices:
            if not voice.is_lasting:
                self.remove(voice)
                voice.close()

    def remove(self, voice: Voice) -> None:
        """A no-op if it is not heard here."""
        self._voices = tuple(other for other in self._voices if other is not voice)


class Heard:
    """What a leg receives from now on, as the voice of a loudspeaker. `take` is for the leg."""

    is_over: Final = False
    is_lasting: Final = True

    def __init__(self) -> None:
        self._rate = 0
        self._cushion: Cushion | None = None
        self._codec: Codec | None = None
        self._decoder: Decoder | None = None
        self._resampler: Resampler | None = None
        self._expected: int | None = None

    def open(self, rate: int) -> None:
        self._rate = rate
        self._cushion = open_cushion(rate) if rate else None
        self._codec = None

    def take(self, payload: bytes, codec: Codec, extended: int) -> None:
        """One packet's payload; `extended` is its number. One that comes after a later one is left out."""
        cushion = self._cushion
        if cushion is None:
            return
        if codec != self._codec or self._decoder is None or self._resampler is None:
            self._codec, self._decoder = codec, open_decoder(codec)
            self._resampler = Resampler(sample_rate(codec), self._rate)
            self._expected = None
        gap = 0 if self._expected is None else extended - self._expected
        if -MAX_GAP <= gap < 0:
            return
        self._expected = extended + 1
        samples = self._decoder.decode_untrusted(payload)
        if 0 < gap <= MAX_GAP:
            samples = np.concatenate([np.zeros(gap * samples.size, np.int16), samples])
        cushion.ring.write(self._resampler.take(samples))

    def close(self) -> None:
        """A leg is heard until its device is told otherwise."""

    def read_into(self, out: Samples) -> None:
        cushion = self._cushion
        if cushion is None:
            out[:] = 0
        else:
            cushion.read_into(out)
