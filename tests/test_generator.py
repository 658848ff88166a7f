"""The embedded model, and what is refused as one."""

import hashlib
import itertools
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


def test_neighbouring_seeds_share_no_noise(generator: Generator) -> None:
    # The same note twice: only the seeds tell them apart.
    notes = Notes([0.0, 0.3], [0.2, 0.5], [60, 60], [90, 90])
    z = np.repeat(latents(1), 2, axis=0)
    waves = [wave for seed in (4, 5) for wave in generator.play(z, notes, seed=seed)]
    for one, other in itertools.combinations(waves, 2):
        assert len(one) == len(other)
        assert np.abs(one - other).max() > 1e-3


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
        ({"pitch_range": 5}, "pitch_range as .*, not 5"),
        ({"pitch_range": [21]}, "pitch_range as"),
        ({"pitch_range": [108, 21]}, "pitch_range as"),
        ({"pitch_range": ["21", "108"]}, "pitch_range as"),
        ({"sample_rate": 0}, "sample_rate as a whole number above 0, not 0"),
        ({"latent_dim": "many"}, "latent_dim as"),
        ({"latent_dim": True}, "latent_dim as"),
        ({"generator": 3}, "generator as the name of a file"),
        ({"generator_sha256": []}, "generator_sha256 as"),
        ({"latent_dim": 100}, r"z \(n, 100\).* z tensor\(float\) \['n', 256\]"),
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


def replace_network(copy: Path, graph: bytes) -> None:
    """Put another network into a model folder, under its right checksum."""
    (copy / "generator.onnx").write_bytes(graph)
    config = json.loads((copy / "config.json").read_text())
    config["generator_sha256"] = hashlib.sha256(graph).hexdigest()
    (copy / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("graph", [b"", b"no protobuf", "half"], ids=["empty", "text", "half"])
def test_a_network_that_is_none_is_refused(copy: Path, graph: bytes | str) -> None:
    whole = (copy / "generator.onnx").read_bytes()
    replace_network(copy, whole[: len(whole) // 2] if isinstance(graph, str) else graph)
    with pytest.raises(ModelFormatError, match="none that ONNX Runtime can run"):
        load_generator(copy)


Z = ("z", "FLOAT", ["n", 256])
PITCH = ("pitch", "INT64", ["n"])
FEATURES = ("features", "FLOAT", ["n", 128, 240])


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([("z", "FLOAT", ["n", 64]), PITCH], [FEATURES]),
        ([("z", "FLOAT", [8, 256]), PITCH], [FEATURES]),
        ([("z", "FLOAT16", ["n", 256]), PITCH], [FEATURES]),
        ([Z], [FEATURES]),
        ([Z, ("pitch", "INT64", ["n", 1])], [FEATURES]),
        ([Z, PITCH, ("more", "FLOAT", ["n"])], [FEATURES]),
        ([Z, PITCH], [("features", "FLOAT", ["n", 64, 240])]),
        ([Z, PITCH], [("other", "FLOAT", ["n", 128, 240])]),
    ],
)
def test_a_network_of_another_shape_is_refused(copy: Path, inputs, outputs) -> None:
    replace_network(copy, blank_network(inputs, outputs))
    with pytest.raises(ModelFormatError, match="must turn z"):
        load_generator(copy)


def test_a_network_of_the_right_shape_is_taken(copy: Path) -> None:
    replace_network(copy, blank_network([Z, PITCH], [FEATURES]))
    assert load_generator(copy).latent_dim == 256


def blank_network(inputs, outputs) -> bytes:
    """Write a network of given ends that never looks at its inputs."""
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    ends = [
        [helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)
         for name, kind, shape in part]
        for part in (inputs, outputs)
    ]  # fmt: skip
    (name, _, shape) = outputs[0]
    rest = helper.make_tensor("rest", TensorProto.INT64, [len(shape) - 1], shape[1:])
    nodes = [
        helper.make_node("Shape", [inputs[0][0]], ["notes"], start=0, end=1),
        helper.make_node("Concat", ["notes", "rest"], ["size"], axis=0),
        helper.make_node("ConstantOfShape", ["size"], [name]),
    ]
    graph = helper.make_graph(nodes, "blank", *ends, initializer=[rest])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()
