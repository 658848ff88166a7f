"""Training notes: which are kept, how batches are drawn."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from retimbre.errors import ModelFormatError, ModelNotFoundError
from retimbre.images import harmonic
from retimbre.train import dataset
from retimbre.train.soundfonts import find_soundfonts
from retimbre.units import midi_to_hz

SR = harmonic.SAMPLE_RATE


def note(f0: float, orders: list[float]) -> np.ndarray:
    t = np.arange(4 * SR) / SR
    return np.sum([0.2 * np.sin(2 * np.pi * k * f0 * t) for k in orders], axis=0).astype("f4")


def test_a_detuned_note_is_tuned() -> None:
    f0 = float(midi_to_hz(60))
    image = dataset.analyze_note(note(f0 * 2 ** (20 / 1200), [1, 2, 3]), 60)
    assert image is not None
    assert harmonic.detune_cents(image) == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize(
    ("orders", "kept"),
    [
        ([1, 2, 3], True),
        ([0.5, 1, 1.5, 2], False),
        ([2, 4, 6], False),
        ([1.05, 2.1], False),
    ],
    ids=["harmonic", "octave below", "octave above", "80 cents sharp"],
)
def test_only_notes_at_their_pitch_are_kept(orders: list[float], kept: bool) -> None:
    image = dataset.analyze_note(note(float(midi_to_hz(60)), orders), 60)
    assert (image is not None) == kept


def test_a_silent_note_is_left_out() -> None:
    assert dataset.analyze_note(np.zeros(4 * SR, np.float32), 60) is None


def write_dataset(folder: Path, n_instruments: int = 4, n_notes: int = 8) -> None:
    labels = [
        dataset.NoteLabel("font", 0, program, f"p{program}", 60 + i, 100)
        for program in range(n_instruments)
        for i in range(n_notes)
    ]
    features = np.zeros((len(labels), 128, 240), np.float16)
    # The value tells the instrument and the key, so that a batch can be checked.
    features[:, 0, 0] = [label.program for label in labels]
    features[:, 0, 1] = [label.pitch for label in labels]
    np.save(folder / "features.npy", features)
    lines = [json.dumps(asdict(label)) for label in labels]
    (folder / "manifest.jsonl").write_text("\n".join(lines))


def test_a_batch_pairs_notes_of_one_instrument(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    notes = dataset.Dataset(tmp_path)
    trained, held_out = notes.split(1, seed=0)
    assert sorted(trained + held_out) == [0, 1, 2, 3]
    x1, p1, x2, p2 = notes.batch(trained, 32, np.random.default_rng(0))
    assert x1.shape == (32, 128, 240)
    assert x1.dtype == np.float32
    np.testing.assert_array_equal(x1[:, 0, 0], x2[:, 0, 0])
    np.testing.assert_array_equal(x1[:, 0, 1], p1)
    np.testing.assert_array_equal(x2[:, 0, 1], p2)
    assert not np.isin(x1[:, 0, 0], held_out).any()
    assert (p1 != p2).any()


def test_batches_are_a_function_of_the_seed(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    notes = dataset.Dataset(tmp_path)
    first = notes.batch([0, 1], 8, np.random.default_rng(5))
    again = notes.batch([0, 1], 8, np.random.default_rng(5))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_missing_dataset_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="retimbre dataset build"):
        dataset.Dataset(tmp_path)


def test_a_torn_dataset_is_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    lines = (tmp_path / "manifest.jsonl").read_text().splitlines()
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines[:-1]))
    with pytest.raises(ModelFormatError, match="build it again"):
        dataset.Dataset(tmp_path)


def test_missing_soundfonts_say_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="apt-get install"):
        find_soundfonts((str(tmp_path / "none.sf2"),))


def test_the_full_soundfont_stands_for_its_smaller_twin(tmp_path: Path) -> None:
    for name in ("A.sf3", "A_Full.sf3", "B.sf2"):
        (tmp_path / name).touch()
    found = find_soundfonts(tuple(str(tmp_path / n) for n in ("A.sf3", "A_Full.sf3", "B.sf2")))
    assert [path.name for path in found] == ["A_Full.sf3", "B.sf2"]
