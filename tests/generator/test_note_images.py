"""Which images a melody needs, and how long they are kept."""

import numpy as np
import pytest

from retimbre.generator.store import ImageStore, distinct
from retimbre.harmonic.touch import image_velocities


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


# The store


def test_each_image_is_made_once_and_is_the_right_one(rng):
    n = 60
    index = rng.integers(0, 20, (n, 2))
    index = np.unique(index, return_inverse=True)[1].reshape(n, 2)
    store, made = ImageStore(list(index[:, None])), []
    for start in range(0, n, 7):
        part = slice(start, min(start + 7, n))
        new = store.missing(part)
        made += new.tolist()
        store.add(new, np.stack([np.full((2, 3), i) for i in new]) if len(new) else [])
        found = [[image[0, 0] for image in layers] for (layers,) in store.take(part)]
        np.testing.assert_array_equal(found, index[part])
    assert sorted(made) == list(range(index.max() + 1))


def test_images_are_let_go_when_no_later_note_needs_them():
    store = ImageStore([np.array([[i]]) for i in (0, 1, 0, 2, 0)])
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
