"""GANSynth's specgrams against its formulas, written out plainly and in double precision."""

import numpy as np
import pytest
from gansynth_sound import (
    BACK,
    HANN,
    THERE,
    reference_edges,
    reference_specgram,
    reference_wave,
)

from retimbre.errors import ParameterError
from retimbre.gansynth.mel_bins import linear_to_mel, mel_to_linear, to_linear, to_mel
from retimbre.gansynth.specgram import (
    HOP,
    N_BINS,
    N_FFT,
    N_FRAMES,
    N_SAMPLES,
    PAD,
    SAMPLE_RATE,
    denormalize,
    frames_for,
    normalize,
    overlap_add,
    samples_in,
    specgrams_to_waves,
    to_polar,
    waves_to_specgrams,
)

WEIGHT_TOLERANCE = 5e-8
"""The published weights have seven decimals."""

PEAK_TOLERANCE = 1e-5
"""Of samples, re the peak; asked for is 1e-4."""

LEVEL_TOLERANCE = 1e-5
TURN_TOLERANCE = 1e-4
ROUND_TRIP_TOLERANCE_DB = 0.3
SILENCE = np.log(1e-6)
SILENT_PEAK = 2e-5
"""What the floor of the magnitudes sounds like: 94 dB down."""

T = np.arange(N_SAMPLES) / SAMPLE_RATE


def harmonic(f0, n_partials=20, decay=0.0):
    phases = 2.0 * np.pi * f0 * T
    y = sum(np.sin(k * phases + k * k) / k for k in range(1, n_partials + 1))
    return 0.2 * y * np.exp(-decay * T) * np.minimum(T / 0.005, 1.0)


SOUNDS = {
    "tone": 0.5 * np.sin(2.0 * np.pi * 440.0 * T),
    "tone between bins": 0.5 * np.sin(2.0 * np.pi * 261.63 * T),
    "chord": 0.2 * sum(np.sin(2.0 * np.pi * f * T) for f in (261.63, 329.63, 392.0)),
    "held note": harmonic(261.63),
    "pluck": harmonic(261.63, decay=3.0),
}


@pytest.fixture(scope="module")
def random_specgrams():
    """What a network could give at worst: any values anywhere."""
    rng = np.random.default_rng(3)
    return denormalize(rng.uniform(-1.0, 1.0, (2, N_FRAMES, N_BINS, 2)).astype(np.float32))


@pytest.fixture(scope="module")
def random_waves(random_specgrams):
    return specgrams_to_waves(random_specgrams)


# The matrices


def test_published_weights():
    back = mel_to_linear()
    assert np.count_nonzero(back) == 2042
    published = {
        (1, 1): 1.0087615,
        (2, 1): 0.0290879,
        (2, 2): 0.9582439,
        (433, 325): 1.0129901,
        (435, 326): 0.0305180,
    }
    for place, weight in published.items():
        assert back[place] == pytest.approx(weight, abs=WEIGHT_TOLERANCE)


def test_edges_are_one_chain():
    there = linear_to_mel()
    assert there.shape == (1024, 1024)
    assert np.count_nonzero(there) == 2042
    np.testing.assert_allclose(there, THERE, rtol=0, atol=1e-10)
    np.testing.assert_allclose(mel_to_linear(), BACK, rtol=0, atol=1e-10)


def test_the_chain_moves_the_bins():
    chained, apart = reference_edges(widen=True), reference_edges(widen=False)
    assert (chained[3], apart[3]) == (852, 498)
    assert [round(chained[1][k]) for k in (100, 433)] == [589, 2543]
    assert [round(apart[1][k]) for k in (100, 433)] == [197, 1335]
    # The loudest weight of bin 433 lies where the chained bands are.
    loudest = np.argmax(linear_to_mel()[:, 433])
    assert abs(8000.0 * loudest / 1023.0 - 2543.0) < 8.0


def test_flat_spectra_come_back():
    there_and_back = np.ones(1024) @ linear_to_mel() @ mel_to_linear()
    np.testing.assert_allclose(there_and_back[1:1023], 1.0, atol=1e-12)
    assert there_and_back[[0, 1023]].tolist() == [0.0, 0.0]


def test_sparse_products_are_the_dense_ones(rng):
    values = rng.standard_normal((5, N_BINS))
    np.testing.assert_allclose(to_mel(values), values @ THERE, atol=1e-9)
    np.testing.assert_allclose(to_linear(values), values @ BACK, atol=1e-9)
    assert to_linear(values.astype(np.float32)).dtype == np.float32


# The ranges of the networks


def test_silence_is_minus_four_fifths():
    specgrams = waves_to_specgrams(np.zeros((1, N_SAMPLES)))
    np.testing.assert_allclose(specgrams[..., 0], SILENCE, atol=1e-5)
    assert not specgrams[..., 1].any()
    images = normalize(specgrams)
    np.testing.assert_allclose(images[..., 0], -0.8, atol=1e-6)
    assert np.abs(specgrams_to_waves(specgrams)).max() < SILENT_PEAK


def test_ranges_and_clipping():
    ends = denormalize(np.array([[-1.0, -1.0], [1.0, 1.0]], np.float32))
    np.testing.assert_allclose(ends, [[-16.84, -1.25], [13.40, 1.25]], atol=0.005)
    images = normalize(np.array([[-50.0, -3.0], [50.0, 3.0], [0.0, 1.0]]))
    np.testing.assert_allclose(images, [[-1, -1], [1, 1], [0.113718730221, 0.8]], atol=1e-7)
    assert images.dtype == ends.dtype == np.float32


def test_normalizing_is_undone(rng):
    images = rng.uniform(-1.0, 1.0, (3, 2, 7, 2)).astype(np.float32)
    np.testing.assert_allclose(normalize(denormalize(images)), images, atol=1e-6)


# There


@pytest.mark.parametrize("name", ["chord", "pluck", "noise"])
def test_analysis_is_the_formula(name, rng):
    wave = rng.standard_normal(N_SAMPLES) * 0.1 if name == "noise" else SOUNDS[name]
    ours, reference = waves_to_specgrams(wave[None])[0], reference_specgram(wave)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours[..., 0], reference[..., 0], rtol=0, atol=LEVEL_TOLERANCE)
    # Half a turn forward is half a turn back; what is near silence has no phase.
    apart = ours[..., 1] - reference[..., 1]
    apart -= 2.0 * np.rint(0.5 * apart)
    heard = reference[..., 0] > reference[..., 0].max() - 20.0
    assert heard.sum() > 1000
    assert np.abs(apart[heard]).max() < TURN_TOLERANCE


def test_analysis_gives_the_samples_of_the_formula():
    wave = SOUNDS["pluck"]
    ours = specgrams_to_waves(waves_to_specgrams(wave[None]))[0]
    reference = reference_wave(reference_specgram(wave))
    assert np.abs(ours - reference).max() < PEAK_TOLERANCE * np.abs(reference).max()


def test_padding_is_in_front():
    click = np.zeros((1, N_SAMPLES))
    click[0, 0] = 1.0
    level = waves_to_specgrams(click)[0, :, 1:-1, 0].mean(axis=1)
    sounding = np.flatnonzero(level > SILENCE + 1.0)
    assert sounding.tolist() == [3, 4, 5]
    assert np.argmax(level) == 4
    click = np.roll(click, 63_500, axis=1)
    level = waves_to_specgrams(click)[0, :, 1:-1, 0].mean(axis=1)
    assert np.flatnonzero(level > SILENCE + 1.0).tolist() == [127]


def test_a_tone_turns_by_its_frequency():
    # 500 Hz is bin 64: a whole number of turns a hop. 15.625 Hz more is half a turn.
    for f, half_turns in ((500.0, 0.0), (503.90625, 0.25), (496.09375, -0.25)):
        specgram = waves_to_specgrams(np.sin(2.0 * np.pi * f * T)[None])[0]
        turns = np.cumsum(specgram[..., 1].astype(np.float64), axis=0) @ BACK
        steps = np.diff(turns[20:100, 63], axis=0)
        np.testing.assert_allclose(steps, half_turns, atol=0.01)


# Back


def test_synthesis_is_the_formula(random_specgrams, random_waves):
    for specgram, wave in zip(random_specgrams, random_waves, strict=True):
        reference = reference_wave(specgram)
        assert np.abs(wave - reference).max() < PEAK_TOLERANCE * np.abs(reference).max()


def test_windows_add_up_to_one(rng):
    y = rng.standard_normal(HOP * 20).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(y, N_FFT)[::HOP] * HANN
    stft = np.fft.rfft(frames)[:, 1:]
    again = overlap_add(np.abs(stft).astype(np.float32), np.angle(stft) / np.pi)
    assert len(again) == HOP * (len(frames) + 3)
    # The mean of each windowed frame, which is DC, is not kept.
    lost = overlap_add_plainly(frames.mean(axis=1, keepdims=True) * np.ones(N_FFT))
    inner = slice(N_FFT, -N_FFT)
    np.testing.assert_allclose((again + lost)[inner], y[inner], atol=1e-5)


def overlap_add_plainly(frames):
    y = np.zeros(HOP * (len(frames) + 3))
    for t, frame in enumerate(frames):
        y[HOP * t : HOP * t + N_FFT] += frame * HANN / 1.5
    return y


def test_oversampling_gives_the_same_sound_between_samples(random_specgrams):
    magnitude, phase = to_polar(random_specgrams[0, :12])
    magnitude = magnitude * (np.arange(N_BINS) < 1000)
    y = overlap_add(magnitude, phase)
    twice = overlap_add(magnitude, phase, oversampling=2)
    np.testing.assert_allclose(twice[::2], y, atol=1e-6 * np.abs(y).max())


@pytest.mark.parametrize(
    ("name", "error_db"),
    [
        ("tone", -23.1),
        ("tone between bins", -8.0),
        ("chord", -8.7),
        ("held note", -6.1),
        ("pluck", -6.5),
    ],
)
def test_round_trip_is_as_lossy_as_the_mel_bins(name, error_db):
    # Mel bins that share linear bins blur partials, and these are then less loud; how much
    # belongs to the representation. Better would be as wrong here as worse.
    wave = SOUNDS[name]
    again = specgrams_to_waves(denormalize(normalize(waves_to_specgrams(wave[None]))))[0]
    inner = slice(2000, 60_000)
    lost = np.sum((again - wave)[inner] ** 2) / np.sum(wave[inner] ** 2)
    assert 10.0 * np.log10(lost) == pytest.approx(error_db, abs=ROUND_TRIP_TOLERANCE_DB)


# Fewer frames, several notes


@pytest.mark.parametrize("n_frames", [1, 6, 7, 20, 100, 127, 128])
def test_fewer_frames_give_the_same_first_samples(n_frames, random_specgrams, random_waves):
    waves = specgrams_to_waves(random_specgrams[:, :n_frames])
    assert waves.shape == (2, max(0, HOP * n_frames - PAD) if n_frames < 128 else 64_000)
    assert waves.dtype == np.float32
    np.testing.assert_array_equal(waves, random_waves[:, : waves.shape[1]])


def test_frames_for_is_the_least_number():
    assert [frames_for(n) for n in (0, 1, 512, 513, 8000, 62_464, 62_465, 64_000)] == [
        *(6, 7, 7, 8, 22, 128, 128, 128)
    ]
    for n in range(1, N_SAMPLES, 97):
        assert samples_in(frames_for(n) - 1) < n <= samples_in(frames_for(n))


def test_notes_do_not_know_each_other(random_specgrams, random_waves):
    for specgram, wave in zip(random_specgrams, random_waves, strict=True):
        np.testing.assert_array_equal(specgrams_to_waves(specgram[None])[0], wave)
    both = waves_to_specgrams(random_waves)
    np.testing.assert_array_equal(waves_to_specgrams(random_waves[1:])[0], both[1])


def test_inputs_stay_as_they_are(random_specgrams):
    specgrams = random_specgrams[:1].copy()
    wave = SOUNDS["tone"][None].copy()
    for array in (specgrams, wave):
        array.setflags(write=False)
    specgrams_to_waves(specgrams)
    denormalize(normalize(specgrams))
    waves_to_specgrams(wave)


def test_no_notes():
    assert waves_to_specgrams(np.zeros((0, N_SAMPLES))).shape == (0, N_FRAMES, N_BINS, 2)
    assert specgrams_to_waves(np.zeros((0, 20, N_BINS, 2))).shape == (0, 7168)


# What is refused


@pytest.mark.parametrize("shape", [(N_SAMPLES,), (1, 63_999), (1, N_SAMPLES, 1)])
def test_waves_of_other_shapes(shape):
    with pytest.raises(ParameterError, match=r"need the shape \(n, 64000\).*given \("):
        waves_to_specgrams(np.zeros(shape))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((128, 1024, 2), r"need the shape \(n, frames, 1024, 2\)"),
        ((1, 0, 1024, 2), "1 to 128 frames"),
        ((1, 129, 1024, 2), "1 to 128 frames"),
        ((1, 8, 1025, 2), "1024 bins"),
        ((1, 8, 1024, 3), "2 channels"),
    ],
)
def test_specgrams_of_other_shapes(shape, message):
    with pytest.raises(ParameterError, match=message):
        specgrams_to_waves(np.zeros(shape, np.float32))


@pytest.mark.parametrize("function", [normalize, denormalize])
def test_images_without_two_channels(function):
    with pytest.raises(ParameterError, match="last axis has 2 channels"):
        function(np.zeros((4, 4, 3)))


@pytest.mark.parametrize("n_samples", [-1, 64_001])
def test_notes_of_no_such_length(n_samples):
    with pytest.raises(ParameterError, match=f"0 to 64000 samples, given {n_samples}"):
        frames_for(n_samples)
