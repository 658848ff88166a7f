"""Refining a latent against generators whose answers are known."""

import numpy as np
import pytest

from retimbre.harmonic.image import (
    N_BINS,
    N_FEATURES,
    N_FRAMES,
    N_PLAIN_FEATURES,
    bin_mask,
)
from retimbre.like.refine import HeardFeatures, main_directions
from retimbre.like.refine import refine_latent as refine_all

DIM, RANK, PITCH = 64, 6, 60
AUDIBLE = slice(0, 20)


def refine_latent(play, z, features, pitch, palette):
    """Refine by one note, with a generator that does not mind the pitch."""
    heard = [HeardFeatures(features, pitch)]
    return refine_all(lambda latents, key: play(latents), z, heard, palette)


@pytest.fixture(scope="module")
def palette():
    rng = np.random.default_rng(3)
    directions = np.linalg.qr(rng.standard_normal((DIM, RANK)))[0].T
    rows = 1.0 + 0.2 * rng.standard_normal((30, RANK)) @ directions * np.sqrt(DIM)
    return rows / np.sqrt(np.mean(rows**2, axis=1, keepdims=True))


@pytest.fixture(scope="module")
def play(palette):
    """A generator whose first 20 levels follow z, gently bent."""
    mixing = np.random.default_rng(4).standard_normal((DIM, 20)) / np.sqrt(DIM)

    def generate(z):
        features = np.full((len(z), N_FRAMES, N_FEATURES), -1.0)
        features[:, :, AUDIBLE] = 0.6 + 0.3 * np.tanh(z @ mixing)[:, None, :]
        return features.astype(np.float32)

    return generate


def error(play, z, features):
    return np.abs(play(z[None])[0] - features)[:, AUDIBLE].mean()


def test_the_instrument_that_played_is_found(palette, play):
    features, start = play(palette[:1])[0], palette[1]
    found = refine_latent(play, start, features, PITCH, palette)
    assert error(play, start, features) > 0.03
    assert error(play, found, features) < 0.4 * error(play, start, features)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.mean(np.square(found)), 1.0, rtol=1e-5)


def test_the_search_keeps_to_where_the_instruments_differ(palette, play):
    basis = main_directions(palette, 32)
    start = palette[1] + np.random.default_rng(5).standard_normal(DIM)
    found = refine_latent(play, start, play(palette[:1])[0], PITCH, palette)
    before, after = (z - (z @ basis.T) @ basis for z in (start, found))
    # Outside the basis only the length may change, as the whole keeps its own.
    cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    assert cosine > 0.9999
    assert found @ start / np.linalg.norm(found) / np.linalg.norm(start) < 0.99


def test_the_start_counts(palette, play):
    """A note in two minds between start and truth ends between them."""
    found = refine_latent(play, palette[1], play(palette[:1])[0], PITCH, palette)
    cosine = found @ palette[1] / np.linalg.norm(found) / np.linalg.norm(palette[1])
    straight = palette[0] @ palette[1] / DIM
    assert straight < cosine < 0.9999


def test_what_cannot_be_bettered_stays(palette, play):
    features = play(palette[:1])[0]
    found = refine_latent(play, palette[0], features, PITCH, palette)
    np.testing.assert_allclose(found, palette[0], atol=1e-5)
    deaf = refine_latent(
        lambda z: np.repeat(features[None], len(z), 0), palette[2], features, PITCH, palette
    )
    np.testing.assert_allclose(deaf, palette[2], atol=1e-5)


def test_without_two_instruments_there_is_no_way_to_go(palette, play):
    found = refine_latent(play, palette[1], play(palette[:1])[0], PITCH, palette[:1])
    np.testing.assert_allclose(found, palette[1], atol=1e-6)


def test_what_is_not_audible_does_not_count(palette, play):
    features = play(palette[:1])[0]
    found = refine_latent(play, palette[1], features, PITCH, palette)
    changed = features.copy()
    # Levels more than 60 dB under the loudest, noise under -70 dB, partials above Nyquist.
    changed[:, 20:40] = -0.9
    changed[:, N_BINS + 48 : 2 * N_BINS + 48] = -0.5
    changed[:, :N_BINS][:, ~bin_mask(PITCH)] = 1.0
    again = refine_latent(play, palette[1], changed, PITCH, palette)
    np.testing.assert_array_equal(again, found)


def test_noise_counts_less_than_levels(palette):
    """Where levels want one thing and noise another, the levels have it."""
    axis = main_directions(palette, 1)[0]

    def two_minded(z):
        features = np.full((len(z), N_FRAMES, N_FEATURES), -1.0, np.float32)
        at = (z @ axis)[:, None, None]
        features[:, :, :20] = 0.5 + 0.05 * at
        features[:, :, 144:164] = 0.5 + 0.05 * at
        return features

    start = palette[1]
    wanted = two_minded(start[None])[0]
    wanted[:, :20] += 0.1
    wanted[:, 144:164] -= 0.1
    found = refine_latent(two_minded, start, wanted, PITCH, palette)
    assert found @ axis > start @ axis + 0.5


def test_main_directions_are_orthonormal_and_no_more_than_there_are(palette):
    directions = main_directions(palette, 32)
    assert RANK <= len(directions) <= RANK + 1
    np.testing.assert_allclose(directions @ directions.T, np.eye(len(directions)), atol=1e-10)
    assert main_directions(palette, 2).shape == (2, DIM)
    assert main_directions(palette[:1], 32).shape == (0, DIM)


def test_steady_notes_are_found_among_steady_instruments(palette, play):
    """Two latents alike in their levels differ in how much their partials flutter."""
    direction = main_directions(palette, 1)[0]

    def generate(z):
        features = play(palette[:1]).repeat(len(z), axis=0)
        features[:, :, N_PLAIN_FEATURES:] = np.tanh(0.5 * z @ direction)[:, None, None]
        return features

    steady = generate(palette[:1])[0]
    steady[:, N_PLAIN_FEATURES:] = -0.9

    def flutter(z):
        return float(generate(z[None])[0, 0, N_PLAIN_FEATURES])

    found = refine_latent(generate, palette[0], steady, PITCH, palette)
    assert flutter(found) < 0.5 * (flutter(palette[0]) - 0.9)
    # That of partials which are hardly heard does not count.
    steady[:, N_PLAIN_FEATURES + 20 :] = 0.9
    again = refine_latent(generate, palette[0], steady, PITCH, palette)
    np.testing.assert_array_equal(again, found)
