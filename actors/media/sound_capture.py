"""One microphone, and the legs that send what it records."""

from collections.abc import Callable
from typing import Final

import numpy as np

from actors.media.codec import Encoder, Samples, open_encoder, sample_rate
from actors.media.ear import newest_size
from actors.media.engine_messages import Codec
from actors.media.sound_resampler import Resampler
from actors.media.sound_ring import Cushion, SampleRing

TARGET_SECONDS: Final = 0.06
"""Waits for the loop; devices of sound servers deliver in bursts."""
LIMIT_SECONDS: Final = 0.2
RING_SECONDS: Final = 1
FRAMES_A_SECOND: Final = 50
ENDLESS: Final = 1 << 62


def open_cushion(rate: int) -> Cushion:
    """Between a device and the loop, at this rate."""
    return Cushion(SampleRing(rate * RING_SECONDS), round(rate * TARGET_SECONDS), round(rate * LIMIT_SECONDS))


class Capture:
    """What a device records. `rate` is 0 while it is not open. `take` is for the device's own thread.

    `wake` is called when it is wanted and is not open.
    """

    def __init__(self, device_id: str, wake: Callable[[], None]) -> None:
        self.device_id = device_id
        self._wake = wake
        self.rate = 0
        self._lines: dict[Line, int] = {}
        self._rings: tuple[SampleRing, ...] = ()

    @property
    def is_wanted(self) -> bool:
        return bool(self._lines)

    def take(self, samples: Samples) -> None:
        for ring in self._rings:
            ring.write(samples)

    def open(self, rate: int) -> None:
        """It records at this rate from now on; 0: no more."""
        self.rate = rate
        for line in self._lines:
            line.open(rate)
        self._share()

    def join(self, line: "Line") -> None:
        if line not in self._lines:
            line.open(self.rate)
            self._lines[line] = -1
            self._share()
            if not self.rate:
                self._wake()

    def sweep(self) -> None:
        """Now and then: forget lines that nobody has read since the last time."""
        self._lines = {line: line.reads for line, reads in self._lines.items() if line.reads != reads}
        self._share()

    def forget(self) -> None:
        """Be wanted by nobody; who still reads joins again."""
        self._lines.clear()
        self._share()

    def _share(self) -> None:
        self._rings = tuple(line.cushion.ring for line in self._lines if line.cushion is not None)


class Line:
    """One listener of a capture. `reads` tells whether somebody is there."""

    def __init__(self) -> None:
        self.reads = 0
        self.cushion: Cushion | None = None
        self._frame: Samples = np.zeros(0, np.int16)
        self.rate = 0

    def open(self, rate: int) -> None:
        self.rate = rate
        self.cushion = open_cushion(rate) if rate else None
        self._frame = np.zeros(rate // FRAMES_A_SECOND, np.int16)

    def read(self) -> Samples:
        """The next 20 ms at `rate`; nothing while the device is not open."""
        self.reads += 1
        if self.cushion is not None:
            self.cushion.read_into(self._frame)
        return self._frame


class CaptureTrack:
    """What a leg sends of a capture, in its codec: a track without end. When it is read it joins."""

    length: Final = ENDLESS
    is_loop: Final = False

    def __init__(self, capture: Capture, codec: Codec) -> None:
        self._capture = capture
        self._line = Line()
        self._encoder: Encoder = open_encoder(codec)
        self._rate = sample_rate(codec)
        self._silence: Samples = np.zeros(self._rate // FRAMES_A_SECOND, np.int16)
        self._samples = self._silence
        self._resampler: Resampler | None = None
        self._given = 0

    def frame(self, index: int) -> bytes:
        """The newest 20 ms; frames are taken in order, once."""
        del index
        self._capture.join(self._line)
        self._samples = self._resampled(self._line.read())
        return self._encoder.encode(self._samples)

    def newest(self, index: int) -> Samples:
        """The last samples of the frame that was taken last."""
        del index
        return self._samples[-newest_size(self._rate) :]

    def _resampled(self, recorded: Samples) -> Samples:
        if not recorded.size:
            return self._silence
        if self._resampler is None or self._given != self._line.rate:
            self._given = self._line.rate
            self._resampler = Resampler(self._given, self._rate)
        return self._resampler.take(recorded)
