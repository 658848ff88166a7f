"""A run that begins with the networks of a model."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper
from tiny_runs import TINY, TINY_MEL, state_of

from retimbre.cli.command import command
from retimbre.cli.train import choose_settings
from retimbre.errors import ModelFormatError, ParameterError
from retimbre.train.config import CONFIGS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# Two steps for the discriminator alone, then two for all.
TUNED = replace(TINY, judge_warmup_notes=16, ema_warmup=False, path_weight=0.0, sheet_notes=0)


@pytest.fixture(scope="module")
def model(finished, notes, tmp_path_factory) -> Path:
    from retimbre.train.export.harmonic import export_run

    folder = tmp_path_factory.mktemp("models") / "tiny"
    export_run(finished[0], notes, folder)
    return folder


@pytest.fixture(scope="module")
def tuned(model, notes, notes_folder, tmp_path_factory):
    """A run that was begun from the model: its folder and the states after every step."""
    import tensorflow as tf

    from retimbre.train.export.beginning import Beginning
    from retimbre.train.run import loop

    folder, states = tmp_path_factory.mktemp("tuned") / "run", []
    beginning = Beginning(model, TUNED)
    tf.config.run_functions_eagerly(True)
    with pytest.MonkeyPatch.context() as patch:
        step = loop.Trainer.train_step

        def noted(self, batch):
            states.append(parts_of(self))
            return step(self, batch)

        patch.setattr(loop.Trainer, "train_step", noted)
        options = {"dataset_folder": notes_folder, "beginning": beginning}
        trainer = loop.train(folder, notes, beginning.config, **options)
    tf.config.run_functions_eagerly(False)
    return folder, [*states, parts_of(trainer)], state_of(trainer)


def parts_of(trainer):
    """Copy the weights of makers and discriminator, and the averages."""
    parts = (trainer.maker_variables, trainer.networks.discriminator_variables, trainer.averages)
    return [[np.asarray(v).copy() for v in part] for part in parts]


def are_same(some, others) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def altered(model: Path, folder: Path, **settings) -> Path:
    """Copy a model with other settings; None leaves one out."""
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text()) | settings
    kept = {name: value for name, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))
    return folder


def test_it_begins_with_the_weights_that_were_exported(finished, tuned):
    from retimbre.train.export.harmonic import load_run, weights_of
    from retimbre.train.run.trainer import Trainer

    exported = weights_of(load_run(finished[0]))
    begun = Trainer(TUNED)
    for variable, value in zip(begun.maker_variables, tuned[1][0][0], strict=True):
        variable.assign(value)
    found = weights_of(begun)
    # All that plays notes of 128 frames; coarser outputs are not exported and never used again.
    is_last = {name for name in found if name.startswith(("g_", "e_"))} - {
        f"{part}{stage}" for part in ("g_out", "g_curve", "e_in") for stage in range(4)
    }
    assert len(is_last) > 20
    for name in is_last:
        for value, expected in zip(found[name], exported[name], strict=True):
            np.testing.assert_array_equal(value, expected)


def test_what_the_model_never_heard_stays_held_out(finished, tuned, model):
    from retimbre.train.export.beginning import Beginning

    held_out = json.loads((finished[0] / "split.json").read_text())["held_out"]
    assert held_out
    assert [list(key) for key in Beginning(model, TUNED).held_out] == held_out
    split = json.loads((tuned[0] / "split.json").read_text())
    # Beside it the one that the run's own settings ask for.
    assert all(key in split["held_out"] for key in held_out)
    assert len(split["held_out"]) == len(held_out) + TUNED.n_held_out


def test_the_averages_begin_there_too(tuned):
    makers, _, averages = tuned[1][0]
    assert are_same(makers, averages)


def test_only_the_discriminator_learns_at_first(tuned):
    (first, judge, _), *_ = states = tuned[1]
    assert len(states) == 5
    for makers, later, averages in states[1:3]:
        assert are_same(makers, first)
        assert are_same(averages, first)
        assert not are_same(later, judge)
    assert not are_same(states[3][0], first)
    assert not are_same(states[3][2], first)


def test_it_goes_on_exactly(model, notes, tuned, tmp_path, eagerly):
    from retimbre.train.export.beginning import Beginning
    from retimbre.train.run.loop import train

    beginning = Beginning(model, TUNED)
    half = replace(beginning.config, total_notes=8)
    train(tmp_path, notes, half, beginning=beginning)
    # The model is not needed any more.
    resumed = train(tmp_path, notes, replace(half, total_notes=32), resume=True)
    assert are_same(state_of(resumed), tuned[2])


def test_a_run_that_lost_its_beginning_does_not_go_on_from_nothing(tuned, notes, tmp_path):
    from retimbre.train.config import TrainConfig
    from retimbre.train.run.loop import train

    run = shutil.copytree(tuned[0], tmp_path / "run")
    shutil.rmtree(run / "checkpoints")
    config = TrainConfig.load(run / "config.json")
    with pytest.raises(ParameterError, match="start again with --from"):
        train(run, notes, config, resume=True)


def test_it_is_exported_at_any_moment_and_says_what_it_was_begun_from(
    model, notes, notes_folder, tmp_path, eagerly
):
    from retimbre.train.export.beginning import Beginning
    from retimbre.train.export.harmonic import export_run
    from retimbre.train.run.loop import train

    beginning = Beginning(model, TUNED)
    config = replace(beginning.config, total_notes=8)
    train(tmp_path / "run", notes, config, dataset_folder=notes_folder, beginning=beginning)
    out = tmp_path / "model"
    assert export_run(tmp_path / "run", notes, out) < 1e-4
    told, checksum = (json.loads((f / "config.json").read_text()) for f in (out, model))
    begun = f"tiny (generator {checksum['generator_sha256'][:12]}; 3 instruments from font, licence"
    assert told["begun_from"].startswith(begun)
    card = (out / "MODEL_CARD.md").read_text()
    assert f"| begun from | {told['begun_from']} |" in card
    assert "the first 16 for the discriminator alone" in card
    again = Beginning(out, TUNED)
    assert f"itself begun from {begun}" in again.config.begun_from
    told = CliRunner().invoke(
        command, ["export", str(tmp_path / "run"), "-o", str(tmp_path / "again")]
    )
    assert "The generator has learned nothing yet: for 16 notes only" in told.stderr
    assert "stopped at 8; continue with --resume." in told.stderr
    # The generator did not learn yet: only the names in its palette may differ.
    weights, before = again.load(), beginning.load()
    for name, (kernel, _) in before.items():
        np.testing.assert_array_equal(weights[name][0], kernel)


def test_all_resolutions_are_there_from_the_first_note_on(model):
    from retimbre.train.export.beginning import Beginning

    config = Beginning(model, TUNED).config
    assert (config.n_grown, config.moment(0).stage, config.moment(0).alpha) == (0, 4, 1.0)


@pytest.mark.parametrize(
    ("settings", "changes", "error", "match"),
    [
        ({"representation": "mel", "sample_rate": 16000}, {}, ParameterError, "GANSynth's"),
        ({"encoder": None}, {}, ParameterError, "no encoder"),
        ({}, {"latent_dim": 32}, ParameterError, '"latent_dim" to 16 in a file'),
        ({}, {"pitch_range": (24, 84)}, ParameterError, r'"pitch_range" to \[21, 108\]'),
        ({}, {"channels": (8, 8, 8, 8, 8)}, ParameterError, r'"channels" to \[8, 8, 8, 6, 6\]'),
        ({}, {"equalised": True}, ParameterError, "equalised"),
        ({"generator_sha256": "0" * 64}, {}, ModelFormatError, "damaged"),
        ({"format_version": 1}, {}, ModelFormatError, "format 1"),
    ],
)
def test_what_cannot_be_begun_from_is_refused(model, tmp_path, settings, changes, error, match):
    from retimbre.train.export.beginning import Beginning

    folder = altered(model, tmp_path / "other", **settings)
    with pytest.raises(error, match=match):
        Beginning(folder, replace(TUNED, **changes)).load()


def test_a_mel_run_begins_from_no_model(model):
    from retimbre.train.export.beginning import Beginning

    with pytest.raises(ParameterError, match="Only harmonic runs"):
        Beginning(model, TINY_MEL)


def rewrite(model: Path, change) -> None:
    """Change the generator of a model, its checksum too."""
    graph = onnx.load(model / "generator.onnx")
    change(graph.graph)
    (model / "generator.onnx").write_bytes(graph.SerializeToString())
    config = json.loads((model / "config.json").read_text())
    config["generator_sha256"] = hashlib.sha256((model / "generator.onnx").read_bytes()).hexdigest()
    (model / "config.json").write_text(json.dumps(config))


def test_networks_that_compute_something_else_are_refused(model, tmp_path):
    from retimbre.train.export.beginning import Beginning

    def shift(graph):
        # The gain of the one-hot pitch is no weight.
        (node,) = [node for node in graph.node if node.op_type == "OneHot"]
        (values,) = [value for value in graph.initializer if value.name == node.input[2]]
        values.CopyFrom(numpy_helper.from_array(np.array([0.0, 4.5], np.float32), values.name))

    folder = altered(model, tmp_path / "other")
    rewrite(folder, shift)
    with pytest.raises(ModelFormatError, match=r"differ from Keras by \d"):
        Beginning(folder, TUNED).load()


def test_networks_of_another_make_are_refused(model, tmp_path):
    from retimbre.train.export.beginning import Beginning

    def swap(graph):
        next(node for node in graph.node if node.op_type == "Sigmoid").op_type = "Tanh"

    folder = altered(model, tmp_path / "other")
    rewrite(folder, swap)
    with pytest.raises(ModelFormatError, match="not a network that this version exports"):
        Beginning(folder, TUNED).load()


def invoke(*args):
    return CliRunner().invoke(command, ["train", *map(str, args)], prog_name="retimbre")


def test_the_command_begins_from_a_model(model, notes_folder, tmp_path, eagerly):
    from retimbre.train.config import TrainConfig

    settings = {"channels": TINY.channels, "latent_dim": 16, "batch_size": 8}
    (tmp_path / "mine.json").write_text(json.dumps(settings))
    run = tmp_path / "run"
    options = ("--from", model, "--config", tmp_path / "mine.json", "--precision", "float32")
    result = invoke(notes_folder, run, *options, "--sheet-notes", 0, "--minutes", 0)
    assert result.exit_code == 0, result.stderr
    assert "Begun from tiny (generator " in result.stderr
    assert "Training in float32" in result.stderr
    config = TrainConfig.load(run / "config.json")
    expected = replace(CONFIGS["fine_tune"], channels=TINY.channels, latent_dim=16, batch_size=8)
    found = replace(config, begun_from="", mixed_precision=None)
    assert found == replace(expected, sheet_notes=0)
    assert config.begun_from.startswith("tiny (")
    result = invoke(notes_folder, run, "--resume", "--from", model)
    assert (result.exit_code, "leave out --from" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "no-such"), "no-such"),
        (("--from", "default", "--config", "mel_prog_hires"), "know nothing yet"),
        (("--from", "default", "--config", "harmonic_short"), "--config fine_tune, or a file"),
        (("--config", "fine_tune"), "add --from"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    notes_folder, tmp_path, options, message
):
    result = invoke(notes_folder, tmp_path / "run", *options)
    assert (result.exit_code, message in result.stderr) == (1, True)
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_the_settings_of_a_begun_run_begin_another_from_nothing(tuned, tmp_path):
    settings = str(tuned[0] / "config.json")
    config = choose_settings(tmp_path, config_name=settings, resume=False)
    assert config.begun_from == ""
