"""Codecs: G.711 against a reference by the book, Opus by its effect, and payload that is none."""

import random

import numpy as np
import pytest

from actors.media.codec import (
    SUPPORTED,
    UnsupportedCodec,
    open_decoder,
    open_encoder,
    opus_bitrate,
    sample_rate,
    samples_per_frame,
    ticks_untrusted,
)
from actors.media.engine_messages import Codec

pytestmark = pytest.mark.pure

PCMU = Codec("pcmu", 8000, 0, 0)
PCMA = Codec("pcma", 8000, 8, 8)
OPUS = Codec("opus", 48000, 111, 111, 2)
G722 = Codec("g722", 8000, 9, 9)
EVERY_SAMPLE = np.arange(65536, dtype=np.uint16).view(np.int16)
EVERY_OCTET = bytes(range(256))


def mu_law(sample: int) -> int:
    """`ulaw_compress` of ITU-T G.191, for one sample."""
    magnitude = min(((~sample if sample < 0 else sample) >> 2) + 33, 0x1FFF)
    segment = 1
    while magnitude >> (segment + 5):
        segment += 1
    octet = (8 - segment) << 4 | (0xF - ((magnitude >> segment) & 0xF))
    return octet if sample < 0 else octet | 0x80


def a_law(sample: int) -> int:
    """`alaw_compress` of ITU-T G.191, for one sample."""
    magnitude = (~sample if sample < 0 else sample) >> 4
    if magnitude > 15:
        exponent = 1
        while magnitude > 16 + 15:
            magnitude >>= 1
            exponent += 1
        magnitude = (magnitude - 16) + (exponent << 4)
    return (magnitude if sample < 0 else magnitude | 0x80) ^ 0x55


@pytest.mark.parametrize(("codec", "reference"), [(PCMU, mu_law), (PCMA, a_law)])
def test_g711_encodes_every_sample_as_the_itu_reference(codec, reference):
    encoded = open_encoder(codec).encode(EVERY_SAMPLE)
    assert encoded == bytes(reference(sample) for sample in EVERY_SAMPLE.tolist())


@pytest.mark.parametrize(
    ("codec", "values"),
    [
        (PCMU, {0x00: -32124, 0x80: 32124, 0x7F: 0, 0xFF: 0, 0xFE: 8, 0x7E: -8, 0xEF: 132}),
        (PCMA, {0x2A: -32256, 0xAA: 32256, 0x55: -8, 0xD5: 8, 0x54: -24, 0xC5: 264}),
    ],
)
def test_g711_decodes_known_values(codec, values):
    decoded = open_decoder(codec).decode_untrusted(EVERY_OCTET).tolist()
    assert {octet: decoded[octet] for octet in values} == values


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_g711_decoding_and_encoding_again_changes_nothing(codec):
    """Or a call through several legs would get worse with each of them."""
    again = open_encoder(codec).encode(open_decoder(codec).decode_untrusted(EVERY_OCTET))
    negative_zero = {0x7F: 0xFF} if codec is PCMU else {}
    assert list(again) == [negative_zero.get(octet, octet) for octet in EVERY_OCTET]


@pytest.mark.parametrize("codec", [PCMU, PCMA, OPUS, G722])
def test_tone_survives_each_codec(codec):
    rate, size = sample_rate(codec), samples_per_frame(codec)
    encoder, decoder = open_encoder(codec), open_decoder(codec)
    tone = (8000 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)).astype(np.int16)
    frames = [encoder.encode(tone[at : at + size]) for at in range(0, rate, size)]
    heard = np.concatenate([decoder.decode_untrusted(frame) for frame in frames])
    spectrum = np.abs(np.fft.rfft(heard.astype(float)))
    assert heard.size == rate
    assert np.argmax(spectrum) == 1000
    assert np.sqrt(np.mean(np.square(heard[rate // 2 :].astype(float)))) == pytest.approx(
        8000 / 2**0.5, rel=0.1
    )


@pytest.mark.parametrize("codec", [PCMU, PCMA, OPUS, G722])
def test_payload_that_is_none_becomes_silence_and_is_counted(codec):
    decoder = open_decoder(codec)
    assert decoder.decode_untrusted(b"").tolist() == [0] * samples_per_frame(codec)
    assert decoder.malformed == 1


def test_opus_decoder_survives_garbage_and_goes_on():
    """libav's decoder ends for good on an empty packet; a peer must not be able to deafen a leg."""
    seeded = random.Random(7)
    encoder, decoder = open_encoder(OPUS), open_decoder(OPUS)
    for _ in range(300):
        decoded = decoder.decode_untrusted(seeded.randbytes(seeded.randrange(120)))
        assert decoded.dtype == np.int16
        assert 0 < decoded.size <= 5760
    assert decoder.malformed > 0
    tone = (8000 * np.sin(2 * np.pi * 500 * np.arange(960) / 48000)).astype(np.int16)
    heard = [decoder.decode_untrusted(encoder.encode(tone)) for _ in range(10)]
    assert np.abs(heard[-1]).max() > 4000


@pytest.mark.parametrize(
    ("fmtp", "bitrate"),
    [
        ("", 32000),
        ("minptime=10;useinbandfec=1", 32000),
        ("minptime=10; maxaveragebitrate=20000", 20000),
        ("maxaveragebitrate=500000", 32000),
        ("maxaveragebitrate=1", 6000),
        ("maxaveragebitrate=many", 32000),
    ],
)
def test_peer_limits_what_we_send(fmtp, bitrate):
    assert opus_bitrate(Codec("opus", 48000, 111, 111, 2, fmtp=fmtp)) == bitrate


def test_frames_are_20_ms():
    """Those of G.722 are twice as many as the ticks of its RTP clock."""
    every = (OPUS, PCMU, PCMA, G722)
    assert [samples_per_frame(codec) for codec in every] == [960, 160, 160, 320]
    assert {codec.name for codec in every} == set(SUPPORTED)
    for codec in every:
        payload = open_encoder(codec).encode(np.zeros(samples_per_frame(codec), np.int16))
        assert ticks_untrusted(codec, payload) == codec.clock_rate // 50


def test_unknown_codec_is_refused():
    speex = Codec("speex", 8000, 97, 97)
    for use in (open_encoder, open_decoder, sample_rate):
        with pytest.raises(UnsupportedCodec):
            use(speex)


@pytest.mark.parametrize(
    ("start", "ticks"),
    [
        (b"", 0),
        (b"\x78", 960),  # CELT, 20 ms
        (b"\xd9", 1920),  # two frames
        (b"\x18", 2880),  # SILK, 60 ms
        (b"\x60", 480),  # hybrid, 10 ms
        (b"\xe0", 120),  # CELT, 2.5 ms
        (b"\xdb", 0),  # any number of frames, and the number is missing
        (b"\xdb\x03", 2880),
        (b"\xdb\x3f", 0),  # more than 120 ms
    ],
)
def test_opus_packet_tells_how_long_it_is(start, ticks):
    """RFC 6716 section 3.1."""
    assert ticks_untrusted(OPUS, start) == ticks


@pytest.mark.parametrize("codec", [PCMU, PCMA, OPUS, G722])
def test_lost_frame_is_concealed_by_what_was_heard_and_fades(codec):
    rate, size = sample_rate(codec), samples_per_frame(codec)
    encoder, decoder = open_encoder(codec), open_decoder(codec)
    tone = (8000 * np.sin(2 * np.pi * 400 * np.arange(rate) / rate)).astype(np.int16)
    frames = [encoder.encode(tone[at : at + size]) for at in range(0, rate, size)]
    for frame in frames[:30]:
        decoder.decode_untrusted(frame)
    concealed = [decoder.conceal() for _ in range(30)]
    assert {frame.size for frame in concealed} == {size}
    levels = [float(np.sqrt(np.mean(np.square(frame.astype(float))))) for frame in concealed]
    assert levels[0] > 3000
    assert levels[0] > levels[1] > levels[2]
    assert levels[-1] < levels[0] / 4
    spectrum = np.abs(np.fft.rfft(concealed[0].astype(float) * np.hanning(size)))
    assert np.argmax(spectrum) * 50 == pytest.approx(400, abs=50)
    again = np.concatenate([decoder.decode_untrusted(frame) for frame in frames[40:]]).astype(float)
    assert np.sqrt(np.mean(np.square(again[size:]))) > 5000
    assert decoder.malformed == 0


@pytest.mark.parametrize("codec", [PCMU, PCMA, OPUS, G722])
def test_before_anything_was_heard_there_is_nothing_to_go_on_with(codec):
    assert not open_decoder(codec).conceal().any()
