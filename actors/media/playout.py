"""What a leg receives as 20 ms frames of samples, one for each of its turns."""

from typing import Final

import numpy as np

from actors.media.codec import Samples, open_decoder, samples_per_frame, ticks_untrusted
from actors.media.engine_messages import Codec
from actors.media.jitter_buffer import JitterBuffer

QUIET: Final = 300
"""No sample of a quiet frame is louder, of 32767."""


class Playout:
    """Opened only for a leg whose samples somebody needs."""

    __slots__ = ("_codec", "_decoder", "_is_quiet", "_queued", "_size", "buffer")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._decoder = open_decoder(codec)
        self._size = samples_per_frame(codec)
        self._queued: Samples = np.zeros(0, np.int16)
        self._is_quiet = False
        self.buffer = JitterBuffer(codec.clock_rate)

    def put(self, source: int, extended: int, timestamp: int, payload: bytes, now: float) -> None:
        """Take a packet of audio; see `JitterBuffer.put`. What is no payload is a lost packet."""
        ticks = ticks_untrusted(self._codec, payload)
        if ticks:
            self.buffer.put(source, extended, timestamp, ticks, payload, now)

    def next_frame(self, now: float) -> Samples | None:
        """20 ms at the codec's sample rate; None while nothing comes."""
        queued, size = self._queued, self._size
        while queued.size < size:
            payloads = self.buffer.take(now, is_quiet=self._is_quiet)
            if payloads is None:
                if not queued.size:
                    return None
                piece: Samples = np.zeros(size - queued.size, np.int16)
            else:
                piece = self._decode(payloads)
            queued = np.concatenate([queued, piece]) if queued.size else piece
        frame, self._queued = queued[:size], queued[size:]
        self._is_quiet = bool(frame.max() <= QUIET and frame.min() >= -QUIET)
        return frame

    def _decode(self, payloads: tuple[bytes, ...]) -> Samples:
        if not payloads:
            return self._decoder.conceal()
        first, *more = (self._decoder.decode_untrusted(payload) for payload in payloads)
        return _blend(first, more[0]) if more else first


def _blend(first: Samples, second: Samples) -> Samples:
    """Both in the time of one: out of the one and into the other."""
    size = min(first.size, second.size)
    weight = np.arange(size) / size
    return (first[:size] * (1 - weight) + second[-size:] * weight).astype(np.int16)
