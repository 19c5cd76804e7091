"""Volume and level of a moment of audio: the vectors of the browser's analyser, and its limits."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from actors.media.analyser import (
    ANALYSER_RATE,
    BINS,
    FFT_SIZE,
    LEVEL_SCALE,
    VOLUME_SCALE,
    Analyser,
    Floats,
    magnitudes,
)
from actors.media.interpolation import given_size, interpolate

pytestmark = pytest.mark.pure

STEPS = 40
DELAY = 16 / 8000
"""By which the newest interpolated sample is behind the newest sample."""


def sine(hz: float, amplitude: float) -> Callable[[Floats], Floats]:
    return lambda times: amplitude * np.sin(2 * np.pi * hz * times)


def measure(
    sound: Callable[[Floats], Floats], *, rate: int = ANALYSER_RATE, steps: int = STEPS, delay: float = 0.0
) -> tuple[float, float]:
    """Volume and level after so many steps of 50 ms."""
    volume, level = Analyser(VOLUME_SCALE), Analyser(LEVEL_SCALE)
    seen = (0.0, 0.0)
    for step in range(1, steps + 1):
        end = step * rate // 20
        count = FFT_SIZE if rate == ANALYSER_RATE else given_size(rate)
        samples = sound(np.arange(end - count, end) / rate - delay)
        found = magnitudes(samples if rate == ANALYSER_RATE else interpolate(samples))
        seen = volume.step(found), level.step(found) * 32767
    return seen


@pytest.mark.parametrize(
    ("hz", "amplitude", "volume", "level"),
    [(0, 0, 0, 0), (3000, 1.0, 0.246324, 6818.43), (1500, 0.1, 0.154412, 4087.84)],
)
def test_known_values_in_steady_state(hz: float, amplitude: float, volume: float, level: float) -> None:
    assert measure(sine(hz, amplitude)) == (pytest.approx(volume, abs=5e-7), pytest.approx(level, abs=5e-3))


def test_magnitudes_are_those_of_the_windowed_transform() -> None:
    samples = np.random.default_rng(1).normal(size=FFT_SIZE)
    angle = 2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE
    window = 0.42 - 0.5 * np.cos(angle) + 0.08 * np.cos(2 * angle)
    expected = np.abs(np.fft.fft(samples * window))[:BINS] / FFT_SIZE
    assert magnitudes(samples) == pytest.approx(expected, abs=1e-15)


def test_bytes_are_cut_off_downwards_and_kept_within_their_range() -> None:
    analyser = Analyser(LEVEL_SCALE)

    def byte(decibels: float) -> float:
        return analyser.step(np.full(BINS, 10 ** (decibels / 20))) * 255

    step = 127 / 255
    assert byte(-200.0) == byte(-127.0 + step - 1e-9) == 0
    assert byte(-127.0 + step + 1e-9) == byte(-127.0 + 2 * step - 1e-9) == 1
    assert byte(-1e-9) == 254
    assert byte(0.0) == byte(60.0) == 255, "the upper end is within"
    assert Analyser(LEVEL_SCALE).step(np.zeros(BINS)) == 0


def test_the_volume_is_smoothed_and_the_level_is_not() -> None:
    """A third of the magnitude stays from one step to the next."""
    volume, level = Analyser(VOLUME_SCALE), Analyser(LEVEL_SCALE)
    loud, silent = np.full(BINS, 0.01), np.zeros(BINS)
    first = volume.step(loud)
    assert first == Analyser(VOLUME_SCALE).step(loud)
    assert first < volume.step(loud), "it begins at nothing"
    assert level.step(loud) == level.step(loud) > 0
    assert volume.step(silent) > 0
    assert level.step(silent) == 0
    for _ in range(20):
        volume.step(silent)
    assert volume.step(silent) == 0


@given(arrays.arrays(np.float64, FFT_SIZE, elements=st.floats(-1, 1)))
def test_whatever_is_heard_stays_within_the_range(samples: Floats) -> None:
    found = magnitudes(samples)
    for scale in (VOLUME_SCALE, LEVEL_SCALE):
        assert 0 <= Analyser(scale).step(found) <= 1


@given(arrays.arrays(np.float64, FFT_SIZE, elements=st.floats(-1, 1)), st.floats(1, 30))
def test_what_is_louder_never_measures_less(samples: Floats, gain: float) -> None:
    assert Analyser(LEVEL_SCALE).step(magnitudes(gain * samples)) >= Analyser(LEVEL_SCALE).step(
        magnitudes(samples)
    )


# --- narrow-band ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [100.0, 440.0, 1000.0, 2100.0, 3000.0])
def test_narrow_band_audio_is_interpolated_to_what_wide_band_would_be(hz: float) -> None:
    times = (np.arange(given_size(8000)) - given_size(8000)) / 8000
    wide = (np.arange(FFT_SIZE) - FFT_SIZE + 1) / 48000 - 1 / 8000 - DELAY
    assert interpolate(sine(hz, 1.0)(times)) == pytest.approx(sine(hz, 1.0)(wide), abs=2e-4)


@pytest.mark.parametrize("hz", [300.0, 440.0, 1000.0, 2000.0, 3000.0])
def test_narrow_band_audio_measures_as_wide_band_does(hz: float) -> None:
    """Without interpolation the bins would be 250 Hz wide, and voices would look six times as high."""
    delay = DELAY + 5 / 48000
    narrow, wide = measure(sine(hz, 0.25), rate=8000), measure(sine(hz, 0.25), delay=delay)
    assert narrow == (pytest.approx(wide[0], abs=0.01), pytest.approx(wide[1], abs=250))
