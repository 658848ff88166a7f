"""The synthesis of notes: seeds, threads, and values that are refused."""

import numpy as np
import pytest
from measured_notes import F0
from plain_images import make_image

from retimbre.errors import ParameterError
from retimbre.harmonic.synthesis import synthesize_note, synthesize_notes


class TestCalls:
    def test_same_seed_same_samples(self):
        image = make_image({1: 0.0, 2: -3.0}, noise_db=-40.0)
        first, again, other = (
            synthesize_note(image, F0, duration=0.2, seed=seed) for seed in (5, 5, 6)
        )
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.1

    def test_inputs_are_only_read(self):
        image, curve, level = make_image({1: 0.0}, -50.0), np.full(20, F0), np.zeros(20)
        for array in (image, curve, level):
            array.setflags(write=False)
        synthesize_note(image, curve, duration=0.2, level_db=level)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"image": np.zeros((128, 96, 2))}, "shape"),
            ({"image": np.full((128, 96, 4), np.nan)}, "finite"),
            ({"f0": np.nan}, "f0"),
            ({"f0": -5.0}, "f0"),
            ({"f0": []}, "f0"),
            ({"duration": 0.0}, "duration"),
            ({"duration": np.inf}, "duration"),
            ({"release": 0.0}, "release"),
            ({"sr": -1}, "sr"),
            ({"expression": 1.5}, "Expression"),
        ],
    )
    def test_bad_values_are_refused(self, change, message):
        call = {"image": make_image({1: 0.0}), "f0": F0, "duration": 0.1} | change
        with pytest.raises(ParameterError, match=message):
            synthesize_note(**call)

    def test_notes_come_in_order_whatever_the_threads(self):
        images = np.stack([make_image({1: 0.0}, -60.0), make_image({1: -10.0, 3: 0.0})])
        index, curves = [0, 1, 1, 0, 1], [220.0, 330.0, np.full(5, 440.0), 220.0, 100.0]
        durations, seeds = [0.1, 0.02, 0.3, 0.05, 0.1], [3, 1, 4, 1, 5]
        expected = [
            synthesize_note(images[i], f0, duration=d, seed=s)
            for i, f0, d, s in zip(index, curves, durations, seeds, strict=True)
        ]
        for threads in (1, 3):
            waves = synthesize_notes(images[index], curves, durations, seeds=seeds, threads=threads)
            for wave, one in zip(waves, expected, strict=True):
                np.testing.assert_array_equal(wave, one)

    def test_few_notes_are_made_ahead(self):
        asked = []

        def images():
            while True:
                asked.append(1)
                yield make_image({1: 0.0})

        n_notes = 200
        waves = synthesize_notes(
            images(),
            [F0] * n_notes,
            [0.01] * n_notes,
            seeds=[0] * n_notes,
            threads=2,
        )
        next(waves)
        waves.close()
        assert len(asked) <= 10

    def test_notes_need_one_of_everything(self):
        with pytest.raises(ParameterError, match="one of everything"):
            synthesize_notes([make_image()] * 2, [F0], [0.1, 0.1], seeds=[0, 1])
        with pytest.raises(ParameterError, match="one of everything"):
            synthesize_notes([make_image()] * 2, [F0, F0], [0.1, 0.1], seeds=[0, 1], releases=[0.1])
        with pytest.raises(ParameterError, match="one of everything"):
            synthesize_notes([make_image()], [F0, F0], [0.1, 0.1], seeds=[0, 1])
