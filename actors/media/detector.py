"""Hears known tones in what a leg receives, also under speech."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from actors.media.codec import open_decoder
from actors.media.engine_messages import Codec

BLOCK_SECONDS: Final = 0.1
BLOCKS_TO_HEAR: Final = 3
BLOCKS_TO_LOSE: Final = 5

MIN_AMPLITUDE: Final = 200.0
"""Of 32767; what is quieter is no tone."""
MIN_SHARE: Final = 0.04
"""Of a block's power, to begin to hear a tone; half as much goes on being heard."""
MIN_CONTRAST: Final = 6.0
"""Power over that of the strongest neighbour, to begin; half as much goes on being heard."""
NEIGHBOURS_HZ: Final = (-40.0, -30.0, 30.0, 40.0)
"""Where a Hann window of one block leaves nothing of a steady sine, but much of a gliding voice."""


@dataclass(frozen=True, slots=True)
class ToneChange:
    hz: float
    is_heard: bool


class ToneDetector:
    """Decodes payload and correlates each 100 ms block with the tones asked for."""

    def __init__(self, codec: Codec, hz: tuple[float, ...]) -> None:
        self._decoder = open_decoder(codec)
        self._hz = hz
        self._size = round(BLOCK_SECONDS * self._decoder.sample_rate)
        self._block = np.zeros(self._size, np.float32)
        self._filled = 0
        self._window = np.hanning(self._size + 1)[:-1].astype(np.float32)
        self._window_power = float(np.sum(np.square(self._window)))
        # Twice |X|² over the window's squared sum is the mean power of a sine.
        self._scale = 2 / float(np.sum(self._window)) ** 2
        probes = np.array([tone + offset for tone in hz for offset in (0.0, *NEIGHBOURS_HZ)])
        angles = np.outer(probes, np.arange(self._size)) * (2 * np.pi / self._decoder.sample_rate)
        self._matrix = np.concatenate([np.cos(angles), np.sin(angles)]).astype(np.float32) * self._window
        self._is_heard = [False] * len(hz)
        self._streak = [0] * len(hz)

    @property
    def malformed(self) -> int:
        """Payloads that could not be decoded."""
        return self._decoder.malformed

    def feed(self, payload: bytes) -> tuple[ToneChange, ...]:
        """Take one packet's payload, in order of arrival; tones change only as a block is complete."""
        samples = self._decoder.decode_untrusted(payload)
        changes: tuple[ToneChange, ...] = ()
        while samples.size:
            part = samples[: self._size - self._filled]
            self._block[self._filled : self._filled + part.size] = part
            self._filled += part.size
            samples = samples[part.size :]
            if self._filled == self._size:
                self._filled = 0
                changes += self._judge()
        return changes

    def _judge(self) -> tuple[ToneChange, ...]:
        windowed = self._block * self._window
        total = float(windowed @ windowed) / self._window_power
        parts = self._matrix @ self._block
        half = parts.size // 2
        powers = self._scale * (parts[:half] ** 2 + parts[half:] ** 2)
        rows = powers.reshape(len(self._hz), 1 + len(NEIGHBOURS_HZ))
        changes = []
        for index, (power, *neighbours) in enumerate(rows.tolist()):
            ease = 0.5 if self._is_heard[index] else 1.0
            is_there = (
                power > MIN_AMPLITUDE**2 / 2 * ease
                and power > MIN_SHARE * ease * total
                and power > MIN_CONTRAST * ease * max(neighbours)
            )
            if self._note(index, is_there=is_there):
                changes.append(ToneChange(self._hz[index], self._is_heard[index]))
        return tuple(changes)

    def _note(self, index: int, *, is_there: bool) -> bool:
        """Whether this block turns the tone on or off."""
        if is_there == self._is_heard[index]:
            self._streak[index] = 0
            return False
        self._streak[index] += 1
        if self._streak[index] < (BLOCKS_TO_HEAR if is_there else BLOCKS_TO_LOSE):
            return False
        self._streak[index] = 0
        self._is_heard[index] = is_there
        return True
