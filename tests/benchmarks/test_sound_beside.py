"""Several models beside each other: the step from key to key, and which notes they share."""

from types import SimpleNamespace

import numpy as np
import pytest
import sound_beside
from sound_models import EncodedOnce, place_of
from test_sound_figures import FakeDataset

from retimbre.errors import ParameterError

SILENT = -90.0


def test_a_step_counts_what_sounds_in_either_key() -> None:
    levels = np.full((3, 4, 5), SILENT)
    levels[:, :, 0] = -10.0
    levels[1, :, 0] = -14.0
    levels[2, :, 1] = -20.0
    # From key 1 to 2 one partial rises by 4 dB and another, silent before, by 70.
    assert sound_beside.key_steps(levels) == pytest.approx([4.0, 37.0])


def test_silent_keys_make_no_step() -> None:
    assert sound_beside.key_steps(np.full((4, 2, 2), SILENT)) == pytest.approx([0.0, 0.0, 0.0])


def test_unseen_is_what_every_model_held_out() -> None:
    dataset = FakeDataset()
    keys = dataset.instruments
    palette = SimpleNamespace(keys=keys[:4])
    models = [
        SimpleNamespace(name="a", held_out=frozenset(keys[9:]), palette=palette),
        SimpleNamespace(name="b", held_out=frozenset(keys[8:11]), palette=None),
    ]
    real = sound_beside.split_notes(models, dataset)
    assert real.held_out == [9, 10]
    assert real.trained == [
        i for i, key in enumerate(keys) if place_of(key) in map(place_of, keys[:4])
    ]


def test_models_of_another_data_set_are_refused() -> None:
    dataset = FakeDataset()
    palette = SimpleNamespace(keys=dataset.instruments[:4])
    model = SimpleNamespace(name="a", held_out=frozenset(), palette=palette)
    with pytest.raises(ParameterError, match="0 that all models held out"):
        sound_beside.split_notes([model], dataset)


def test_what_was_encoded_once_answers_for_those_notes_only() -> None:
    model = SimpleNamespace(name="a", latent_dim=2, pitch_range=(0, 127), palette=None)
    once = EncodedOnce(model, np.ones((3, 2)))
    assert once.encode(np.zeros((3, 1)), np.arange(3)).shape == (3, 2)
    with pytest.raises(ValueError, match="2 notes; 3 were heard"):
        once.encode(np.zeros((2, 1)), np.arange(2))
