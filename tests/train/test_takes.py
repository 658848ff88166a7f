"""Takes that are in a dataset twice are found through gain, cut, codec and loop."""

import numpy as np
import pytest
import soundfile
from tiny_soundfont import TinyPlayer, Tone, write_soundfont

from retimbre.train.data import build as rendering
from retimbre.train.data import fluid
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.families import split_families
from retimbre.units import midi_to_hz

SR = 44100
PITCHES = range(60, 66)


def take(pitch, seed, seconds=2.0):
    """A bowed note: each partial wavers by itself, never twice alike."""
    rng = np.random.default_rng([seed, pitch])
    t = np.arange(round(seconds * SR)) / SR
    f0 = float(midi_to_hz(pitch))
    y = np.zeros(len(t))
    for k in range(1, 16):
        waver = (
            np.interp(t, np.arange(0, 3, 0.06), rng.normal(0, 3, 50))
            + rng.normal(0, 4)
            - 6 * np.log2(k)
        )
        y += 10 ** (waver / 20) * np.sin(2 * np.pi * k * f0 * t + rng.uniform(0, 6))
    return 0.1 * y * np.minimum(t / 0.03, 1)


def write(folder, name, seed, change=lambda y: y, suffix="wav"):
    folder.mkdir(exist_ok=True)
    for pitch in PITCHES:
        soundfile.write(folder / f"{name}_{pitch}.{suffix}", change(take(pitch, seed)), SR)
    return folder


def built(tmp_path, folders, **options):
    options = {"fonts": [], "recordings": folders, "pitches": PITCHES, "workers": 1} | options
    found = rendering.build(tmp_path / "notes", **options)
    return {(d.dropped.name, d.copy_of.name) for d in found.duplicates}


def test_the_same_takes_quieter_cut_and_compressed_are_copies(tmp_path):
    first = write(tmp_path / "a", "cello", 0)
    # Later, shorter, 14 dB quieter, and through a codec.
    second = write(tmp_path / "b", "strings", 0, lambda y: 0.2 * y[600 : SR // 2 * 2], "ogg")
    other = write(tmp_path / "c", "cello_two", 1)
    assert built(tmp_path, [first, second, other]) == {("strings", "cello")}


def test_steady_tones_of_like_spectra_are_no_takes(tmp_path):
    t = np.arange(2 * SR) / SR

    def organ(slope):
        pitches = iter(PITCHES)

        def pipe(_):
            f0 = float(midi_to_hz(next(pitches)))
            return 0.1 * sum(np.sin(2 * np.pi * k * f0 * t) / k**slope for k in range(1, 12))

        return pipe

    first = write(tmp_path / "a", "principal", 0, organ(1.0))
    assert built(tmp_path, [first, write(tmp_path / "b", "octave", 0, organ(1.2))]) == set()


def test_one_partial_that_falls_evenly_is_no_take(tmp_path):
    t = np.arange(2 * SR) / SR

    def bell(second):
        pitches = iter(PITCHES)

        def ring(_):
            f0 = float(midi_to_hz(next(pitches)))
            rings = np.sin(2 * np.pi * f0 * t) + 0.3 * np.sin(2 * np.pi * second * f0 * t)
            return 0.2 * np.exp(-2 * t) * rings

        return ring

    first = write(tmp_path / "a", "bell", 0, bell(3))
    assert built(tmp_path, [first, write(tmp_path / "b", "glass", 0, bell(5))]) == set()


def test_a_preset_made_of_recordings_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(fluid, "FluidSynth", TinyPlayer)
    # One sample, at middle C; the keys beside it are played from it.
    font = write_soundfont(tmp_path / "f.sf2", [Tone("Bow", 0, 42, 0.7 * take(60, 0, 4), False)])
    folder = tmp_path / "a"
    folder.mkdir()
    for pitch in PITCHES:
        y = take(60, 0, 4)
        places = np.arange(0, len(y) - 1, 2 ** ((pitch - 60) / 12))
        # Every second key is a take of its own.
        y = np.interp(places, np.arange(len(y)), y) if pitch % 2 == 0 else take(pitch, 7)
        soundfile.write(folder / f"cello_{pitch}.wav", 0.4 * y[: 2 * SR], SR)
    found = built(tmp_path, [folder], fonts=[font], velocities=(40, 120))
    assert found == {("cello", "Bow")}


def test_copies_of_what_is_held_out_are_dropped_and_it_is_held_out(tmp_path):
    many = write(tmp_path / "a", "strings", 0)
    soundfile.write(many / "strings_60_30.wav", take(60, 3), SR)
    folders = [many, write(tmp_path / "b", "cello", 0), write(tmp_path / "c", "viola", 2)]
    assert built(tmp_path, folders, held_out=["Cello"]) == {("strings", "cello")}
    notes = Dataset(tmp_path / "notes")
    trained, held_out = split_families(notes, 0, 0)
    assert [notes.instruments[i].name for i in trained] == ["viola"]
    assert [notes.instruments[i].name for i in held_out] == ["cello"]


@pytest.mark.parametrize("name", ["c", "VIOLA"])
def test_a_folder_or_an_instrument_is_held_out(tmp_path, name):
    folders = [write(tmp_path / "b", "cello", 0), write(tmp_path / "c", "viola", 2)]
    built(tmp_path, folders, held_out=[name])
    notes = Dataset(tmp_path / "notes")
    assert [notes.instruments[i].name for i in notes.held_out] == ["viola"]
