"""The synthesis of notes: seeds, threads, and values that are refused."""

import numpy as np
import pytest
from measured_notes import F0
from plain_images import make_image

from retimbre.errors import ParameterError
from retimbre.harmonic.synthesis import Task, synthesize_note, synthesize_voices
from retimbre.harmonic.voice import Voice, VoiceNote


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

    def test_sounds_come_in_order_whatever_the_threads(self):
        images = [make_image({1: 0.0}, -60.0), make_image({1: -10.0, 3: 0.0})]
        curves, durations = [220.0, 330.0, 440.0, 220.0, 100.0], [0.1, 0.02, 13.0, 0.05, 0.1]
        expected = [
            synthesize_note(images[i % 2], f0, duration=d, seed=i)
            for i, (f0, d) in enumerate(zip(curves, durations, strict=True))
        ]
        notes = [
            VoiceNote(0.0, d, np.array([f0]), f0) for d, f0 in zip(durations, curves, strict=True)
        ]
        voices = [Voice((note,), 0.3, 44100, seed=i) for i, note in enumerate(notes)]
        for threads in (1, 3):
            pieces = synthesize_voices(voices, tasks_of(voices, images), threads=threads)
            made = [np.concatenate([next(pieces) for _ in voice.pieces()]) for voice in voices]
            for wave, one in zip(made, expected, strict=True):
                np.testing.assert_array_equal(wave, one)

    def test_few_pieces_are_made_ahead(self):
        asked = []

        def tasks(voice):
            for piece in voice.pieces():
                asked.append(1)
                yield Task(0, piece, {0: [make_image({1: 0.0})]})

        voice = Voice((VoiceNote(0.0, 600.0, np.array([F0]), F0),), 0.3, 8000)
        pieces = synthesize_voices([voice], tasks(voice), threads=2)
        next(pieces)
        pieces.close()
        assert len(voice.pieces()) > 50
        assert len(asked) <= 10

    def test_what_fails_in_a_piece_is_raised(self):
        voice = Voice((VoiceNote(0.0, 30.0, np.array([F0]), F0),), 0.3, 8000)
        tasks = [Task(0, piece, {}) for piece in voice.pieces()]
        with pytest.raises(KeyError):
            list(synthesize_voices([voice], tasks, threads=2))


def tasks_of(voices, images):
    for i, voice in enumerate(voices):
        for piece in voice.pieces():
            yield Task(i, piece, {0: [images[i % 2]]})
