"""The tone detector: hears its tones through each codec and under speech, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from actors.media.codec import open_encoder, sample_rate, samples_per_frame
from actors.media.detector import ToneChange, ToneDetector
from actors.media.engine_messages import Codec
from actors.media.messages import Clip, Silence, Tone
from actors.media.sources import open_source

pytestmark = pytest.mark.pure

SPEECH = str(Path(__file__).parents[1] / "data" / "speech.wav")
CODECS = [Codec("pcmu", 8000, 0, 0), Codec("pcma", 8000, 8, 8), Codec("opus", 48000, 111, 111, 2)]
each_codec = pytest.mark.parametrize("codec", CODECS, ids=[codec.name for codec in CODECS])


def feed(detector, codec, source, frames=100):
    playable = open_source(source, codec)
    payloads = (playable.next_frame() for _ in range(frames))
    return [change for payload in payloads if payload is not None for change in detector.feed(payload)]


@each_codec
@pytest.mark.parametrize("hz", [440.0, 1000.0, 2100.0])
def test_tone_is_heard_once_and_gone_once(codec, hz):
    detector = ToneDetector(codec, (hz,))
    assert feed(detector, codec, Tone(hz)) == [ToneChange(hz, is_heard=True)]
    assert feed(detector, codec, Silence()) == [ToneChange(hz, is_heard=False)]


def test_tone_is_heard_after_three_blocks_and_gone_after_five():
    codec = CODECS[0]
    detector = ToneDetector(codec, (1000.0,))
    assert feed(detector, codec, Tone(1000), 14) == []
    assert feed(detector, codec, Tone(1000), 1) == [ToneChange(1000.0, is_heard=True)]
    assert feed(detector, codec, Silence(), 24) == []
    assert feed(detector, codec, Silence(), 1) == [ToneChange(1000.0, is_heard=False)]


def test_short_gap_is_no_change():
    """Lost packets or a clipped word must not look like the end of a tone."""
    codec = CODECS[0]
    detector = ToneDetector(codec, (1000.0,))
    feed(detector, codec, Tone(1000))
    assert feed(detector, codec, Silence(), 20) == []
    assert feed(detector, codec, Tone(1000)) == []


@each_codec
@pytest.mark.parametrize("amplitude", [0.1, 0.25])
@pytest.mark.parametrize("hz", [440.0, 1000.0, 1700.0])
def test_tone_is_heard_under_speech_all_the_time(codec, hz, amplitude):
    detector = ToneDetector(codec, (hz,))
    mixed = Clip(SPEECH, tone=Tone(hz, amplitude))
    assert feed(detector, codec, mixed, 250) == [ToneChange(hz, is_heard=True)]


@each_codec
def test_speech_is_no_tone(codec):
    detector = ToneDetector(codec, (440.0, 620.0, 1000.0, 1300.0, 1700.0, 2100.0))
    assert feed(detector, codec, Clip(SPEECH), 250) == []


@each_codec
@pytest.mark.parametrize("apart", [-200, -60, -40, 40, 60, 200])
def test_neighbour_of_a_tone_is_not_that_tone(codec, apart):
    detector = ToneDetector(codec, (1000.0,))
    assert feed(detector, codec, Tone(1000 + apart, 1.0)) == []


@each_codec
def test_noise_and_silence_are_no_tones(codec):
    detector = ToneDetector(codec, (440.0, 1000.0, 2000.0))
    assert feed(detector, codec, Silence()) == []
    encoder, noise = open_encoder(codec), np.random.default_rng(5)
    for _ in range(300):
        samples = noise.normal(0, 6000, samples_per_frame(codec)).clip(-32768, 32767).astype(np.int16)
        assert detector.feed(encoder.encode(samples)) == ()


@each_codec
def test_band_of_noise_round_a_tone_is_not_that_tone(codec):
    """Most of its power is near the tone, as that of a gliding voice may be."""
    rate, size, seconds = sample_rate(codec), samples_per_frame(codec), 6
    spectrum = np.zeros(rate * seconds // 2 + 1, complex)
    noise = np.random.default_rng(3).normal(size=(2, 200 * seconds))
    spectrum[900 * seconds : 1100 * seconds] = noise[0] + 1j * noise[1]
    band = np.fft.irfft(spectrum, rate * seconds)
    samples = (5000 * band / band.std()).clip(-32768, 32767).astype(np.int16)
    detector, encoder = ToneDetector(codec, (1000.0,)), open_encoder(codec)
    frames = (encoder.encode(samples[at : at + size]) for at in range(0, samples.size, size))
    assert [change for frame in frames for change in detector.feed(frame)] == []


@each_codec
def test_tones_are_told_apart(codec):
    rate, size = sample_rate(codec), samples_per_frame(codec)
    time = np.arange(rate) / rate
    both = (6000 * (np.sin(2 * np.pi * 700 * time) + np.sin(2 * np.pi * 1100 * time))).astype(np.int16)
    detector, encoder = ToneDetector(codec, (700.0, 900.0, 1100.0)), open_encoder(codec)
    frames = (encoder.encode(both[at : at + size]) for at in range(0, rate, size))
    changes = {change for frame in frames for change in detector.feed(frame)}
    assert changes == {ToneChange(700.0, is_heard=True), ToneChange(1100.0, is_heard=True)}


@each_codec
def test_garbage_changes_nothing(codec):
    detector = ToneDetector(codec, (1000.0,))
    for size in range(200):
        assert detector.feed(b"\xff" * size) == ()
    assert detector.malformed > 0
