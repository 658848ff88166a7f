"""The embedded model, and what is refused as one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.generator import Generator, load_generator, model_folders
from retimbre.types import NoteCurve, Notes

DEFAULT = model_folders()["default"]


@pytest.fixture(scope="module")
def generator() -> Generator:
    return load_generator()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(DEFAULT, tmp_path / "model")
    return tmp_path / "model"


def latents(n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, 256))


def melody(n: int, step: float = 0.2) -> Notes:
    onset = np.arange(n) * step
    return Notes(onset, onset + step, 60 + np.arange(n) % 12, np.full(n, 90))


class CountingNetwork:
    """Stands for the network and counts the notes it is asked for."""

    def __init__(self, network) -> None:
        self.network, self.rows = network, 0

    def run(self, names, inputs):
        self.rows += len(inputs["z"])
        return self.network.run(names, inputs)


@pytest.fixture
def counted(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> CountingNetwork:
    network = CountingNetwork(generator._session)
    monkeypatch.setattr(generator, "_session", network)
    return network


def test_the_default_model_is_what_the_design_says(generator: Generator) -> None:
    assert (generator.name, generator.sample_rate, generator.latent_dim) == ("default", 44100, 256)
    low, high = generator.pitch_range
    assert low <= 24
    assert high >= 96
    assert load_generator("default") is generator
    assert load_generator(DEFAULT) is generator


def test_whole_notes_sound_at_their_pitch(generator: Generator) -> None:
    pitches = np.array([48, 60, 72])
    waves = generator.generate_samples_from_z(latents(3), pitches)
    assert waves.shape == (3, 4 * 44100)
    assert waves.dtype == np.float32
    assert np.abs(waves).max() <= 1.0
    for wave, pitch in zip(waves, pitches, strict=True):
        held = wave[22050 : 22050 + 32768]
        spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held))))
        f0 = 440.0 * 2 ** ((pitch - 69) / 12)
        share = [spectrum[round(k * f0 * 32768 / 44100) + np.arange(-3, 4)] for k in range(1, 30)]
        assert np.sum(np.square(share)) > 0.5 * np.sum(np.square(spectrum))


def test_one_batch_or_many_give_the_same_images(generator: Generator) -> None:
    z, pitches = latents(70), np.arange(70) % 60 + 24
    whole = generator.generate_images(z, pitches)
    alone = generator.generate_images(z[40:41], pitches[40:41])
    np.testing.assert_allclose(whole.images[whole.index[40]], alone.images[0], atol=1e-3)


def test_identical_notes_are_generated_once(generator: Generator, counted: CountingNetwork) -> None:
    z = np.repeat(latents(2), 3, axis=0)
    pitches = np.array([60, 60, 61, 60, 60, 60])
    found = generator.generate_images(z, pitches)
    assert counted.rows == len(found.images) == 3
    assert found.index[0] == found.index[1] != found.index[2]
    assert len(set(found.index[3:])) == 1


def test_a_long_melody_on_one_instrument_generates_each_key_once(
    generator: Generator, counted: CountingNetwork
) -> None:
    notes = melody(300, step=0.02)
    waves = generator.play(np.repeat(latents(1), 300, axis=0), notes)
    assert sum(1 for _ in waves) == 300
    assert counted.rows == 12


def test_notes_are_as_long_as_they_are_held(generator: Generator) -> None:
    notes = Notes([0.0, 0.1, 1.0], [0.05, 0.9, 7.0], [60, 64, 67], [90, 90, 90])
    lengths = [len(wave) / 44100 for wave in generator.play(latents(3), notes)]
    np.testing.assert_allclose(lengths, notes.duration + 0.3, atol=1e-3)


def test_the_same_seed_gives_the_same_samples(generator: Generator) -> None:
    notes, z = melody(4), latents(4)
    curves = [NoteCurve(np.linspace(-50, 50, 20), np.linspace(-6, 0, 20))] * 4
    first, again, other = (
        np.concatenate(list(generator.play(z, notes, curves, seed=seed))) for seed in (1, 1, 9)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_play_reports_progress_and_timings(generator: Generator) -> None:
    seen: list[tuple[int, int]] = []
    timings: dict[str, float] = {}
    progress = lambda done, total: seen.append((done, total))  # noqa: E731
    list(generator.play(latents(3), melody(3), progress=progress, timings=timings))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert timings["generate"] > 0
    assert timings["synthesize"] > 0


def test_no_notes_give_no_waves(generator: Generator) -> None:
    assert list(generator.play(np.zeros((0, 256)), Notes.empty())) == []
    assert generator.generate_samples_from_z(np.zeros((0, 256)), np.zeros(0, int)).shape[0] == 0


@pytest.mark.parametrize(
    ("z", "pitches", "match"),
    [
        (np.zeros((2, 100)), [60, 61], r"shape \(n, 256\)"),
        (np.zeros((2, 256)), [60], "n pitches"),
        (np.full((1, 256), np.nan), [60], "finite"),
        (np.zeros((1, 256)), [3], r"plays MIDI \d+\.\.\d+"),
    ],
)
def test_wrong_notes_are_refused(generator: Generator, z, pitches, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        generator.generate_images(z, np.array(pitches))


def test_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(ModelNotFoundError, match="the known ones are default"):
        load_generator("nonesuch")


def test_a_damaged_network_is_refused(copy: Path) -> None:
    network = copy / "generator.onnx"
    network.write_bytes(network.read_bytes()[:-10])
    with pytest.raises(ModelFormatError, match="checksum"):
        load_generator(copy)


def test_a_missing_network_is_refused(copy: Path) -> None:
    (copy / "generator.onnx").unlink()
    with pytest.raises(ModelFormatError, match="missing"):
        load_generator(copy)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format_version": 99}, "format 99"),
        ({"representation": "melspec"}, "'melspec'"),
        ({"pitch_range": None}, "lacks pitch_range"),
    ],
)
def test_a_config_of_another_kind_is_refused(copy: Path, change: dict, match: str) -> None:
    config = json.loads((copy / "config.json").read_text()) | change
    config = {key: value for key, value in config.items() if value is not None}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFormatError, match=match):
        load_generator(copy)


def test_a_config_that_is_no_json_is_refused(copy: Path) -> None:
    (copy / "config.json").write_text("{")
    with pytest.raises(ModelFormatError, match="JSON"):
        load_generator(copy)
