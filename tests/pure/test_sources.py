"""What legs play: silence, tones, clips, and both together."""

import wave

import numpy as np
import pytest

from actors.ids import LegId
from actors.media.codec import open_decoder, sample_rate
from actors.media.engine_messages import Codec
from actors.media.messages import Clip, FromLeg, Silence, Tone
from actors.media.sources import SourceError, open_source
from actors.media.wav import MAX_WAV_BYTES, Wav

pytestmark = pytest.mark.pure

PCMU = Codec("pcmu", 8000, 0, 0)
PCMA = Codec("pcma", 8000, 8, 8)
OPUS = Codec("opus", 48000, 111, 111, 2)
G722 = Codec("g722", 8000, 9, 9)
CODECS = [PCMU, PCMA, OPUS, G722]


def hear(source, codec, frames=100):
    playable, decoder = open_source(source, codec), open_decoder(codec)
    payloads = [playable.next_frame() for _ in range(frames)]
    return np.concatenate([decoder.decode_untrusted(payload) for payload in payloads if payload is not None])


def loudest_hz(samples, codec):
    spectrum = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(samples.size)))
    return float(np.argmax(spectrum)) * sample_rate(codec) / samples.size


@pytest.fixture
def write_wav(tmp_path):
    def write(samples, rate=8000, channels=1, width=2):
        path = tmp_path / f"{rate}-{channels}-{width}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(width)
            file.setframerate(rate)
            file.writeframes(samples.tobytes())
        return str(path)

    return write


def sine(hz, rate, seconds=1.0, amplitude=8000):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype("<i2")


@pytest.mark.parametrize("codec", CODECS)
def test_silence_is_silent_and_never_ends(codec):
    heard = hear(Silence(), codec, 200)
    assert heard.size == 4 * sample_rate(codec)
    # A-law has no zero, and G.722 adapts itself for a moment where the loop begins again.
    assert np.abs(heard).max() <= (64 if codec is G722 else 8)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("hz", [440, 697, 1000, 1633])
def test_tone_has_its_frequency_and_amplitude(codec, hz):
    """Opus keeps a tone's pitch, but by itself changes its level by up to 2 dB."""
    heard = hear(Tone(hz, 0.25), codec)[sample_rate(codec) :]
    amplitude = np.sqrt(2 * np.mean(np.square(heard.astype(float))))
    assert loudest_hz(heard, codec) == pytest.approx(hz, abs=1)
    assert amplitude == pytest.approx(0.25 * 32767, rel=0.25 if codec is OPUS else 0.02)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("hz", [437, 1000, 1700])
def test_loop_of_a_tone_cannot_be_heard_to_loop(codec, hz):
    """At each seam the level stays and the wave goes on: no click, no dip."""
    rate = sample_rate(codec)
    heard = hear(Tone(hz, 0.25), codec, 200)[rate // 2 :].astype(float)
    levels = np.sqrt(np.mean(np.square(heard.reshape(-1, rate // 50)), axis=1))
    assert levels.min() > 0.95 * levels.max()
    # What the recurrence of a sine does not explain.
    click = np.abs(heard[2:] - 2 * np.cos(2 * np.pi * hz / rate) * heard[1:-1] + heard[:-2])
    body, seam = click[: rate // 2 - 4], click[rate // 2 - 4 : rate // 2 + rate // 50]
    assert seam.max() <= 2 * body.max()


def test_tone_between_whole_hertz_is_at_most_half_a_hertz_off():
    heard = hear(Tone(440.25, 0.25), PCMU, 500)
    assert loudest_hz(heard, PCMU) == pytest.approx(440.25, abs=0.51)


@pytest.mark.parametrize("hz", [0, -5, 4000, 1e9])
def test_tone_that_the_codec_cannot_carry_is_silence(hz):
    assert np.abs(hear(Tone(hz), PCMU)).max() == 0


def test_amplitude_is_clipped():
    assert np.abs(hear(Tone(1000, 7.5), PCMU)).max() == 32124


def test_frames_are_encoded_once_for_all_legs():
    first, second = open_source(Tone(500), OPUS), open_source(Tone(500), OPUS)
    assert [first.next_frame() for _ in range(60)] == [second.next_frame() for _ in range(60)]
    assert all(first.next_frame() is second.next_frame() for _ in range(60))


def test_each_leg_starts_at_the_beginning(write_wav):
    clip = Clip(write_wav(sine(300, 8000)))
    ahead = open_source(clip, PCMU)
    opening = [ahead.next_frame() for _ in range(10)]
    behind = open_source(clip, PCMU)
    assert [behind.next_frame() for _ in range(10)] == opening


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_clip_of_any_rate_keeps_its_pitch_and_level(codec, rate, write_wav):
    heard = hear(Clip(write_wav(sine(1000, rate, 1.0), rate)), codec)
    body = heard[heard.size // 4 : -heard.size // 4]
    assert loudest_hz(body, codec) == pytest.approx(1000, abs=3)
    assert np.sqrt(2 * np.mean(np.square(body.astype(float)))) == pytest.approx(8000, rel=0.1)


def test_resampling_lets_no_alias_through():
    """3 kHz above the new limit would come back as an audible 5 kHz - or not, if it was filtered out."""
    wav = Wav(48000, sine(7000, 48000).astype(np.int16))
    assert np.abs(wav.resample(1000, 4000, 8000)).max() < 8000 * 0.01


def test_resampling_in_pieces_is_resampling_at_once():
    wav = Wav(44100, sine(700, 44100).astype(np.int16))
    pieces = [wav.resample(at, 160, 8000) for at in range(0, 1600, 160)]
    assert np.allclose(np.concatenate(pieces), wav.resample(0, 1600, 8000))


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_clip_of_8_and_16_bits_mono_and_stereo(width, channels, write_wav):
    mono = sine(500, 8000)
    mono = mono if width == 2 else (mono // 256 + 128).astype(np.uint8)
    heard = hear(Clip(write_wav(np.repeat(mono, channels), 8000, channels, width)), PCMU)
    assert loudest_hz(heard, PCMU) == pytest.approx(500, abs=2)
    assert np.sqrt(2 * np.mean(np.square(heard.astype(float)))) == pytest.approx(8000, rel=0.05)


def test_clip_ends_and_stays_ended(write_wav):
    playable = open_source(Clip(write_wav(sine(500, 8000, 0.05))), PCMU)
    frames = [playable.next_frame() for _ in range(5)]
    assert [frame is None for frame in frames] == [False, False, False, True, True]


def test_looping_clip_never_ends(write_wav):
    playable = open_source(Clip(write_wav(sine(500, 8000, 0.06)), loop=True), PCMU)
    frames = [playable.next_frame() for _ in range(160)]
    assert None not in frames
    assert frames[:3] == frames[3:6] == frames[153:156]


@pytest.mark.parametrize("loop", [False, True])
def test_clip_with_tone_holds_both(loop, write_wav):
    clip = Clip(write_wav(sine(500, 8000, 2.0)), loop=loop, tone=Tone(1200, 0.2))
    spectrum = np.abs(np.fft.rfft(hear(clip, PCMU, 50).astype(float)))
    assert set(np.argsort(spectrum)[-2:]) == {500, 1200}


def test_mix_beyond_full_scale_is_clipped_not_wrapped(write_wav):
    clip = Clip(write_wav(sine(500, 8000, 1.0, amplitude=32000)), tone=Tone(500, 0.9))
    heard = hear(clip, PCMU, 50).astype(int)
    assert heard.max() == 32124
    assert np.abs(np.diff(heard)).max() < 25000


def test_file_that_was_replaced_is_read_again(write_wav):
    path = write_wav(sine(500, 8000))
    before = hear(Clip(path), PCMU)
    write_wav(sine(900, 8000, 1.5))
    assert loudest_hz(before, PCMU) == pytest.approx(500, abs=2)
    assert loudest_hz(hear(Clip(path), PCMU), PCMU) == pytest.approx(900, abs=2)


def test_empty_clip_is_one_frame_of_silence(write_wav):
    assert np.abs(hear(Clip(write_wav(sine(1, 8000, 0))), PCMU)).tolist() == [0] * 160


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "ends too early"),
        (b"RIFF", "ends too early"),
        (b"not a sound at all, but long enough to be one", "not a WAV"),
        (
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\3\0\1\0\x40\x1f\0\0\0\x7d\0\0\4\0\x20\0data\0\0\0\0",
            "not a WAV",
        ),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\0\x7d\0\0\4\0\x20\0data\0\0\0\0", "32 bit"),
        (
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\3\0\x40\x1f\0\0\0\x7d\0\0\6\0\x10\0data\0\0\0\0",
            "3 channels",
        ),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\1\0\0\0\2\0\0\0\2\0\x10\0data\0\0\0\0", "sample rate"),
    ],
)
def test_file_that_cannot_be_played_says_why(content, words, tmp_path):
    path = tmp_path / "clip.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=words):
        open_source(Clip(str(path)), PCMU)


def test_file_that_is_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "large.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8))
    content = bytearray(path.read_bytes())
    content[40:44] = (MAX_WAV_BYTES + 1).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(SourceError, match="larger than"):
        open_source(Clip(str(path)), PCMU)


@pytest.mark.parametrize("path", ["/", "a\0b"])
def test_path_that_is_no_file_is_refused(path):
    with pytest.raises(SourceError):
        open_source(Clip(path), PCMU)


def test_other_legs_are_not_opened_here():
    with pytest.raises(SourceError):
        open_source(FromLeg(LegId("L1")), PCMU)
