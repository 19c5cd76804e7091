"""Encoders and decoders of the audio codecs we speak: Opus and G.722 through libav, G.711 by tables.

Opened only where audio is really touched; payload that is passed through never comes here.
"""

from typing import Any, Final, Protocol, TypeAlias

import av
import numpy as np
import numpy.typing as npt

from actors.media.concealment import Concealment
from actors.media.engine_messages import Codec

Samples: TypeAlias = npt.NDArray[np.int16]
Bytes: TypeAlias = npt.NDArray[np.uint8]

SUPPORTED: Final = ("opus", "pcmu", "pcma", "g722")
"""Codec names as SDP has them, in lower case."""

FRAME_SECONDS: Final = 0.02
OPUS_RATE: Final = 48000
G711_RATE: Final = 8000
G722_RATE: Final = 16000
"""Its RTP clock runs at half of that all the same (RFC 3551 section 4.5.2)."""
OPUS_BITRATE: Final = 32000
MIN_OPUS_BITRATE: Final = 6000

_OPUS_SINGLE_FRAME = 0xFC
"""Of the first octet all but the number of frames: one (RFC 6716 section 3.1)."""
_OPUS_MAX_TICKS = 5760
_OPUS_SILK_TICKS = (480, 960, 1920, 2880)
_OPUS_CELT_TICKS = (120, 240, 480, 960)

_MU_BIAS = 132
_MU_MAX = 0x1FFF


class UnsupportedCodec(ValueError):
    """No such codec here."""


class Encoder(Protocol):
    sample_rate: int

    def encode(self, pcm: Samples) -> bytes:
        """One 20 ms frame of mono samples at `sample_rate`, as payload."""


class Decoder(Protocol):
    sample_rate: int
    malformed: int

    def decode_untrusted(self, payload: bytes) -> Samples:
        """Mono samples at `sample_rate`; 20 ms of silence, and `malformed` counted, if it is no payload."""

    def conceal(self) -> Samples:
        """20 ms in place of a payload that is lost: what was heard last goes on, and fades away."""


def sample_rate(codec: Codec) -> int:
    """In Hz, of what the codec's encoder takes and its decoder gives."""
    match codec.name:
        case "opus":
            return OPUS_RATE
        case "pcmu" | "pcma":
            return G711_RATE
        case "g722":
            return G722_RATE
        case name:
            raise UnsupportedCodec(name)


def samples_per_frame(codec: Codec) -> int:
    """Samples of 20 ms; but for G.722 also the RTP timestamp's step."""
    return sample_rate(codec) // 50


def ticks_untrusted(codec: Codec, payload: bytes) -> int:
    """How long a payload lasts, in ticks of the RTP clock; 0 if it is none."""
    if codec.name != "opus":
        return len(payload)
    if not payload:
        return 0
    configuration, code = payload[0] >> 3, payload[0] & 3
    if configuration < 12:
        each = _OPUS_SILK_TICKS[configuration & 3]
    elif configuration < 16:
        each = (480, 960)[configuration & 1]
    else:
        each = _OPUS_CELT_TICKS[configuration & 3]
    frames = (payload[1] & 0x3F if len(payload) > 1 else 0) if code == 3 else min(code + 1, 2)
    return each * frames if each * frames <= _OPUS_MAX_TICKS else 0


def open_encoder(codec: Codec) -> Encoder:
    match codec.name:
        case "opus":
            options = {"application": "voip", "frame_duration": "20"}
            return _LibavEncoder("libopus", OPUS_RATE, opus_bitrate(codec), options)
        case "pcmu":
            return _TableEncoder(_MU_ENCODE)
        case "pcma":
            return _TableEncoder(_A_ENCODE)
        case "g722":
            return _LibavEncoder("g722", G722_RATE, 64000)
        case name:
            raise UnsupportedCodec(name)


def open_decoder(codec: Codec) -> Decoder:
    match codec.name:
        case "opus":
            return _OpusDecoder()
        case "pcmu":
            return _TableDecoder(_MU_DECODE)
        case "pcma":
            return _TableDecoder(_A_DECODE)
        case "g722":
            return _G722Decoder()
        case name:
            raise UnsupportedCodec(name)


def opus_bitrate(codec: Codec) -> int:
    """Bits per second to send: ours, or less if the peer's `maxaveragebitrate` asks so (RFC 7587 6.1)."""
    for parameter in codec.fmtp.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "maxaveragebitrate" and value.strip().isdecimal():
            return min(OPUS_BITRATE, max(MIN_OPUS_BITRATE, int(value)))
    return OPUS_BITRATE


class _LibavEncoder:
    def __init__(self, name: str, rate: int, bitrate: int, options: dict[str, str] | None = None) -> None:
        self.sample_rate = rate
        context: Any = av.CodecContext.create(name, "w")
        context.sample_rate = rate
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = bitrate
        context.options = options or {}
        context.open()
        self._context = context
        self._pts = 0

    def encode(self, pcm: Samples) -> bytes:
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self.sample_rate
        frame.pts = self._pts
        self._pts += pcm.size
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


class _LibavDecoder:
    def __init__(self, name: str, rate: int) -> None:
        self.sample_rate = rate
        self.malformed = 0
        context: Any = av.CodecContext.create(name, "r")
        context.sample_rate = rate
        context.layout = "mono"
        context.format = "s16"
        context.open()
        self._context = context

    def decode_untrusted(self, payload: bytes) -> Samples:
        if payload:  # an empty packet would put libav's decoder at its end for good
            try:
                frames = self._context.decode(av.Packet(payload))
            except av.error.FFmpegError:
                frames = []
            if frames:
                return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
        self.malformed += 1
        return np.zeros(self.sample_rate // 50, np.int16)


class _OpusDecoder(_LibavDecoder):
    """Conceals by what libopus has for it: a frame of no length, which is how a lost one is told to it."""

    def __init__(self) -> None:
        super().__init__("libopus", OPUS_RATE)
        self._first_octet: int | None = None

    def decode_untrusted(self, payload: bytes) -> Samples:
        malformed = self.malformed
        samples = super().decode_untrusted(payload)
        if self.malformed == malformed:
            self._first_octet = payload[0]
        return samples

    def conceal(self) -> Samples:
        size = OPUS_RATE // 50
        if self._first_octet is None:
            return np.zeros(size, np.int16)
        lost = bytes((self._first_octet & _OPUS_SINGLE_FRAME,))
        samples = super().decode_untrusted(lost)
        while samples.size < size:
            samples = np.concatenate([samples, super().decode_untrusted(lost)])
        return samples[:size]


class _G722Decoder(_LibavDecoder):
    def __init__(self) -> None:
        super().__init__("g722", G722_RATE)
        self._concealment = Concealment(G722_RATE)

    def decode_untrusted(self, payload: bytes) -> Samples:
        return self._concealment.join(super().decode_untrusted(payload))

    def conceal(self) -> Samples:
        return self._concealment.conceal()


class _TableEncoder:
    sample_rate = G711_RATE

    def __init__(self, table: Bytes) -> None:
        self._table = table

    def encode(self, pcm: Samples) -> bytes:
        return self._table[pcm.view(np.uint16)].tobytes()


class _TableDecoder:
    sample_rate = G711_RATE

    def __init__(self, table: Samples) -> None:
        self.malformed = 0
        self._table = table
        self._concealment = Concealment(G711_RATE)

    def decode_untrusted(self, payload: bytes) -> Samples:
        if not payload:
            self.malformed += 1
            return np.zeros(G711_RATE // 50, np.int16)
        return self._concealment.join(self._table[np.frombuffer(payload, np.uint8)])

    def conceal(self) -> Samples:
        return self._concealment.conceal()


def _mu_decode_table() -> Samples:
    """ITU-T G.711 table 2, scaled to 16 bits."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _MU_BIAS) << ((code >> 4) & 7)) - _MU_BIAS
    table: Samples = np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
    return table


def _mu_encode_table() -> Bytes:
    """As `ulaw_compress` of ITU-T G.191; indexed by the sample's 16 bits read as unsigned."""
    pcm = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum((np.where(pcm < 0, ~pcm, pcm) >> 2) + _MU_BIAS // 4, _MU_MAX)
    exponent = np.frexp(magnitude.astype(np.float64))[1].astype(np.int32) - 6
    code = np.where(pcm < 0, 0x80, 0) | (exponent << 4) | ((magnitude >> (exponent + 1)) & 0x0F)
    table: Bytes = np.bitwise_not(code.astype(np.uint8))
    return table


def _a_decode_table() -> Samples:
    """ITU-T G.711 table 1, scaled to 16 bits."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = (code >> 4) & 7
    mantissa = ((code & 0x0F) << 4) + np.where(exponent > 0, 0x108, 8)
    magnitude = mantissa << np.maximum(exponent - 1, 0)
    table: Samples = np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)
    return table


def _a_encode_table() -> Bytes:
    """Indexed by the sample's 16 bits read as unsigned."""
    pcm = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 3
    magnitude = np.where(pcm >= 0, pcm, -pcm - 1)
    exponent = np.maximum(np.frexp(magnitude.astype(np.float64))[1].astype(np.int32) - 5, 0)
    code = (exponent << 4) | ((magnitude >> np.maximum(exponent, 1)) & 0x0F)
    table: Bytes = np.bitwise_xor(code, np.where(pcm >= 0, 0xD5, 0x55)).astype(np.uint8)
    return table


_MU_ENCODE: Final = _mu_encode_table()
_MU_DECODE: Final = _mu_decode_table()
_A_ENCODE: Final = _a_encode_table()
_A_DECODE: Final = _a_decode_table()
