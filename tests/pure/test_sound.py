"""Samples between sound devices and legs: the ring, the cushion, the resampler, voices and captures."""

import ctypes.util
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.media.codec import open_encoder, sample_rate
from actors.media.engine_messages import Codec
from actors.media.sound_capture import Capture, CaptureTrack
from actors.media.sound_clip import Recording, chime
from actors.media.sound_device import SoundError, Way, find_devices, missing
from actors.media.sound_playback import MAX_GAP, Heard, Playback
from actors.media.sound_resampler import Resampler
from actors.media.sound_ring import Cushion, SampleRing
from actors.media.wav import Wav

pytestmark = pytest.mark.pure

PCMU = Codec("pcmu", 8000, 0, 0)
RATES = (8000, 16000, 44100, 48000)


def ramp(start: int, size: int) -> np.ndarray:
    return np.arange(start, start + size, dtype=np.int16)


def tone(hz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return (10000 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype(np.int16)


def loudest_hz(samples: np.ndarray, rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(samples.size)))) * rate / samples.size)


# --- the ring ------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=40), st.integers(1, 10))
def test_a_ring_gives_what_it_took_in_order_and_counts_what_had_no_room(
    steps: list[tuple[bool, int]], capacity: int
) -> None:
    ring, waiting, next_sample, lost = SampleRing(capacity), list[int](), 0, 0
    for is_write, size in steps:
        if is_write:
            ring.write(ramp(next_sample, size))
            room = capacity - len(waiting)
            waiting += range(next_sample, next_sample + min(size, room))
            lost += max(0, size - room)
            next_sample += size
        else:
            out = np.full(size, -1, np.int16)
            count = ring.read_into(out)
            assert out.tolist() == waiting[:size] + [-1] * (size - count)
            del waiting[:size]
        assert (len(ring), ring.overflowed) == (len(waiting), lost)


def test_a_cushion_begins_late_and_again_after_it_ran_dry() -> None:
    """Else every late block would be a click for ever."""
    cushion, out = Cushion(SampleRing(100), target=20, limit=50), np.zeros(10, np.int16)

    def read() -> list[int]:
        cushion.read_into(out)
        return out.tolist()

    cushion.ring.write(ramp(1, 10))
    assert read() == [0] * 10
    cushion.ring.write(ramp(11, 10))
    assert [read(), read()] == [ramp(1, 10).tolist(), ramp(11, 10).tolist()]
    cushion.ring.write(ramp(21, 5))
    assert (read(), cushion.underflowed) == ([*range(21, 26), 0, 0, 0, 0, 0], 1)
    cushion.ring.write(ramp(1, 15))
    assert read() == [0] * 10
    assert cushion.underflowed == 1


def test_a_cushion_goes_on_with_the_newest_when_too_much_waits() -> None:
    """A device whose clock is faster than ours must not add delay."""
    cushion, out = Cushion(SampleRing(100), target=20, limit=50), np.zeros(10, np.int16)
    cushion.ring.write(ramp(0, 60))
    cushion.read_into(out)
    assert (out.tolist(), cushion.skipped, len(cushion.ring)) == (ramp(40, 10).tolist(), 40, 10)


# --- the resampler -------------------------------------------------------------------------------


@pytest.mark.parametrize("given_rate", RATES)
@pytest.mark.parametrize("wanted", RATES)
def test_resampling_keeps_a_tone_and_the_length_of_each_frame(given_rate: int, wanted: int) -> None:
    resampler, sound = Resampler(given_rate, wanted), tone(1000, given_rate)
    frames = [resampler.take(frame) for frame in sound.reshape(-1, given_rate // 50)]
    assert {frame.size for frame in frames} == {wanted // 50}
    made = np.concatenate(frames)[wanted // 10 :]
    assert loudest_hz(made, wanted) == pytest.approx(1000, abs=wanted / made.size)
    assert np.sqrt(2 * np.mean(np.square(made.astype(float)))) == pytest.approx(10000, rel=0.01)


def test_resampling_does_not_depend_on_how_audio_is_cut() -> None:
    sound, whole, cut = tone(700, 8000), Resampler(8000, 44100), Resampler(8000, 44100)
    parts = np.split(sound, [1, 7, 7, 200, 333, 3000])
    assert np.array_equal(whole.take(sound), np.concatenate([cut.take(part) for part in parts]))


def test_what_the_lower_rate_cannot_carry_is_not_heard() -> None:
    made = Resampler(48000, 8000).take(tone(6000, 48000))[800:]
    assert np.abs(made).max() < 300


# --- captures ------------------------------------------------------------------------------------


def test_a_capture_is_wanted_while_it_is_read() -> None:
    """A leg that ends tells nobody; the microphone must not stay open for it."""
    woken: list[bool] = []
    capture = Capture("default", lambda: woken.append(True))
    track = CaptureTrack(capture, PCMU)
    assert not capture.is_wanted
    track.frame(0)
    assert (capture.is_wanted, woken) == (True, [True])
    capture.sweep()
    track.frame(1)
    capture.sweep()
    assert capture.is_wanted
    capture.sweep()
    assert not capture.is_wanted
    track.frame(2)
    assert capture.is_wanted


@pytest.mark.parametrize("codec", [PCMU, Codec("opus", 48000, 111, 111)])
@pytest.mark.parametrize("rate", RATES)
def test_every_leg_has_what_is_recorded_at_its_own_rate(codec: Codec, rate: int) -> None:
    capture = Capture("default", lambda: None)
    tracks = [CaptureTrack(capture, codec) for _ in range(2)]
    for track in tracks:
        track.frame(0)
    silent = tracks[0].newest(0)
    assert not silent.any()
    capture.open(rate)
    heard: list[list[np.ndarray]] = [[], []]
    for frame in tone(1000, rate, 1.0).reshape(-1, rate // 50):
        capture.take(frame)
        for index, track in enumerate(tracks):
            assert track.frame(1)
            heard[index].append(track._samples.copy())
    for frames in heard:
        made = np.concatenate(frames[10:])
        assert loudest_hz(made, sample_rate(codec)) == pytest.approx(1000, abs=2)
    capture.open(0)
    tracks[0].frame(2)
    assert not tracks[0].newest(2).any()


def test_a_device_may_come_back_with_another_rate() -> None:
    capture, made = Capture("default", lambda: None), list[np.ndarray]()
    track = CaptureTrack(capture, PCMU)
    track.frame(0)
    for rate in (48000, 16000):
        capture.open(rate)
        made.clear()
        for frame in tone(1000, rate, 1.0).reshape(-1, rate // 50):
            capture.take(frame)
            track.frame(1)
            made.append(track._samples.copy())
        assert loudest_hz(np.concatenate(made[10:]), 8000) == pytest.approx(1000, abs=2)


# --- playbacks -----------------------------------------------------------------------------------


def payload(samples: np.ndarray) -> bytes:
    return open_encoder(PCMU).encode(samples)


def played(playback: Playback, size: int) -> np.ndarray:
    out = np.full(size, 7, np.int16)
    playback.fill(out)
    return out


def test_voices_are_heard_together_and_never_wrap_around() -> None:
    playback = Playback("default")
    loud = Wav(8000, np.full(8000, 30000, np.int16))
    for voice in (Recording(loud), Recording(loud)):
        playback.add(voice)
    assert not played(playback, 960).any()
    playback.open(8000)
    assert (played(playback, 2000) == 32767).all()


def test_a_recording_is_over_after_its_end_or_its_limit_and_a_loop_is_not() -> None:
    playback, wav = Playback("default"), Wav(8000, tone(500, 8000, 0.1))
    once, short, loop = Recording(wav), Recording(wav, max_seconds=0.05), Recording(wav, is_loop=True)
    for recording in (once, short, loop):
        playback.add(recording)
    playback.open(8000)
    played(playback, 400)
    assert (once.is_over, short.is_over, loop.is_over) == (False, True, False)
    played(playback, 400)
    assert (once.is_over, loop.is_over) == (True, False)
    playback.sweep()
    assert (once.ended.is_set(), loop.ended.is_set()) == (True, False)
    assert np.abs(played(playback, 800)).max() > 5000
    playback.remove(loop)
    assert not playback.is_wanted


def test_a_device_that_cannot_be_opened_keeps_only_what_lasts() -> None:
    """A chime of ten minutes ago is not to be heard when the device comes."""
    playback, wav = Playback("default"), Wav(8000, tone(500, 8000, 0.1))
    once, loop, heard = Recording(wav), Recording(wav, is_loop=True), Heard()
    for voice in (once, loop, heard):
        playback.add(voice)
    playback.forget()
    assert (once.ended.is_set(), once.is_over, playback.is_wanted) == (True, False, True)
    playback.remove(loop)
    playback.remove(heard)
    assert not playback.is_wanted


def test_what_a_leg_receives_is_heard_in_order_with_silence_for_what_is_missing() -> None:
    heard, size = Heard(), 160
    heard.open(8000)
    frame = payload(np.full(size, 8000, np.int16))
    for number in (10, 11, 13, 12, 14):
        heard.take(frame, PCMU, number)
    out = np.zeros(7 * size, np.int16)
    heard.read_into(out)
    loud = [bool(part.all()) for part in out.reshape(-1, size)]
    assert loud == [True, True, False, True, True, False, False]


def test_numbers_that_jump_are_a_new_beginning() -> None:
    heard, frame = Heard(), payload(np.full(160, 8000, np.int16))
    heard.open(8000)
    for number in (5000, 5001, 5002 + MAX_GAP + 1, 1, 2, 3):
        heard.take(frame, PCMU, number)
    out = np.zeros(7 * 160, np.int16)
    heard.read_into(out)
    assert [bool(part.all()) for part in out.reshape(-1, 160)] == [True] * 6 + [False]


@pytest.mark.parametrize("name", ["incoming", "outgoing", "disconnect", "dtmf5"])
def test_every_sound_has_a_chime(name: str) -> None:
    wav = chime(name)
    assert 2000 < np.abs(wav.samples).max() < 16000


# --- what may be missing -------------------------------------------------------------------------


def test_a_missing_library_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    with pytest.raises(SoundError, match="apt-get install libportaudio2"):
        find_devices(Way.INPUT)


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SoundError, match="pip install sounddevice"):
        find_devices(Way.OUTPUT)


def test_where_there_is_no_device_at_all_a_sound_server_is_missing() -> None:
    assert missing(Way.INPUT, ("x", "y"), {"z": None}) == "no such input device: x, y"  # type: ignore[dict-item]
    assert "pulseaudio" in missing(Way.INPUT, ("x",), {})
