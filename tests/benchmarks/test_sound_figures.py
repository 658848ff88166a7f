from types import SimpleNamespace

import numpy as np
import pytest
import sound_like
import sound_metrics
import sound_random
import sound_reconstruction
from sound_models import Palette, generate_levels
from sound_notes import RealNotes

from retimbre.harmonic.image import (
    FRAME_TIMES,
    N_BINS,
    N_CHANNELS,
    N_FRAMES,
    N_SINGLE,
    bin_mask,
    features_to_image,
    image_to_features,
)
from retimbre.train.data.labels import InstrumentKey, NoteLabel

SR = 44100
N_INSTRUMENTS = 12
DIM = 16


def spectrum(instrument: int) -> np.ndarray:
    """Return the levels of an instrument [shape=(96,), dB]: its own slope and its own gaps."""
    draws = np.random.default_rng(instrument)
    return np.clip(-draws.uniform(0.5, 3.0) * np.arange(N_BINS) - 10 * draws.random(N_BINS), -90, 0)


def features_of(instrument: int, pitch: int, decay: float = 5.0) -> np.ndarray:
    image = np.full((N_FRAMES, N_BINS, N_CHANNELS), -90.0, np.float32)
    image[..., 0] = np.maximum(spectrum(instrument) - decay * FRAME_TIMES[:, None], -90.0)
    image[:, ~bin_mask(pitch), 0] = -90.0
    image[..., 1], image[..., 3] = 0.0, 0.0
    image[:, :N_SINGLE, 3] = 1.0
    image[..., 2] = -110.0
    return image_to_features(image)


class FakeDataset:
    """Twelve instruments on five keys at two velocities."""

    def __init__(self) -> None:
        self.instruments = [
            InstrumentKey("fake.sf2", 0, i, f"Fake {i}") for i in range(N_INSTRUMENTS)
        ]
        self.labels = [
            NoteLabel(*key, pitch, velocity)
            for key in self.instruments
            for pitch in (48, 55, 60, 67, 72)
            for velocity in (40, 120)
        ]
        self.pitches = np.array([label.pitch for label in self.labels])
        self.notes_of = {
            key: np.array([r for r, label in enumerate(self.labels) if label.instrument == key])
            for key in self.instruments
        }

    def rows(self, rows: np.ndarray) -> np.ndarray:
        labels = [self.labels[row] for row in rows]
        return np.stack([features_of(label.program, label.pitch) for label in labels])


class FakeModel:
    """Knows all instruments of the data set: a z plays the one that it points at."""

    name = "fake"
    latent_dim = DIM
    pitch_range = (21, 108)

    def __init__(self, n_known: int = N_INSTRUMENTS, decay: float = 5.0) -> None:
        codes = np.random.default_rng(1).standard_normal((N_INSTRUMENTS, DIM))
        self.codes = codes.astype(np.float32)
        self.n_known = n_known
        self.decay = decay
        keys = FakeDataset().instruments
        self.palette = Palette(
            tuple(keys),
            tuple(key.name for key in keys),
            self.codes,
            np.tile([21, 108], (N_INSTRUMENTS, 1)),
        )

    def generate(self, z: np.ndarray, pitches: np.ndarray, velocities: np.ndarray) -> np.ndarray:
        assert z.shape == (len(pitches), DIM)
        assert velocities.min() >= 1
        chosen = (z @ self.codes[: self.n_known].T).argmax(axis=1)
        return np.stack(
            [features_of(i, p, self.decay) for i, p in zip(chosen, pitches, strict=True)]
        )

    def encode(self, features: np.ndarray, pitches: np.ndarray) -> np.ndarray:
        first = features[:, 0, :8]
        heads = np.stack([features_of(i, 60)[0, :8] for i in range(N_INSTRUMENTS)])
        chosen = np.abs(first[:, None] - heads).sum(axis=2).argmin(axis=1)
        return self.codes[chosen]


@pytest.fixture
def real():
    return RealNotes(FakeDataset(), list(range(8)), list(range(8, N_INSTRUMENTS)))


# ---- real notes ----------------------------------------------------------------------------------


def test_drawn_notes_are_different_and_of_the_asked_instruments(real, rng):
    notes = real.draw([2, 3], 15, rng)
    assert len(set(notes.rows.tolist())) == 15
    assert set(notes.instruments.tolist()) == {2, 3}
    labels = [real.label(row) for row in notes.rows]
    assert [label.program for label in labels] == notes.instruments.tolist()
    assert [label.pitch for label in labels] == notes.pitches.tolist()
    assert [label.velocity for label in labels] == notes.velocities.tolist()


def test_no_more_notes_come_than_there_are(real, rng):
    assert len(real.draw([2, 3], 100, rng)) == 20


def test_pairs_are_two_pitches_of_one_instrument(real, rng):
    first, second = real.draw_pairs(real.held_out, 50, rng)
    assert (first.instruments == second.instruments).all()
    assert (first.pitches != second.pitches).all()
    assert set(first.instruments.tolist()) == set(real.held_out)
    assert (np.diff(second.pitches) >= 0).all()


def test_one_note_of_each_instrument_at_a_pitch(real, rng):
    notes = real.at_pitch(real.trained, 60, rng)
    assert notes.instruments.tolist() == real.trained
    assert set(notes.pitches.tolist()) == {60}


# ---- figures of a model that is known ------------------------------------------------------------


def test_a_model_that_knows_all_has_no_error(real, rng):
    pairs = real.draw_pairs(real.held_out, 20, rng)
    found = sound_reconstruction.rebuild(FakeModel(), real, *pairs)
    np.testing.assert_allclose(found.separated, 0.0, atol=0.01)
    assert np.isnan(found.raw).all()


def test_the_raw_reference_is_what_the_renderer_gives(real, rng):
    pairs = real.draw_pairs(real.held_out, 10, rng)
    image = np.full((N_FRAMES, N_BINS, N_CHANNELS), -90.0)
    image[:, 0, 0] = -6.0
    renderer = SimpleNamespace(image=lambda label: image)
    found = sound_reconstruction.rebuild(FakeModel(decay=0.0), real, *pairs, renderer)
    firsts = [abs(spectrum(i)[0] + 6.0) for i in pairs[0].instruments]
    np.testing.assert_allclose(found.raw, firsts, atol=0.01)


def test_an_error_of_level_is_told_in_db(real, rng):
    notes = real.draw(real.trained, 10, rng)
    found = sound_reconstruction.rebuild(FakeModel(decay=6.0), real, notes, notes)
    # One dB a second more decay: the mean over audible points is that of their times.
    assert 0.5 < np.mean(found.separated) < 2.0


def test_random_instruments_of_a_model_that_knows_all_are_varied(real):
    found = sound_random.measure_spread(FakeModel(8), real, n=60, seed=0, floor_db=-90.0)
    # Pairs of the same instrument lie at 0: 7 of 8 pairs are left.
    assert found.ratio == pytest.approx(7 / 8, abs=0.12)
    assert found.named == pytest.approx(found.real, rel=0.25)
    assert found.random_to_real == pytest.approx(0.0, abs=0.01)
    assert found.real_to_real > 1.0


def test_a_model_of_one_instrument_has_no_diversity(real):
    found = sound_random.measure_spread(FakeModel(1), real, n=20, seed=0, floor_db=-90.0)
    assert found.ratio == pytest.approx(0.0, abs=1e-3)
    assert found.real_to_random > found.real_to_real


def test_a_model_of_one_instrument_fills_other_bins(real, monkeypatch):
    monkeypatch.setattr(sound_random, "N_BINS", 8)
    few = sound_random.measure_bins(FakeModel(1), real, n=40, seed=0)
    assert few.random > few.same_instruments
    assert few.random >= 3


def test_levels_do_not_depend_on_the_batches(real, rng):
    model = FakeModel()
    z = rng.standard_normal((300, DIM))
    pitches, velocities = rng.integers(40, 80, 300), rng.integers(1, 128, 300)
    whole = generate_levels(model, z, pitches, velocities)
    one = generate_levels(model, z[200:201], pitches[200:201], velocities[200:201])
    np.testing.assert_array_equal(whole[200], one[0])


def test_real_brightness_is_a_ratio_for_each_trained_preset(real):
    ratios = sound_reconstruction.real_brightness_ratios(real)
    assert len(ratios) == len(real.trained)
    np.testing.assert_allclose(ratios, 1.0, atol=1e-5)


def test_noise_is_told_over_the_partials(real, rng):
    images = features_to_image(real.features(real.draw(real.trained, 5, rng)))
    images[..., 2] = -60.0
    louder = images.copy()
    louder[..., 2] += 12.0
    excess = sound_reconstruction.noise_excess(louder, images, [60] * 5)
    np.testing.assert_allclose(excess, 12.0, atol=0.1)


def test_a_model_that_knows_all_adds_no_noise(real):
    excess = sound_reconstruction.measure_noise(FakeModel(), real, real.held_out, n=6, seed=0)
    np.testing.assert_allclose(excess, 0.0, atol=1e-6)


# ---- recordings ----------------------------------------------------------------------------------


def test_no_recordings_without_a_folder(tmp_path):
    assert sound_like.find_recordings(tmp_path / "none") == {}
    assert sound_like.like_rows(FakeModel(), tmp_path / "none") == []


def heard(instrument: int, pitch: int) -> SimpleNamespace:

    features = features_of(instrument, pitch)
    return SimpleNamespace(
        features=features, image=features_to_image(features), pitch=pitch, seconds=5.0
    )


def test_a_timbre_that_is_known_is_closer_than_the_palette():
    found = sound_like.replay(FakeModel(), [heard(3, 60), heard(3, 67), heard(3, 60)])
    for shares in (found.of_palette, found.to_palette):
        assert np.isnan(shares[np.eye(3, dtype=bool)]).all()
        assert np.isnan(shares[0, 2])
        # All but the palette's own entry of that instrument.
        assert shares[0, 1] == pytest.approx(1 - 1 / N_INSTRUMENTS)
    assert found.named.argmin(axis=0).tolist() == [3, 3, 3]


def test_a_timbre_of_another_instrument_is_compared_from_both_sides():
    found = sound_like.replay(FakeModel(), [heard(3, 60), heard(7, 67)])
    images = features_to_image(np.stack([features_of(k, 67) for k in range(N_INSTRUMENTS)]))
    levels = images[..., 0][:, FRAME_TIMES <= sound_like.HELD_SECONDS]
    apart = sound_metrics.level_distances(levels, levels, 67, floor_db=sound_like.FLOOR_DB)
    tie = sound_like.TIE_DB
    assert found.of_palette[0, 1] == pytest.approx((apart[7] > apart[3, 7] + tie).mean())
    assert found.to_palette[0, 1] == pytest.approx((apart[3] > apart[3, 7] + tie).mean())
    assert found.of_palette[0, 1] != found.to_palette[0, 1]
