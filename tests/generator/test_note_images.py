"""Which images a melody needs, how long they are kept, and how they soften."""

import numpy as np
import pytest

from retimbre.expression import ATTACK_KEPT
from retimbre.generator.store import ImageStore, distinct
from retimbre.harmonic.image import FRAME_TIMES, HOLD_SECONDS, LEVEL_FLOOR_DB
from retimbre.harmonic.touch import image_velocities, soften, soften_notes

SPAN_DB = 12.0


def flat(second_db, level=None):
    """Return an image of two partials, the second so far under the first, as long as it is held."""
    image = np.zeros((128, 96, 4), np.float32)
    image[..., 0], image[..., 2] = LEVEL_FLOOR_DB, -110.0
    image[:, 0, 0] = 0.0 if level is None else level
    image[:, 1, 0] = image[:, 0, 0] + second_db
    return image


def share_of(blended, own=-10.0, softer=-30.0):
    """Return how much of the softer image each frame has, by the second partial."""
    return (blended[:, 1, 0] - blended[:, 0, 0] - own) / (softer - own)


def softened(curve, duration, image=None, softer=None, amount=1.0):
    blended = soften(
        flat(-10.0) if image is None else image,
        flat(-30.0) if softer is None else softer,
        np.asarray(curve, dtype=float),
        span_db=SPAN_DB,
        duration=duration,
        amount=amount,
    )
    return share_of(blended)


def frame_at(seconds):
    return int(np.argmin(np.abs(FRAME_TIMES - seconds)))


@pytest.mark.parametrize(
    ("velocities", "layers"),
    [
        ([100], [[96, 48]]),
        ([64], [[64, 32]]),
        ([38], [[40, 20]]),
        ([25], [[24, 20]]),
        ([17], [[16, 16]]),
        ([1], [[8, 8]]),
        ([127], [[127, 64]]),
        ([], np.zeros((0, 2))),
    ],
)
def test_images_are_made_in_steps_of_velocity(velocities, layers):
    made = image_velocities(np.array(velocities, dtype=int), with_softer=True)
    np.testing.assert_array_equal(made, layers)
    alone = image_velocities(np.array(velocities, dtype=int), with_softer=False)
    np.testing.assert_array_equal(alone, np.asarray(layers)[:, :1])


def test_softer_image_takes_over_by_decibels():
    # 6 dB a second, down from the first: 12 dB after two.
    share = softened(-6.0 * np.arange(300) / 100.0, 3.0)
    for seconds, wanted in ((0.5, 0.25), (1.0, 0.5), (1.5, 0.75), (2.0, 1.0), (2.9, 1.0)):
        assert share[frame_at(seconds)] == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_curve_is_followed_as_much_as_it_is_asked(amount):
    share = softened(np.repeat([0.0, -6.0], 100), 2.0, amount=amount)
    assert share[frame_at(1.6)] == pytest.approx(0.5 * amount, abs=0.01)
    assert share[frame_at(0.5)] == pytest.approx(0.0, abs=0.01)


def test_release_goes_on_from_the_end():
    share = softened(np.repeat([0.0, -6.0], 50), 1.0)
    released = share[frame_at(HOLD_SECONDS) :]
    np.testing.assert_allclose(released, 0.5, atol=0.01)


def test_attack_is_the_instruments_own():
    """A performer's level comes up over some frames; a string that is struck does not."""
    curve = np.concatenate([np.linspace(-40.0, 0.0, 10), np.zeros(90)])
    share = softened(curve, 1.0)
    assert np.ptp(share[FRAME_TIMES < ATTACK_KEPT]) < 1e-6
    assert share[frame_at(0.5)] == 0.0


def test_an_instrument_that_dies_away_is_not_softened_for_it():
    """The performer's level falls as the instrument's does by itself."""
    decay = -10.0 * FRAME_TIMES
    share = softened(-10.0 * np.arange(300) / 100.0, 3.0, flat(-10.0, decay), flat(-30.0, decay))
    assert share[FRAME_TIMES < 2.8].max() < 0.03


def test_louder_than_the_image_is_not_harder():
    share = softened(np.zeros(300), 3.0, flat(-10.0, -10.0 * FRAME_TIMES), flat(-30.0))
    assert share.max() == pytest.approx(0.0, abs=1e-6)


def test_a_long_note_is_stretched_over_its_image():
    """Half way through ten seconds the level falls: half way through what is held."""
    share = softened(np.repeat([0.0, -12.0], 500), 10.0)
    assert share[frame_at(1.5)] < 0.05
    assert share[frame_at(1.9)] > 0.95
    assert share[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("duration", [0.004, 0.02, 0.1])
def test_a_short_note_has_what_was_heard_of_it(duration):
    share = softened([-6.0, -6.0, 0.0], duration)
    assert np.isfinite(share).all()
    assert np.ptp(share) < 1.0


def test_inputs_stay_as_they_are():
    own, softer, curve = flat(-10.0), flat(-30.0), np.linspace(0.0, -20.0, 100)
    for array in (own, softer, curve):
        array.setflags(write=False)
    soften(own, softer, curve, span_db=SPAN_DB, duration=1.0)


def test_notes_without_a_curve_have_their_own_image():
    images = [flat(-10.0), flat(-30.0)]
    layers = np.array([[104, 52]] * 3)
    curves = [None, np.full(100, -12.0), np.repeat([0.0, -12.0], 50)]
    notes = list(soften_notes([images] * 3, layers, np.ones(3), curves, expression=1.0))
    assert notes[0] is images[0]
    # A curve says how the level moves within the note; the velocity says how loud it is.
    np.testing.assert_array_equal(notes[1], images[0])
    wanted = 12.0 / (40.0 * np.log10(2.0))
    assert share_of(notes[2])[frame_at(0.9)] == pytest.approx(wanted, abs=0.01)


# The store


def test_each_image_is_made_once_and_is_the_right_one(rng):
    n = 60
    index = rng.integers(0, 20, (n, 2))
    index = np.unique(index, return_inverse=True)[1].reshape(n, 2)
    store, made = ImageStore(index), []
    for start in range(0, n, 7):
        part = slice(start, min(start + 7, n))
        new = store.missing(part)
        made += new.tolist()
        store.add(new, np.stack([np.full((2, 3), i) for i in new]) if len(new) else [])
        found = [[image[0, 0] for image in layers] for layers in store.take(part)]
        np.testing.assert_array_equal(found, index[part])
    assert sorted(made) == list(range(index.max() + 1))


def test_images_are_let_go_when_no_later_note_needs_them():
    store = ImageStore(np.array([[0], [1], [0], [2], [0]]))
    batch = np.arange(3.0)[:, None]
    for start, new, held in ((0, [0, 1], {0}), (2, [2], {0}), (4, [], set())):
        part = slice(start, min(start + 2, 5))
        assert store.missing(part).tolist() == new
        store.add(np.array(new, int), batch[new])
        store.take(part)
        assert set(store._held) == held
        assert all(image.base is None for image in store._held.values())


def test_notes_are_told_apart_by_everything():
    z = np.zeros((5, 4), np.float32)
    z[1, 3] = 1e-3
    first, index = distinct(z, np.array([60, 60, 61, 60, 60]), np.array([80, 80, 80, 88, 80]))
    assert len(first) == 4
    assert index[0] == index[4]
    assert len(set(index.tolist())) == 4
    assert len(distinct(z, np.array([60, 60, 61, 60, 60]))[0]) == 3
