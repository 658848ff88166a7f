"""The image of a note measures what is in its sound."""

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.harmonic import image as harmonic
from retimbre.harmonic.measurement import measure_image
from retimbre.units import midi_to_hz

SR = harmonic.SAMPLE_RATE
N_SAMPLES = 4 * SR
LEVEL_TOLERANCE_DB = 0.3
DEVIATION_TOLERANCE = 1e-3
NOISE_TOLERANCE_DB = 1.0
HELD = slice(40, 100)


def tone(f0: float, amplitudes: list[float], stretch: float = 1.0) -> np.ndarray:
    t = np.arange(N_SAMPLES) / SR
    partials = [
        a * np.sin(2 * np.pi * (k + (stretch - 1.0) * k) * f0 * t + k)
        for k, a in enumerate(amplitudes, 1)
    ]
    return np.sum(partials, axis=0).astype(np.float32)


@pytest.mark.parametrize("pitch", [21, 45, 69, 93, 108])
def test_levels_of_partials(pitch: int) -> None:
    amplitudes = [0.4, 0.2, 0.05]
    image = measure_image(tone(float(midi_to_hz(pitch)), amplitudes), float(midi_to_hz(pitch)))
    power = np.square(amplitudes)
    expected = 10 * np.log10(power / power.sum())
    np.testing.assert_allclose(
        image[HELD, :3, 0], np.tile(expected, (60, 1)), atol=LEVEL_TOLERANCE_DB
    )
    assert image[HELD, 4:40, 0].max() < -60.0


def test_deviation_is_in_units_of_f0() -> None:
    f0, stretch = 220.0, 1.004
    image = measure_image(tone(f0, [0.3, 0.3, 0.3], stretch), f0)
    expected = 0.004 * np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(
        image[HELD, :3, 1], np.tile(expected, (60, 1)), atol=DEVIATION_TOLERANCE
    )
    assert harmonic.detune_cents(image) == pytest.approx(1200 * np.log2(stretch), abs=0.2)


@pytest.mark.parametrize("frames", [HELD, slice(106, 124)], ids=["held", "released"])
@pytest.mark.parametrize("pitch", [24, 36, 48, 60, 72, 80, 84, 96])
def test_noise_is_the_variance_per_sample(pitch: int, frames: slice) -> None:
    f0 = float(midi_to_hz(pitch))
    deviation = 0.01
    noise = deviation * np.random.default_rng(0).standard_normal(N_SAMPLES)
    image = measure_image(tone(f0, [0.5]) + noise.astype(np.float32), f0)
    inside = np.flatnonzero(harmonic.bin_mask(pitch))[3:]
    expected = 20 * np.log10(deviation) - 20 * np.log10(0.5)
    measured = 10 * np.log10(np.mean(10 ** (image[frames][:, inside, 2] / 10)))
    assert measured == pytest.approx(expected, abs=NOISE_TOLERANCE_DB)


def vibrating(f0: float, n_partials: int, cents: float) -> np.ndarray:
    """Partials of amplitude 1 with a common vibrato of 5.5 Hz, from phases of their own."""
    t = np.arange(N_SAMPLES) / SR
    depth = 2 ** (cents / 1200) - 1
    turns = f0 * (t - depth * np.cos(2 * np.pi * 5.5 * t) / (2 * np.pi * 5.5))
    return np.sum([np.sin(2 * np.pi * k * turns + k * k) for k in range(1, n_partials + 1)], 0)


@pytest.mark.parametrize("pitch", [48, 60, 72])
def test_vibrating_partials_are_no_noise(pitch: int) -> None:
    f0, n_partials, noise_db = float(midi_to_hz(pitch)), 16, -40.0
    noise = 10 ** (noise_db / 20) * np.random.default_rng(0).standard_normal(N_SAMPLES)
    y = vibrating(f0, n_partials, 12.0) + noise
    measured = measure_image(y.astype(np.float32), f0)[HELD, 1 : n_partials - 1, 2].mean()
    # By a window of four periods alone it would be 27 to 35 dB above the noise.
    # The image refers to the power of all partials.
    expected = noise_db + 10 * np.log10(2.0) - 10 * np.log10(n_partials)
    assert -1.0 < measured - expected < 8.5


def halfway_noise_db(y: np.ndarray, f0: float, orders: np.ndarray) -> np.ndarray:
    """Noise density read halfway above each partial, re amplitude 1, in the middle of the note."""
    n = round(4 * SR / f0)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    starts = np.arange(SR, 2 * SR, 1000)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(n), (orders + 0.5) * f0 / SR))
    spectrum = (y[starts[:, None] + np.arange(n)] * window) @ turns
    return 10 * np.log10(np.mean(np.abs(spectrum) ** 2, axis=0) / np.sum(window**2))


@pytest.mark.parametrize("pitch", [36, 60])
def test_stiff_strings_are_no_noise(pitch: int) -> None:
    # Partials of a piano string: k f0 sqrt(1 + B k^2) reaches the middle between two others.
    f0, stiffness = float(midi_to_hz(pitch)), 4e-4
    orders = np.arange(1, 25)
    times = np.arange(N_SAMPLES) / SR
    partials = orders * f0 * np.sqrt(1.0 + stiffness * orders**2)
    assert (partials / f0 - orders).max() > 2.0
    y = sum(np.sin(2 * np.pi * f * times + k) for k, f in enumerate(partials))
    image = measure_image(y.astype(np.float32), f0)
    # The image refers to the power of all partials.
    noise = image[HELD, :20, 2].mean(axis=0) + 10 * np.log10(len(orders))
    assert halfway_noise_db(y, f0, np.arange(1, 21)).max() - noise.max() > 10.0


def test_a_group_holds_the_rms_level_of_one_partial() -> None:
    amplitudes = [0.001] * 200
    image = measure_image(tone(55.0, amplitudes), 55.0)
    expected = -10 * np.log10(len(amplitudes))
    inside = (harmonic.BIN_PARTIALS > 60) & (harmonic.BIN_PARTIALS < 180)
    np.testing.assert_allclose(image[60, inside, 0], expected, atol=LEVEL_TOLERANCE_DB)


def test_attack_time_is_seen_within_a_window() -> None:
    y = tone(440.0, [0.5])
    y[: int(0.05 * SR)] = 0.0
    level = measure_image(y, 440.0)[:, 0, 0]
    risen = harmonic.FRAME_TIMES[np.argmax(level > -6.0)]
    assert risen == pytest.approx(0.05, abs=0.006)


def test_silence_lies_on_the_floors() -> None:
    image = measure_image(np.zeros(N_SAMPLES, np.float32), 440.0)
    assert np.isfinite(image).all()
    assert (image[..., 0] == harmonic.LEVEL_FLOOR_DB).all()
    assert harmonic.detune_cents(image) == 0.0


def test_short_note_is_followed_by_silence() -> None:
    image = measure_image(tone(440.0, [0.5])[: SR // 2], 440.0)
    assert image[20, 0, 0] > -1.0
    assert image[60:, :, 0].max() == harmonic.LEVEL_FLOOR_DB


def test_input_is_neither_changed_nor_needed_writable() -> None:
    y = tone(330.0, [0.5])
    before = y.copy()
    y.setflags(write=False)
    measure_image(y, 330.0)
    np.testing.assert_array_equal(y, before)


def test_stereo_is_refused() -> None:
    with pytest.raises(ParameterError, match="one-dimensional"):
        measure_image(np.zeros((2, 100), np.float32), 440.0)


def test_pitch_above_nyquist_is_refused() -> None:
    with pytest.raises(ParameterError, match="Nyquist"):
        measure_image(np.zeros(100, np.float32), 5000.0, sr=8000)
