"""What is exported is what was learned (a tiny run throughout)."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_runs import TINY

from retimbre.cli.command import command
from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.generator.folder import read_config
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.harmonic.image import FEATURE_FILL, feature_mask
from retimbre.io.networks import load_onnxruntime
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.export.card import tell_decay
from retimbre.train.export.palette import describe_sound, unique_names
from retimbre.train.networks.prior import place_latents, unit_rows

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PARITY = 1e-4


@pytest.fixture(scope="module")
def trainer(finished):
    """Open the run as `export` does."""
    from retimbre.train.export.harmonic import load_run

    return load_run(finished[0])


@pytest.fixture(scope="module")
def model(finished, notes) -> Path:
    from retimbre.train.export.harmonic import export_run

    folder = finished[0].parent / "tiny"
    export_run(finished[0], notes, folder)
    return folder


def palette_of(model: Path) -> np.ndarray:
    entries = json.loads((model / "palette.json").read_text())["instruments"]
    return np.array([entry["z"] for entry in entries], np.float32)


def sessions(model: Path):
    onnxruntime = load_onnxruntime()

    return [
        onnxruntime.InferenceSession(model / name, providers=["CPUExecutionProvider"])
        for name in ("generator.onnx", "encoder.onnx")
    ]


def test_the_exported_generator_equals_keras(trainer, model: Path) -> None:
    from retimbre.train.run.player import WholePlayer

    palette = unit_rows(palette_of(model))
    rng = np.random.default_rng(1)
    z = rng.standard_normal((20, 16)).astype(np.float32)
    z[:3] = palette * 5.0
    pitches, velocities = rng.integers(21, 109, 20), rng.random(20).astype(np.float32)
    inputs = {"z": z, "pitch": pitches - 21, "velocity": velocities}
    features = sessions(model)[0].run(None, inputs)[0]
    expected = WholePlayer(trainer).generate(place_latents(z, palette), pitches, velocities)
    np.testing.assert_allclose(features, expected, atol=PARITY)
    # What is compared must depend on everything that goes in.
    for name in inputs:
        changed = {**inputs, name: np.roll(inputs[name], 1, axis=0)}
        assert np.abs(sessions(model)[0].run(None, changed)[0] - features).max() > 1e-3


def test_the_exported_encoder_equals_keras(trainer, notes, model: Path) -> None:
    from retimbre.train.run.player import WholePlayer

    some = notes.notes(np.arange(0, 32, 3))
    inputs = {"features": some.features, "pitch": some.pitches.astype(np.int64) - 21}
    z = sessions(model)[1].run(None, inputs)[0]
    expected = WholePlayer(trainer).encode(some.features, some.pitches)
    np.testing.assert_allclose(z, expected, atol=PARITY)
    np.testing.assert_allclose(np.mean(z**2, axis=1), 1.0, rtol=1e-4)


def test_nothing_sounds_above_nyquist(model: Path) -> None:
    pitches = np.array([21, 60, 108])
    inputs = {
        "z": np.ones((3, 16), np.float32),
        "pitch": pitches - 21,
        "velocity": np.full(3, 0.7, np.float32),
    }
    features = sessions(model)[0].run(None, inputs)[0]
    masked = np.broadcast_to(~feature_mask(pitches)[:, None, :], features.shape)
    filled = np.broadcast_to(FEATURE_FILL, features.shape)
    np.testing.assert_array_equal(features[masked], filled[masked])


def test_the_main_job_opens_the_model(finished, model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    assert config["notes_seen"] == TINY.total_notes
    generator = HarmonicGenerator(read_config(model))
    assert (generator.latent_dim, generator.pitch_range) == (16, (21, 108))
    split = json.loads((finished[0] / "split.json").read_text())
    assert sorted(generator.instruments) == sorted(key[3] for key in split["trained"])
    waves = generator.generate_samples_from_z(
        np.stack([generator.instruments[name] for name in generator.instruments]),
        np.array([60, 64, 67]),
    )
    assert waves.shape == (3, 4 * 44100)
    assert np.isfinite(waves).all()


def test_the_card_says_what_the_model_was_made_of(finished, model: Path) -> None:
    card = (model / "MODEL_CARD.md").read_text()
    split = json.loads((finished[0] / "split.json").read_text())
    assert split["held_out"][0][3] in card
    assert f"{TINY.total_notes:,} notes in batches of {TINY.batch_size}" in card
    assert "24 notes of 3 instruments (velocities 40, 60, 80) from font (licence unknown" in card


def test_the_card_says_which_keys_were_heard(finished, notes, model: Path) -> None:
    from retimbre.train.export.card import card_text

    heard = "MIDI 21..108 (in training: MIDI 60..67), 16 latent"
    assert heard in (model / "MODEL_CARD.md").read_text()
    # Of the keys of a run that knows fewer only those are.
    few = replace(TINY, pitch_range=(62, 90))
    card = card_text(model, finished[0], notes, [0, 1], [], few, 32)
    assert "MIDI 62..90 (in training: MIDI 62..67), 16 latent" in card
    assert "12 notes of 2 instruments" in card


@pytest.fixture(scope="module")
def other(finished, notes, notes_folder, tmp_path_factory) -> Path:
    """The run gone on for a step."""
    import tensorflow as tf

    from retimbre.train.run.loop import train

    folder = tmp_path_factory.mktemp("copies") / "other"
    shutil.copytree(finished[0], folder)
    longer = replace(TINY, total_notes=TINY.total_notes + TINY.batch_size)
    tf.config.run_functions_eagerly(True)
    train(folder, notes, longer, dataset_folder=notes_folder, resume=True)
    tf.config.run_functions_eagerly(False)
    return folder


def test_the_mean_of_a_run_and_its_copies_is_exported(
    finished, other, notes, tmp_path: Path
) -> None:
    from retimbre.train.export.harmonic import export_run, load_average, load_run

    first, last = (load_run(run).maker_variables for run in (finished[0], other))
    mean, seen = load_average(other, [finished[0]])
    assert seen == [TINY.total_notes]
    moved = [not np.array_equal(a.numpy(), b.numpy()) for a, b in zip(first, last, strict=True)]
    assert any(moved)
    for got, a, b in zip(mean.maker_variables, first, last, strict=True):
        np.testing.assert_allclose(got.numpy(), 0.5 * (a.numpy() + b.numpy()), atol=1e-6)
    assert export_run(other, notes, tmp_path / "m", [finished[0]]) < PARITY
    card = (tmp_path / "m" / "MODEL_CARD.md").read_text()
    assert f"the mean of the networks then and after {TINY.total_notes:,} notes" in card


def test_other_networks_are_no_copies(finished, tmp_path: Path, monkeypatch) -> None:
    from retimbre.train.export import harmonic as export

    fewer = export.load_run(finished[0])
    fewer.maker_variables.pop()
    runs = iter([export.load_run(finished[0]), fewer])
    monkeypatch.setattr(export, "load_run", lambda run: next(runs))
    with pytest.raises(ParameterError, match="its networks have other sizes"):
        export.load_average(finished[0], [tmp_path])


def test_the_card_claims_no_decay_that_has_not_been() -> None:
    config = replace(TINY, total_notes=100, decay_notes=40)
    assert tell_decay(config, 80) == "not lowered yet (100 notes are planned), "
    assert tell_decay(config, 100) == "lowered over the last 40 notes, "
    assert tell_decay(replace(config, decay_notes=0), 100) == ""


def test_what_was_added_to_a_card_outlives_another_export(finished, notes, tmp_path: Path) -> None:
    from retimbre.train.export.harmonic import export_run

    export_run(finished[0], notes, tmp_path / "m")
    card = tmp_path / "m" / "MODEL_CARD.md"
    first = card.read_text()
    own = "\n## Training history\n\nby hand\n\n## Figures\n\nmeasured\n"
    card.write_text(first.replace("# m", "# old") + own)
    export_run(finished[0], notes, tmp_path / "m")
    assert card.read_text() == first + own


def test_networks_that_differ_are_not_written(
    finished, notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retimbre.train.export import harmonic as export

    monkeypatch.setattr(export, "place_latents", lambda z, palette: 0.5 * z)
    with pytest.raises(ModelFormatError, match="differ from Keras"):
        export.export_run(finished[0], notes, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_run_without_checkpoint_is_refused(tmp_path: Path) -> None:
    from retimbre.train.export.harmonic import load_run

    TINY.save(tmp_path / "config.json")
    with pytest.raises(ModelNotFoundError, match="train it first"):
        load_run(tmp_path)


def test_the_command_finds_the_notes_of_the_run(finished, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["export", str(finished[0]), "-o", str(tmp_path / "m")])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'm'}\n"
    assert HarmonicGenerator(read_config(tmp_path / "m")).latent_dim == 16


def test_the_command_wants_the_notes_where_the_run_does_not_say(tmp_path: Path) -> None:
    TINY.save(tmp_path / "config.json")
    (tmp_path / "split.json").touch()
    result = CliRunner().invoke(command, ["export", str(tmp_path)])
    assert result.exit_code == 1
    assert "the dataset with --dataset" in result.stderr


def test_latents_near_the_palette_are_kept_and_others_become_blends() -> None:
    rng = np.random.default_rng(0)
    palette = unit_rows(rng.standard_normal((200, 256)))
    middle = palette[0] + palette[1]
    kept = place_latents(np.stack([palette[0], 3.0 * middle]), palette)
    np.testing.assert_allclose(
        unit_rows(kept), unit_rows(np.stack([palette[0], middle])), atol=0.02
    )
    z = rng.standard_normal((100, 256))
    placed = place_latents(z, palette)
    np.testing.assert_allclose(np.mean(placed**2, axis=1), 1.0)
    before, after = (np.max(unit_rows(rows) @ palette.T, axis=1) for rows in (z, placed))
    assert before.max() < 0.35
    assert np.median(after) > 0.7


def test_names_are_unique_and_as_short_as_may_be() -> None:
    keys = [
        InstrumentKey("Fluid_GM.sf2", 0, 73, "Flute"),
        InstrumentKey("Other.sf3", 0, 73, "Flute "),
        InstrumentKey("Other.sf3", 8, 73, "flute"),
        InstrumentKey("Other.sf3", 0, 1, "Piano"),
    ]
    names = unique_names(keys)
    assert names == ["Flute", "Flute (Other)", "flute (Other 8:73)", "Piano"]


def plain_image(fall: float, noise_db: float = -110.0) -> np.ndarray:
    from retimbre.harmonic.image import FRAME_TIMES

    image = np.zeros((128, 96, 4), np.float32)
    image[..., 0] = -90.0
    image[:, 0, 0] = -3.0 - fall * FRAME_TIMES
    image[:, 2, 0] = -3.0 - fall * FRAME_TIMES
    image[..., 2] = noise_db
    return image


def test_descriptors_of_known_sounds() -> None:
    falling = describe_sound(plain_image(20.0), 69)
    assert falling["decay"] == pytest.approx(20.0, abs=0.2)
    assert falling["attack"] == 0.0
    # Partials 1 and 3 alike: the centroid is at the second.
    assert falling["brightness"] == pytest.approx(880.0, rel=0.01)
    steady = describe_sound(plain_image(0.0), 69)
    assert steady["decay"] == 0.0
    swelling = plain_image(0.0)
    swelling[:20, :, 0] = -60.0
    assert describe_sound(swelling, 69)["attack"] == pytest.approx(0.1, abs=0.006)
    # White noise of variance 0.01 a sample, all of whose band is heard, against power 0.5.
    noisy = describe_sound(plain_image(0.0, -20.0), 69)
    assert noisy["noisiness"] == pytest.approx(10 * np.log10(0.01 / 0.5), abs=0.5)


def test_a_run_that_has_not_grown_up_is_no_model(finished, notes, tmp_path: Path) -> None:
    from retimbre.train.export.harmonic import export_run

    run = shutil.copytree(finished[0], tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["stage_starts"] = [0, 16, 16, 16, 30]
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFormatError, match="has seen 32 notes"):
        export_run(run, notes, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_is_exported_are_the_averages(finished) -> None:
    """The state of a run is its weights, then the optimisers', then the averages."""
    from retimbre.train.export.harmonic import load_run

    trainer = load_run(finished[0])
    state = finished[1]
    n = len(trainer.maker_variables)
    averages = state[-1 - n : -1]
    different = 0
    for variable, average, weight in zip(trainer.maker_variables, averages, state, strict=False):
        np.testing.assert_array_equal(np.asarray(variable), average)
        different += not np.array_equal(average, weight)
    assert different > n // 2
