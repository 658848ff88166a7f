"""Training notes: which are kept, how batches are drawn."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from retimbre.errors import ModelFormatError, ModelNotFoundError
from retimbre.images import harmonic
from retimbre.train import dataset
from retimbre.train.soundfonts import Preset, SoundFont, find_soundfonts
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


class FakeFont:
    """Stands for a SoundFont: an instrument in tune, one that is silent, one an octave up."""

    def __init__(self, path: str) -> None:
        self.name = Path(path).name

    def presets(self) -> Iterator[Preset]:
        for program, name in enumerate(("in tune", "silent", "octave up")):
            yield Preset(self.name, 0, program, name)

    def render(self, preset: Preset, pitch: int, velocity: int = 100) -> np.ndarray:
        f0 = float(midi_to_hz(pitch))
        if preset.name == "silent":
            return np.zeros(4 * SR, np.float32)
        return note(f0, [1, 2, 3] if preset.name == "in tune" else [2, 4, 6]) * (velocity / 127)


@pytest.fixture
def fake_fonts(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr(dataset, "SoundFont", FakeFont)
    monkeypatch.setattr(dataset, "_FONTS", {})
    return [Path("a.sf2"), Path("b.sf2")]


def test_presets_become_a_dataset_of_the_good_notes(tmp_path: Path, fake_fonts) -> None:
    seen: list[tuple[int, int]] = []
    n_notes = dataset.build(
        tmp_path / "notes",
        fake_fonts[:1],
        pitches=range(60, 66),
        fraction=1.0,
        workers=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    built = dataset.Dataset(tmp_path / "notes")
    assert n_notes == len(built.labels) == 6
    assert seen == [(done, 6) for done in range(1, 7)]
    assert {(label.font, label.name) for label in built.labels} == {("a.sf2", "in tune")}
    assert [label.pitch for label in built.labels] == list(range(60, 66))
    assert built.instruments == [("a.sf2", 0, 0)]
    # The features are those of the note that the label names.
    image = dataset.analyze_note(note(float(midi_to_hz(63)), [1, 2, 3]) * (100 / 127), 63)
    assert image is not None
    expected = harmonic.image_to_features(image).astype(np.float16)
    np.testing.assert_array_equal(built.features[3], expected)


def test_a_fraction_of_the_notes_is_drawn_by_the_seed(
    tmp_path: Path, fake_fonts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "analyze_note", lambda y, pitch: np.zeros((128, 96, 3)))

    def keys(seed: int) -> list[tuple[str, int]]:
        folder = tmp_path / "notes"
        dataset.build(folder, fake_fonts, pitches=range(60, 68), fraction=0.5, seed=seed, workers=1)
        return [(label.font, label.pitch) for label in dataset.Dataset(folder).labels]

    first = keys(0)
    assert {font for font, _ in first} == {"a.sf2", "b.sf2"}
    assert 12 < len(first) < 36
    assert keys(0) == first
    assert keys(1) != first


@pytest.fixture(scope="module")
def font() -> SoundFont:
    """Open a SoundFont of this machine, where it has one."""
    pytest.importorskip("fluidsynth", exc_type=ImportError)
    try:
        return SoundFont(min(find_soundfonts(), key=lambda path: path.suffix != ".sf2"))
    except ModelNotFoundError as error:
        pytest.skip(str(error))


def test_presets_are_the_melodic_ones(font: SoundFont) -> None:
    presets = list(font.presets())
    assert len({(p.bank, p.program) for p in presets}) == len(presets) > 20
    assert all(p.font == font.path.name and p.name for p in presets)
    assert not any(115 <= p.program < 128 for p in presets)


@pytest.mark.parametrize("pitch", [60, 69])
def test_a_preset_sounds_at_its_pitch_and_ends(font: SoundFont, pitch: int) -> None:
    # A piano, General MIDI's first.
    piano = min(font.presets(), key=lambda preset: (preset.bank, preset.program))
    y = font.render(piano, pitch)
    assert y.shape == (4 * SR,)
    assert y.dtype == np.float32
    assert 0.01 < np.abs(y).max() <= 1.0
    assert np.abs(y[-2048:]).max() < 0.02 * np.abs(y).max()
    f0 = float(midi_to_hz(pitch))
    assert dataset.analyze_note(y, pitch) is not None
    spectrum = np.abs(np.fft.rfft(y[: 2 * SR] * np.hanning(2 * SR)))
    low = round(1.5 * f0 * 2)
    assert np.argmax(spectrum[100:low]) + 100 == pytest.approx(f0 * 2, rel=0.01)


def test_what_is_no_soundfont_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no SoundFont|FluidSynth is needed"):
        SoundFont(tmp_path / "none.sf2")


def test_training_without_tensorflow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from retimbre.train.commands import train

    write_dataset(tmp_path)
    monkeypatch.setitem(sys.modules, "keras", None)
    result = CliRunner().invoke(train, [str(tmp_path), str(tmp_path / "run")])
    assert isinstance(result.exception, ModelNotFoundError)
    assert "pip install 'retimbre[train]'" in str(result.exception)
