"""That notes are heard in their own octave."""

import numpy as np
import pytest

from retimbre.harmonic.image import LEVEL_FLOOR_DB, N_BINS, N_FRAMES
from retimbre.harmonic.octave import KEPT_ODD_SHARE, keep_octave, odd_share
from retimbre.harmonic.synthesis import synthesize_plain
from retimbre.harmonic.touch import _loudest_db


def note(odd_db, even_db=0.0):
    """A steady note of eight partials."""
    image = np.full((N_FRAMES, N_BINS, 4), LEVEL_FLOOR_DB, np.float32)
    image[..., 1] = image[..., 3] = 0.0
    image[..., 2] = -110.0
    image[:, 0:8:2, 0], image[:, 1:8:2, 0] = odd_db, even_db
    image[:, 0:8, 0] -= _loudest_db(image[None, ..., 0])
    return image


@pytest.mark.parametrize("odd_db", [-30.0, -12.0, 0.0, 20.0])
def test_the_share_is_that_of_the_powers(odd_db):
    power = 10.0 ** (odd_db / 10.0)
    assert odd_share(note(odd_db)) == pytest.approx(power / (1.0 + power), rel=1e-3)


@pytest.mark.parametrize("odd_db", [-35.0, -20.0, -9.0])
def test_odd_partials_are_raised_as_far_as_it_takes(odd_db):
    before = note(odd_db)
    (after,) = keep_octave(before[None])
    assert odd_share(after) == pytest.approx(KEPT_ODD_SHARE, rel=1e-3)
    assert _loudest_db(after[None, ..., 0]) == pytest.approx(0.0, abs=0.01)
    # All odd ones alike, all even ones alike, and nothing that was silent.
    change = (after - before)[..., 0]
    assert np.ptp(change[:, 0:8:2]) < 1e-4
    assert np.ptp(change[:, 1:8:2]) < 1e-4
    assert (after[:, 8:, 0] == LEVEL_FLOOR_DB).all()
    np.testing.assert_array_equal(after[..., 1:], before[..., 1:])


def test_notes_that_are_heard_where_they_are_stay(rng):
    images = np.stack([note(-5.0), note(3.0)])
    assert keep_octave(images) is images
    mixed = keep_octave(np.stack([note(-5.0), note(-25.0)]))
    np.testing.assert_array_equal(mixed[0], images[0])
    assert odd_share(mixed[1]) > 0.1


def test_the_note_given_is_not_changed():
    images = note(-25.0)[None]
    kept = images.copy()
    keep_octave(images)
    np.testing.assert_array_equal(images, kept)


def test_a_silent_note_is_silent():
    silent = np.full((1, N_FRAMES, N_BINS, 4), LEVEL_FLOOR_DB, np.float32)
    assert (keep_octave(silent)[..., 0] == LEVEL_FLOOR_DB).all()


def test_pyin_hears_the_octave():
    import librosa

    heard = []
    for image in (note(-25.0), keep_octave(note(-25.0)[None])[0]):
        y = synthesize_plain(image, 60.0)[:44100]
        f0 = librosa.pyin(y, sr=44100, fmin=100, fmax=1200, frame_length=4096)[0]
        heard.append(float(np.nanmedian(f0)))
    assert heard[0] == pytest.approx(523.3, rel=0.01)
    assert heard[1] == pytest.approx(261.6, rel=0.01)
