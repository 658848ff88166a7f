"""`retimbre import-gansynth`, from a checkpoint of full size to a model folder."""

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from gansynth_files import (
    AVERAGE,
    CHANNELS,
    PREFIX,
    SETTINGS,
    SMALL,
    specgram,
    variables,
    write_checkpoint,
    write_js,
)
from gansynth_sound import reference_wave

from retimbre.cli import import_gansynth as import_command
from retimbre.cli.command import command
from retimbre.errors import ModelFormatError, WriteError
from retimbre.io.networks import load_onnxruntime
from retimbre.notes.edits import edit_note
from retimbre.session import Session
from retimbre.settings import Settings
from retimbre.types import Melody, Notes

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PARITY = 1e-4
CROPPING = 1e-6
FILES = ["MODEL_CARD.md", "config.json", "generator.onnx"]


def retimbre(*args, exit_code=0):
    result = CliRunner().invoke(command, [str(arg) for arg in args])
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture(scope="module")
def values():
    return variables()


@pytest.fixture(scope="module")
def imported(values, tmp_path_factory):
    """Import a checkpoint of full size: the model's folder and what was said."""
    folder = tmp_path_factory.mktemp("gansynth")
    write_checkpoint(folder / "acoustic_only", values, root="/cns/elsewhere/")
    result = retimbre(
        "import-gansynth", folder / "acoustic_only", "-o", folder / "models" / "acoustic"
    )
    return folder / "models" / "acoustic", result


@pytest.fixture(scope="module")
def play(imported):
    onnxruntime = load_onnxruntime()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = imported[0] / "generator.onnx"
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(z, pitch, frames=128):
        pitch = np.asarray(pitch) - 24
        return session.run(None, {"z": z, "pitch": pitch, "frames": np.array([frames])})[0]

    return run


@pytest.fixture(scope="module")
def z():
    return np.random.default_rng(5).standard_normal((2, 256)).astype(np.float32)


@pytest.fixture(scope="module")
def whole(play, z):
    return play(z[:1], [60])[0]


@pytest.fixture(scope="module")
def reference(values, z):
    """The same note computed by GANSynth's formulas in double precision."""
    return specgram(values, z[0], 60)


def test_a_whole_note_is_gansynths(whole, reference):
    assert reference.shape == (128, 1024, 2)
    assert reference.std(axis=(0, 1)).min() > 0.05
    np.testing.assert_allclose(whole, reference, rtol=0, atol=PARITY)


def test_a_whole_note_sounds_as_gansynths(imported, reference, z):
    from retimbre import load_generator

    (found,) = load_generator(imported[0]).generate_samples_from_z(z[:1], np.array([60]))
    # From the latent vector to the samples all is computed in double precision.
    scales, shifts = np.array([0.0661371661726, 0.8]), np.array([0.113718730221, 0.0])
    wanted = reference_wave((reference - shifts) / scales)
    assert found.shape == wanted.shape == (64000,)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=PARITY * np.abs(wanted).max())


@pytest.mark.parametrize("frames", [1, 2, 9, 24, 41, 64, 126, 127])
def test_part_of_a_note_is_the_begin_of_the_whole(play, whole, z, frames):
    found = play(z[:1], [60], frames)[0]
    assert found.shape == (frames, 1024, 2)
    np.testing.assert_allclose(found, whole[:frames], rtol=0, atol=CROPPING)


def test_the_network_in_keras_plays_the_same(values, play, z):
    from dataclasses import replace

    from retimbre.train.config import CONFIGS
    from retimbre.train.networks.networks import Networks

    networks = Networks(replace(CONFIGS["mel_prog_hires"], mixed_precision=False))

    def average(scope):
        names = (f"{PREFIX}{scope}/{part}/{AVERAGE}" for part in ("conv2d/kernel", "bias"))
        return [values[name] for name in names]

    for i in range(len(CHANNELS)):
        kernel, bias = average(f"{i + 1}/conv0")
        # The first layer is a transposed convolution there.
        kernel = kernel if i else kernel[::-1, ::-1].transpose(0, 1, 3, 2)
        networks.layers[f"g_conv{i}a"].set_weights([kernel, bias])
        networks.layers[f"g_conv{i}b"].set_weights(average(f"{i + 1}/conv1"))
        networks.layers[f"g_out{i}"].set_weights(average(f"{i + 1}/to_rgb"))
    one_hot = np.eye(61, dtype=np.float32)[[84 - 24]]
    rest = np.zeros((1, 1), np.float32), np.ones(1, np.float32)
    wanted = networks.generator(6, False)([z[1:], one_hot, *rest]).numpy()
    np.testing.assert_allclose(play(z[1:], [84]), wanted, rtol=0, atol=PARITY)


def test_the_folder_says_what_it_holds(imported):
    folder, result = imported
    assert sorted(path.name for path in folder.iterdir()) == FILES
    config = json.loads((folder / "config.json").read_text())
    assert config == {
        "format_version": 2, "representation": "mel", "sample_rate": 16000, "latent_dim": 256,
        "pitch_range": [24, 84], "generator": "generator.onnx",
        "generator_sha256": hashlib.sha256((folder / "generator.onnx").read_bytes()).hexdigest(),
        "images_seen": 11_000_000,
        "source": {"kind": "GANSynth", "name": "acoustic_only",
                   "checkpoint": "stage_00012/model.ckpt-11000000"},
    }  # fmt: skip
    card = (folder / "MODEL_CARD.md").read_text()
    for part in ("# acoustic_only", "MIDI 24..84", "model.ckpt-11000000", "11,000,000 images"):
        assert part in card
    assert "licence" in card
    assert result.stdout == f"{folder}\n"
    assert "GANSynth's formulas" in result.stderr
    # Nothing is left of the work on it.
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_the_graph_is_for_old_and_new_runtimes(imported):
    import onnx

    model = onnx.load(imported[0] / "generator.onnx")
    assert (model.ir_version, model.opset_import[0].version) == (9, 18)
    inputs = {end.name: end.type.tensor_type.elem_type for end in model.graph.input}
    float32, int64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    assert inputs == {"z": float32, "pitch": int64, "frames": int64}


def test_the_main_job_opens_the_model(imported, z):
    from retimbre import load_generator

    generator = load_generator(imported[0])
    assert (generator.sample_rate, generator.pitch_range, generator.latent_dim) == (
        16000, (24, 84), 256,
    )  # fmt: skip
    waves = generator.generate_samples_from_z(z[:1], np.array([60]))
    assert waves.shape == (1, 64000)
    assert np.abs(waves).max() > 0.0


# Where it is written, from here on with small networks


def test_an_edit_changes_its_phrase_alone(imported):
    onset = np.array([0.0, 0.4, 2.0])
    melody = Melody(Notes(onset, onset + 0.3, [60, 64, 67], [90, 90, 90]))
    session = Session(Settings.from_options(model=str(imported[0]), seed=1))
    whole = session.play(melody)
    edited = session.play(edit_note(melody, 2, pitch=62))
    first = round(session.phrase_of(melody, 2)[0] * whole.sr)
    assert edited.y[:first].tobytes() == whole.y[:first].tobytes()
    assert np.any(edited.y[first:] != whole.y[first:])
    part = session.play(melody, 1.9)
    assert part.y.tobytes() == whole.y[-len(part.y) :].tobytes()


@pytest.fixture
def small(monkeypatch):
    """Take every checkpoint for one of small size."""
    from retimbre.train.gansynth import checkpoint as gansynth_checkpoint
    from retimbre.train.gansynth import magenta_js as gansynth_js
    from retimbre.train.gansynth.weights import NetworkSize

    size = NetworkSize(SMALL)
    for module, name in (
        (gansynth_checkpoint, "read_checkpoint"),
        (gansynth_js, "read_js_weights"),
    ):
        read = getattr(module, name)
        monkeypatch.setattr(module, name, lambda folder, read=read: read(folder, size))
    return variables(SMALL)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_of(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_the_model_is_named_after_the_checkpoint(small, here):
    write_checkpoint(here / "all_instruments", small)
    assert retimbre("import-gansynth", "all_instruments").stdout == "models/all_instruments\n"
    assert sorted(os.listdir("models/all_instruments")) == FILES
    stage = "all_instruments/stage_00012"
    assert retimbre("import-gansynth", stage, "--overwrite").stdout == "models/all_instruments\n"
    result = retimbre("import-gansynth", "all_instruments", "--name", "mine")
    assert result.stdout == "models/mine\n"
    assert Path("models/mine/MODEL_CARD.md").read_text().startswith("# mine\n")
    for name in ("a/b", "..", ""):
        result = retimbre("import-gansynth", "all_instruments", "--name", name, exit_code=1)
        assert "Invalid model name" in result.stderr


def test_a_model_is_replaced_only_when_told(small, here):
    write_checkpoint(here / "ck", small)
    retimbre("import-gansynth", "ck", "-o", "m")
    (here / "m" / "notes.txt").write_text("mine")
    before = files_of("m")
    write_checkpoint(here / "ck", small | {"global_step": np.int64(10_990_000)})
    result = retimbre("import-gansynth", "ck", "-o", "m", exit_code=1)
    assert "m already contains a model; add --overwrite" in result.stderr
    assert files_of("m") == before
    retimbre("import-gansynth", "ck", "-o", "m", "--overwrite")
    assert json.loads(Path("m/config.json").read_text())["images_seen"] == 10_990_000
    assert Path("m/notes.txt").read_text() == "mine"


def test_a_model_is_not_put_among_other_files(small, here):
    write_checkpoint(here / "ck", small)
    (here / "songs").mkdir()
    (here / "songs" / "tune.wav").write_bytes(b"")
    result = retimbre("import-gansynth", "ck", "-o", "songs", exit_code=1)
    assert "songs contains tune.wav and is not a model" in result.stderr
    assert files_of("songs") == {Path("songs/tune.wav"): b""}


def test_what_is_refused_leaves_nothing(small, here):
    bad = f"{PREFIX}3/to_rgb/bias/{AVERAGE}"
    write_checkpoint(here / "ck", small | {bad: np.array([np.nan, 0.0], np.float32)})
    before = files_of(here)
    result = retimbre("import-gansynth", "ck", exit_code=1)
    assert f"not finite ({bad}); get it again, or import an earlier" in result.stderr
    assert "Traceback" not in result.output
    assert files_of(here) == before


def test_networks_that_differ_are_not_written(small, here, monkeypatch):
    write_checkpoint(here / "ck", small)
    for rms in (2e-4, np.nan):
        monkeypatch.setattr(import_command, "compare", lambda *_, rms=rms: (1.0, rms))
        with pytest.raises(ModelFormatError, match="differs from GANSynth's formulas"):
            import_command.import_model(Path("ck"), Path("m"), "m")
    assert not Path("m").exists()


def test_the_difference_is_that_of_the_graph(small, here):
    from dataclasses import replace

    from retimbre.train.export.gansynth_graph import gansynth_graph

    weights = import_command.read_weights(write_checkpoint(here / "ck", small))
    graph = gansynth_graph(weights).SerializeToString()
    largest, rms = import_command.compare(graph, weights)
    assert rms < largest < 1e-4
    kernel, bias = weights.layers["3/conv1"]
    other = dict(weights.layers) | {"3/conv1": (kernel, bias + np.float32(0.01))}
    assert min(import_command.compare(graph, replace(weights, layers=other))) > 1e-3


def test_an_interrupted_import_leaves_no_model(small, here, monkeypatch):
    write_checkpoint(here / "ck", small)
    retimbre("import-gansynth", "ck", "-o", "m")
    moves = []

    def replace(source, target):
        moves.append(target.name)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)
    result = retimbre("import-gansynth", "ck", "-o", "m", "--overwrite", exit_code=1)
    assert "m cannot be written: No space left on device." in result.stderr
    assert moves == ["generator.onnx"]
    assert not Path("m/config.json").exists()
    assert not list(here.glob(".retimbre-*"))


def test_a_folder_that_cannot_be_made_is_told(small, here):
    write_checkpoint(here / "ck", small)
    (here / "taken").write_text("x")
    with pytest.raises(WriteError, match="taken/model cannot be written"):
        import_command.import_model(Path("ck"), Path("taken/model"), "m")
    assert files_of("ck").keys() | {Path("taken")} == {p.relative_to(here) for p in files_of(here)}


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("sung.wav/x", "sung.wav/x cannot be written: sung.wav is a file; choose"),
        ("sung.wav/x/y", "sung.wav/x/y cannot be written: sung.wav is a file; choose"),
        ("sung.wav", "sung.wav cannot be written: sung.wav is a file; choose"),
        ("closed/x", "closed/x cannot be written: closed is not writable; choose"),
        ("closed/in/x", "closed/in/x cannot be written: closed is not writable; choose"),
        ("closed/open", "closed/open cannot be written: closed is not writable; choose"),
        ("model", "model already contains a model; add --overwrite"),
    ],
)
def test_the_output_is_looked_at_before_the_work(here, monkeypatch, output, told):
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: str(path) != "closed" and access(path, mode)
    )
    monkeypatch.setattr(import_command, "import_model", None)
    (here / "js").mkdir()
    (here / "js" / "weights_manifest.json").touch()
    (here / "sung.wav").touch()
    (here / "closed" / "open").mkdir(parents=True)
    (here / "model").mkdir()
    (here / "model" / "config.json").touch()
    result = retimbre("import-gansynth", "js", "-o", output, exit_code=1)
    assert told in result.stderr
    assert "Importing" not in result.stderr


def test_the_work_is_told_when_it_begins(small, here):
    write_js(here / "js", small)
    result = retimbre("import-gansynth", "js/weights_manifest.json")
    first, second = result.stderr.splitlines()
    assert first == "Importing js into models/js..."
    assert "GANSynth's formulas" in second
    assert result.stdout == "models/js\n"


def test_weights_of_magenta_js_need_no_tensorflow(small, here, monkeypatch):
    for package in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, package, None)
    write_js(here / "js", small)
    assert retimbre("import-gansynth", "js").stdout == "models/js\n"


def test_a_missing_package_is_told_after_all_else(small, here, monkeypatch):
    for package in ("tensorflow", "keras", "onnx"):
        monkeypatch.setitem(sys.modules, package, None)

    def told(folder):
        return retimbre("import-gansynth", folder, exit_code=1).stderr.splitlines()[-1]

    assert "No folder named nowhere" in told("nowhere")
    write_js(here / "js", small)
    needed = "Error: Importing needs the package {}; in a checkout of retimbre, install"
    assert told("js").startswith(needed.format("onnx"))
    (here / "js" / "group1-shard2of3").unlink()
    assert "'group1-shard2of3', which cannot be read" in told("js")
    stage = here / "ck" / "stage_00012"
    stage.mkdir(parents=True)
    (stage / "model.ckpt-11000000.index").touch()
    (here / "ck" / "experiment.json").write_text(json.dumps(SETTINGS | {"fmap_max": 128}))
    assert "fmap_max is 128 and not 256" in told("ck")
    (here / "ck" / "experiment.json").write_text(json.dumps(SETTINGS))
    assert told("ck").startswith(needed.format("tensorflow"))


@pytest.mark.parametrize("dtype", [None, "uint8"])
def test_weights_of_magenta_js_are_imported(small, here, dtype):
    read = write_js(here / "js", small, dtype=dtype)
    retimbre("import-gansynth", "js")
    onnxruntime = load_onnxruntime()

    session = onnxruntime.InferenceSession("models/js/generator.onnx")
    z = np.random.default_rng(2).standard_normal((1, 256)).astype(np.float32)
    inputs = {"z": z, "pitch": np.array([12]), "frames": np.array([8])}
    found = session.run(None, inputs)[0][0]
    np.testing.assert_allclose(found, specgram(read, z[0], 36, SMALL), rtol=0, atol=PARITY)
    config = json.loads(Path("models/js/config.json").read_text())
    assert config["images_seen"] is None
    assert config["source"]["checkpoint"] == "weights_manifest.json"
    assert "its publisher" in Path("models/js/MODEL_CARD.md").read_text()
