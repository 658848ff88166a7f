"""Training in GANSynth's representation: from sounds to a run that can be resumed."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import soxr
from tiny_runs import TINY, TINY_MEL, state_of
from tiny_soundfont import SAW, STRUCK, TinyPlayer, write_soundfont

from retimbre.errors import ModelFormatError, ParameterError
from retimbre.gansynth import specgram as melspec
from retimbre.train.data import build as rendering
from retimbre.train.data import fluid, measures, shards
from retimbre.train.data.batches import average_pool
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.duplicates import find_duplicates
from retimbre.train.data.families import split_families

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PITCHES = range(70, 76)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two presets as mel specgrams."""
    home = tmp_path_factory.mktemp("mel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fluid, "FluidSynth", TinyPlayer)
        font = write_soundfont(home / "tiny.sf2", [SAW, STRUCK])
        built = rendering.build(
            home / "notes",
            [font],
            pitches=PITCHES,
            velocities=(80,),
            representation="mel",
            workers=1,
        )
    assert (built.n_notes, built.n_instruments, built.duplicates) == (12, 2, [])
    return home / "notes"


@pytest.fixture(scope="module")
def notes(folder):
    return Dataset(folder)


def test_a_dataset_says_what_its_notes_are(folder, notes):
    assert json.loads((folder / "dataset.json").read_text())["representation"] == "mel"
    assert notes.representation == "mel"
    features, labels = shards.read_shards(folder)[0]
    assert features.shape == (len(labels), 128, 1024, 2)
    assert features.dtype == np.float16
    assert notes.rows(np.array([0, 5])).shape == (2, 128, 1024, 2)
    with pytest.raises(ParameterError, match=r"other settings \(representation mel, now none"):
        rendering.build(folder, [], recordings=[], pitches=PITCHES, velocities=(80,))


def test_a_note_is_its_specgram_at_full_level():
    t = np.arange(4 * 44100) / 44100
    y = (0.02 * np.exp(-t) * sum(np.sin(2 * np.pi * k * 440.0 * t) for k in (1, 2, 3))).astype("f4")
    found = measures.take_mel(y, 69)
    wave = soxr.resample(y, 44100, 16000)
    wave = wave / np.abs(wave).max()
    expected = melspec.normalize(melspec.waves_to_specgrams(wave[None, :64000]))[0]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert measures.take_mel(0.0 * y, 69) == "silent"
    assert measures.take_mel(y, 70) == "not at their pitch"


def test_short_notes_are_followed_by_silence():
    t = np.arange(44100) / 44100
    found = measures.take_mel(0.5 * np.sin(2 * np.pi * 440.0 * t).astype("f4"), 69, 0.9)
    level = melspec.denormalize(found[None].astype(np.float32))[0, :, :, 0].max(axis=1)
    assert level[10] > 0.0
    assert level[60:].max() == pytest.approx(np.log(1e-6), abs=0.1)


def test_levels_tell_notes_apart_in_either_kind(notes):
    levels = measures.thin_levels(notes.rows(np.arange(4)), slice(4, None, 16))
    assert levels.shape == (4, 8 * 128)
    assert levels.max(axis=1) == pytest.approx(0.0, abs=1e-4)
    assert levels.min() == measures.SILENT_DB


def test_copies_are_found(folder):
    features, labels = zip(*shards.read_shards(folder), strict=True)
    doubled = [
        (np.concatenate([f, f]), [*ls, *(replace(label, name=f"{label.name} 2") for label in ls)])
        for f, ls in zip(features, labels, strict=True)
    ]
    found = {d.dropped.name: d.copy_of.name for d in find_duplicates(doubled)}
    assert {frozenset(pair) for pair in found.items()} == {
        frozenset((name, f"{name} 2")) for name in (SAW.name, STRUCK.name)
    }


def test_nothing_is_held_out_where_nothing_shall_be(notes):
    assert split_families(notes, 0, 0) == ([0, 1], [])


def test_notes_are_drawn_from_the_pitches_of_the_run(notes):
    rng = np.random.default_rng(0)
    rows = notes.draw_notes([0, 1], 200, (71, 73), rng)
    assert set(notes.pitches[rows].tolist()) == {71, 72, 73}
    assert len(set(rows.tolist())) == 6
    only = notes.draw_notes([1], 50, (24, 84), rng)
    assert {notes.labels[row].instrument for row in only} == {notes.instruments[1]}
    with pytest.raises(ModelFormatError, match=r"no notes within MIDI 24\.\.30"):
        notes.draw_notes([0, 1], 4, (24, 30), rng)


def test_images_are_averaged_along_both_axes():
    images = np.random.default_rng(0).random((2, 128, 1024, 2)).astype(np.float32)
    small = average_pool(images, (2, 16))
    assert small.shape == (2, 2, 16, 2)
    np.testing.assert_allclose(small[1, 1, 3], images[1, 64:, 192:256].mean((0, 1)), rtol=1e-5)
    np.testing.assert_array_equal(average_pool(images, (128, 1024)), images)


def test_a_run_goes_on_exactly_and_draws_sheets(notes, folder, tmp_path, eagerly):
    from retimbre.train.run.loop import train

    # Two of the seven resolutions: the others take minutes.
    starts = (0, 8, *[1000] * 5)
    config = replace(TINY_MEL, total_notes=20, stage_starts=starts, n_held_out=0, sheet_notes=16)
    whole = train(tmp_path / "whole", notes, config, dataset_folder=folder)
    train(tmp_path / "parts", notes, replace(config, total_notes=8))
    parts = train(tmp_path / "parts", notes, config, resume=True)
    for a, b in zip(state_of(whole), state_of(parts), strict=True):
        np.testing.assert_array_equal(a, b)
    sheets = sorted(path.name for path in (tmp_path / "whole" / "sheets").iterdir())
    assert sheets == ["00000016.png", "00000016.wav", "00000020.png", "00000020.wav"]
    y, sr = soundfile.read(tmp_path / "whole" / "sheets" / "00000020.wav")
    assert sr == 16000
    assert len(y) == 24 * 19200
    assert 0.01 < np.abs(y).max() <= 0.51
    last = json.loads((tmp_path / "whole" / "stats.jsonl").read_text().splitlines()[-1])
    assert all(np.isfinite(value) for value in last.values())


def test_the_other_kind_of_settings_is_refused(notes, tmp_path):
    from retimbre.train.run.loop import train

    with pytest.raises(
        ParameterError, match="contains mel note images, but the settings are for harm"
    ):
        train(tmp_path / "run", notes, TINY)


@pytest.fixture(scope="module")
def trainer():
    """A network of full images and few channels, with weights that are none of the first ones."""
    from retimbre.train.run.trainer import Trainer

    made = Trainer(replace(TINY_MEL, n_held_out=0, pitch_range=(36, 84)))
    rng = np.random.default_rng(0)
    for variable in made.networks.generator_variables:
        variable.assign(variable + 0.3 * rng.standard_normal(variable.shape))
    made.n_seen.assign(64)
    return made


def test_a_run_becomes_a_model_that_plays(trainer, notes, tmp_path):
    from retimbre.generator import load_generator
    from retimbre.train.export.mel import export_mel_run
    from retimbre.train.run.player import Player

    folder = tmp_path / "model"
    (tmp_path / "run").mkdir()
    assert export_mel_run(tmp_path / "run", notes, trainer, folder) < 1e-2
    generator = load_generator(folder)
    assert (generator.latent_dim, generator.pitch_range) == (16, (36, 84))
    z, pitches = np.random.default_rng(1).standard_normal((2, 16)), np.array([36, 71])
    made = generator.generate_specgrams(z, pitches, 40)
    player = Player(trainer, trainer.config.moment(64))
    wanted = player.generate(z, pitches, np.ones(2))[:, :40]
    assert np.sqrt(np.mean(np.square(made - wanted))) < 1e-5
    assert np.ptp(wanted) > 0.1
    card = (folder / "MODEL_CARD.md").read_text()
    assert "GANSynth's mel spectrograms" in card
    assert "64 notes" in card
    assert "encoded sound" not in card
