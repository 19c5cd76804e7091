"""Encoders and decoders of the audio codecs we speak: Opus through libopus, G.711 by tables.

Opened only where audio is really touched; payload that is passed through never comes here.
"""

from typing import Any, Final, Protocol, TypeAlias

import av
import numpy as np
import numpy.typing as npt

from actors.media.engine_messages import Codec

Samples: TypeAlias = npt.NDArray[np.int16]
Bytes: TypeAlias = npt.NDArray[np.uint8]

SUPPORTED: Final = ("opus", "pcmu", "pcma")
"""Codec names as SDP has them, in lower case."""

FRAME_SECONDS: Final = 0.02
OPUS_RATE: Final = 48000
G711_RATE: Final = 8000
OPUS_BITRATE: Final = 32000
MIN_OPUS_BITRATE: Final = 6000

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


def sample_rate(codec: Codec) -> int:
    """In Hz, of what the codec's encoder takes and its decoder gives."""
    match codec.name:
        case "opus":
            return OPUS_RATE
        case "pcmu" | "pcma":
            return G711_RATE
        case name:
            raise UnsupportedCodec(name)


def samples_per_frame(codec: Codec) -> int:
    """RTP timestamp step of 20 ms; for these codecs also the number of samples."""
    return sample_rate(codec) // 50


def open_encoder(codec: Codec) -> Encoder:
    match codec.name:
        case "opus":
            return _OpusEncoder(opus_bitrate(codec))
        case "pcmu":
            return _TableEncoder(_MU_ENCODE)
        case "pcma":
            return _TableEncoder(_A_ENCODE)
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
        case name:
            raise UnsupportedCodec(name)


def opus_bitrate(codec: Codec) -> int:
    """Bits per second to send: ours, or less if the peer's `maxaveragebitrate` asks so (RFC 7587 6.1)."""
    for parameter in codec.fmtp.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "maxaveragebitrate" and value.strip().isdecimal():
            return min(OPUS_BITRATE, max(MIN_OPUS_BITRATE, int(value)))
    return OPUS_BITRATE


class _OpusEncoder:
    sample_rate = OPUS_RATE

    def __init__(self, bitrate: int) -> None:
        context: Any = av.CodecContext.create("libopus", "w")
        context.sample_rate = OPUS_RATE
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = bitrate
        context.options = {"application": "voip", "frame_duration": "20"}
        context.open()
        self._context = context
        self._pts = 0

    def encode(self, pcm: Samples) -> bytes:
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = OPUS_RATE
        frame.pts = self._pts
        self._pts += pcm.size
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


class _OpusDecoder:
    sample_rate = OPUS_RATE

    def __init__(self) -> None:
        self.malformed = 0
        context: Any = av.CodecContext.create("libopus", "r")
        context.sample_rate = OPUS_RATE
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
        return np.zeros(OPUS_RATE // 50, np.int16)


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

    def decode_untrusted(self, payload: bytes) -> Samples:
        if not payload:
            self.malformed += 1
            return np.zeros(G711_RATE // 50, np.int16)
        return self._table[np.frombuffer(payload, np.uint8)]


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
