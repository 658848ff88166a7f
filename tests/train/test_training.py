"""The networks learn, and what is exported is what was learned (tiny networks throughout)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from test_dataset import write_dataset

from retimbre.cli.command import command
from retimbre.errors import ModelNotFoundError, ParameterError
from retimbre.generator import Generator
from retimbre.images.harmonic import FEATURE_FILL, feature_mask
from retimbre.train.config import TrainConfig

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TINY = TrainConfig(
    total_notes=32,
    batch_size=8,
    channels=(8, 8, 8, 6, 6),
    latent_dim=16,
    # From 8 frames straight to 128, faded in: every kind of moment in four steps.
    stage_ends=(0.4, 0.4, 0.4, 0.4, 1.0),
    warmup_notes=8,
    mixed_precision=False,
    n_held_out=1,
)
PARITY = 1e-4


@pytest.fixture(scope="module")
def eagerly() -> Iterator[None]:
    """Run steps op by op: tracing one takes as long as ten of them."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory):
    """Make a little dataset."""
    from retimbre.train.dataset import Dataset

    folder = tmp_path_factory.mktemp("notes")
    write_dataset(folder)
    return Dataset(folder)


@pytest.fixture(scope="module")
def finished(eagerly: None, notes, tmp_path_factory: pytest.TempPathFactory):
    """Train a tiny model from the lowest resolution to the highest: its folder and trainer."""
    from retimbre.train.loop import train

    folder = tmp_path_factory.mktemp("training") / "run"
    return folder, train(folder, notes, TINY)


@pytest.fixture(scope="module")
def run(finished) -> Path:
    return finished[0]


@pytest.fixture(scope="module")
def trainer(run: Path):
    """Open the run as `export` does."""
    from retimbre.train.export import load_run

    return load_run(run)


@pytest.fixture(scope="module")
def model(run: Path, notes) -> Path:
    """Export the tiny model."""
    from retimbre.train.export import export_run

    export_run(run, notes, run.parent / "tiny")
    return run.parent / "tiny"


def test_a_run_ends_with_a_checkpoint_and_settings(run: Path, trainer) -> None:
    assert TrainConfig.load(run / "config.json") == TINY
    assert int(trainer.n_seen) == TINY.total_notes


def test_the_exported_network_equals_keras(trainer, notes, model: Path) -> None:
    from retimbre.train.export import keras_features
    from retimbre.train.prior import encode_palette

    palette = encode_palette(trainer, notes)
    generator = Generator(model)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((20, 16)).astype(np.float32)
    pitches = rng.integers(21, 109, 20)
    z[:3] = palette * 5.0
    expected = keras_features(trainer, palette)(z, pitches)
    np.testing.assert_allclose(generator._run(z, pitches), expected, atol=PARITY)


def test_nothing_sounds_above_nyquist(model: Path) -> None:
    generator = Generator(model)
    pitches = np.array([21, 60, 108])
    features = generator._run(np.ones((3, 16), np.float32), pitches)
    masked = np.broadcast_to(~feature_mask(pitches)[:, None, :], features.shape)
    filled = np.broadcast_to(FEATURE_FILL, features.shape)
    np.testing.assert_array_equal(features[masked], filled[masked])


def test_the_model_folder_says_what_it_is(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    assert config["notes_seen"] == TINY.total_notes
    assert config["pitch_range"] == [21, 108]
    assert Generator(model).latent_dim == 16


def test_a_run_without_checkpoint_is_refused(tmp_path: Path) -> None:
    from retimbre.train.export import load_run

    TINY.save(tmp_path / "config.json")
    with pytest.raises(ModelNotFoundError, match="train it first"):
        load_run(tmp_path)


def test_latents_keep_the_length_of_gaussian_ones() -> None:
    import tensorflow as tf

    from retimbre.train.losses import mix_latent

    rng = np.random.default_rng(0)
    direction = rng.standard_normal((64, 256)).astype(np.float32) * 7.0
    noise = rng.standard_normal((64, 256)).astype(np.float32)
    for signal in (0.0, 0.3, 1.0):
        z = mix_latent(tf.constant(direction), tf.fill((64, 1), signal), tf.constant(noise))
        assert float(tf.reduce_mean(tf.square(z))) == pytest.approx(1.0, abs=0.05)
        unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
        along = np.mean(np.sum(np.asarray(z) * unit, axis=1)) / 16.0
        assert along == pytest.approx(signal, abs=0.03)


def orthogonal_palette() -> np.ndarray:
    return np.eye(40, 64)


def test_a_random_latent_becomes_a_blend_of_a_few_instruments() -> None:
    from retimbre.train.prior import place_latents

    palette = orthogonal_palette()
    z = np.random.default_rng(0).standard_normal((200, 64))
    placed = place_latents(z, palette)
    np.testing.assert_allclose(np.mean(placed**2, axis=1), 1.0)
    cosines = placed @ palette.T / 8.0
    np.testing.assert_array_equal(cosines.argmax(axis=1), (z @ palette.T).argmax(axis=1))
    # All of it lies among the instruments, nearly all on three of them.
    assert np.linalg.norm(cosines, axis=1).min() > 0.99
    three = np.sort(cosines**2, axis=1)[:, -3:].sum(axis=1)
    assert np.median(three) > 0.9


def test_instruments_and_what_lies_between_two_are_kept() -> None:
    from retimbre.latent import slerp
    from retimbre.train.prior import place_latents

    palette = orthogonal_palette()
    z0, z1 = np.repeat(8.0 * palette[:1], 11, axis=0), np.repeat(8.0 * palette[1:2], 11, axis=0)
    path = slerp(z0, z1, np.linspace(0.0, 1.0, 11))
    np.testing.assert_allclose(place_latents(path, palette), path, atol=0.1)


def test_the_length_of_a_latent_does_not_count() -> None:
    from retimbre.train.prior import place_latents

    z = np.random.default_rng(1).standard_normal((5, 64))
    palette = orthogonal_palette()
    np.testing.assert_allclose(place_latents(z, palette), place_latents(3.0 * z, palette))
    assert np.isfinite(place_latents(np.zeros((1, 64)), palette)).all()


class Interrupted(Exception):
    """Stands for whatever ends a run early."""


def test_a_resumed_run_equals_an_uninterrupted_one(
    finished, notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retimbre.train import loop

    def interrupt(line: dict[str, float]) -> None:
        raise Interrupted

    monkeypatch.setattr(loop, "TICK_STEPS", 2)
    with pytest.raises(Interrupted):
        loop.train(tmp_path, notes, TINY, report=interrupt)
    lines: list[dict[str, float]] = []
    resumed = loop.train(tmp_path, notes, TINY, resume=True, report=lines.append)
    # Two of the four steps were left.
    assert [line["n_seen"] for line in lines] == [TINY.total_notes]
    for found, expected in zip(_state(resumed), _state(finished[1]), strict=True):
        np.testing.assert_array_equal(found, expected)


def _state(trainer) -> list[np.ndarray]:
    optimizers = trainer.maker_optimizer.variables + trainer.judge_optimizer.variables
    networks = trainer.maker_variables + trainer.networks.discriminator_variables
    return [np.asarray(v) for v in (*networks, *optimizers, *trainer.averages, trainer.n_seen)]


def test_a_run_is_not_overwritten(finished, notes) -> None:
    from retimbre.train.loop import train

    run = finished[0]
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ParameterError, match="already holds a run; add --resume or name another"):
        train(run, notes, replace(TINY, seed=1))
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_the_command_says_so_in_a_sentence(finished, notes, tmp_path: Path) -> None:
    write_dataset(tmp_path)
    args = ["train", str(tmp_path), str(finished[0]), "--minutes", "0", "--total-notes", "32"]
    result = CliRunner().invoke(command, args, prog_name="retimbre")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {finished[0]} already holds a run; add --resume or name another folder.\n"
    )


# It comes late, for it trains the run's trainer on.
@pytest.mark.parametrize(("stage", "is_traced"), [(0, True), (2, False)])
def test_a_stage_trains_its_own_layers(finished, stage: int, is_traced: bool) -> None:
    import tensorflow as tf

    from retimbre.train.loop import STATS

    trainer = finished[1]
    tf.config.run_functions_eagerly(not is_traced)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (8, 128, 240)).astype(np.float32)
    pitches = rng.integers(21, 109, 8).astype(np.int32)
    variables = trainer.maker_variables + trainer.networks.discriminator_variables
    before = [v.numpy() for v in variables]
    parts = (x, pitches, x, pitches, np.ones(1, np.float32), np.array([0, 1], np.int32))
    step = trainer._make_step(stage, False)
    stats = np.asarray(step(*map(tf.constant, parts), tf.constant(True)))
    tf.config.run_functions_eagerly(True)
    assert stats.shape == (len(STATS),)
    assert np.isfinite(stats).all()
    changed = " ".join(
        v.path for v, old in zip(variables, before, strict=True) if (v.numpy() != old).any()
    )
    for layer in (f"g_conv{stage}a", f"g_out{stage}", f"d_in{stage}", f"e_in{stage}", "e_out"):
        assert layer in changed
    for layer in (f"g_conv{stage + 1}a", f"d_in{stage + 1}", f"e_in{stage + 1}"):
        assert layer not in changed
