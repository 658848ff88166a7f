"""Building datasets: what is in them, going on after a stop, what is refused."""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_soundfont import SAW, STRUCK, TinyPlayer, Tone, write_soundfont

from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.harmonic import image as harmonic
from retimbre.train.data import build as rendering
from retimbre.train.data import fluid, shards
from retimbre.train.data.duplicates import Duplicate
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.data.measure import analyze_note
from retimbre.units import midi_to_hz

PITCHES = range(72, 76)
OCTAVE_UP = Tone("Octave up", 0, 5, 0.3 * np.sin(4 * np.pi * np.arange(1680) / 168), True)
SILENT = Tone("Silent", 0, 6, np.zeros(1680), True)


@pytest.fixture
def font(tmp_path, monkeypatch):
    """Two instruments that can be used and two that cannot, played without FluidSynth."""
    monkeypatch.setattr(fluid, "FluidSynth", TinyPlayer)
    return write_soundfont(tmp_path / "tiny.sf2", [SAW, STRUCK, OCTAVE_UP, SILENT])


def tone(pitch, seconds=1.0, sr=44100):
    t = np.arange(round(seconds * sr)) / sr
    return 0.2 * sum(np.sin(2 * np.pi * k * float(midi_to_hz(pitch)) * t) / k for k in (1, 2, 3))


@pytest.fixture
def recordings(tmp_path):
    """A folder of two instruments, some of whose files cannot be used."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for pitch in PITCHES:
        soundfile.write(folder / f"reed_{pitch}.wav", tone(pitch), 44100)
        soundfile.write(folder / f"phone_{pitch}_100.wav", tone(pitch, sr=16000), 16000)
    soundfile.write(folder / "wrong_72.wav", tone(73), 44100)
    soundfile.write(folder / "hum.wav", tone(72), 44100)
    soundfile.write(folder / "low_30.wav", tone(30), 44100)
    (folder / "torn_73.wav").write_bytes(b"RIFF")
    return folder


def contents(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def labels_of(folder):
    return [label for _, labels in shards.read_shards(folder) for label in labels]


def test_presets_become_notes(tmp_path, font):
    folder = tmp_path / "notes"
    seen = []
    built = rendering.build(
        folder,
        [font],
        pitches=PITCHES,
        velocities=(40, 100),
        licence="CC0",
        workers=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, 4) for done in range(5)]
    found = {(n.name, n.bank, n.program, n.pitch, n.velocity) for n in labels_of(folder)}
    assert found == {
        (tone.name, tone.bank, tone.program, pitch, velocity)
        for tone in (SAW, STRUCK)
        for pitch in PITCHES
        for velocity in (40, 100)
    }
    assert {(n.source, n.licence, n.sample_rate) for n in labels_of(folder)} == {
        ("tiny.sf2", "CC0", 44100)
    }
    assert (built.n_notes, built.n_instruments, built.n_narrow) == (16, 2, 0)
    assert built.left_out == {"silent": 8, "not at their pitch": 8}
    assert {(n.name, n.reason) for n in shards.read_left_out(folder)} == {
        ("Silent", "silent"),
        ("Octave up", "not at their pitch"),
    }
    assert built.duplicates == []


def test_features_are_those_of_the_note_that_the_label_names(tmp_path, font):
    rendering.build(tmp_path / "notes", [font], pitches=PITCHES, velocities=(80,), workers=1)
    player = TinyPlayer(font)
    for features, labels in shards.read_shards(tmp_path / "notes"):
        for row, label in zip(features, labels, strict=True):
            y = player.play(label.bank, label.program, label.pitch, 80, 3 * 44100, 44100)
            image = analyze_note(y.mean(axis=1), label.pitch)
            expected = harmonic.image_to_features(image).astype(np.float16)
            np.testing.assert_array_equal(row, expected)


def test_fonts_and_folders_mix(tmp_path, font, recordings):
    folder = tmp_path / "notes"
    built = rendering.build(
        folder, [font], recordings=[recordings], pitches=PITCHES, velocities=(80,), workers=1
    )
    counts = {}
    for label in labels_of(folder):
        key = (label.source, label.name, label.velocity, label.sample_rate)
        counts[key] = counts.get(key, 0) + 1
    assert counts == {
        ("tiny.sf2", "Saw", 80, 44100): 4,
        ("tiny.sf2", "Struck", 80, 44100): 4,
        ("mine", "reed", 80, 44100): 4,
        ("mine", "phone", 100, 16000): 4,
    }
    assert built.n_narrow == 4
    of_files = {note.file: note.reason for note in shards.read_left_out(folder) if note.file}
    assert of_files == {
        "wrong_72.wav": "not at their pitch",
        "torn_73.wav": "unreadable",
        "hum.wav": "without a pitch in their name, as flute_60.wav has it",
        "low_30.wav": "outside the pitches",
    }


def test_a_fraction_is_drawn_by_the_seed(tmp_path, font):
    def keys(name, seed):
        rendering.build(
            tmp_path / name, [font], pitches=range(72, 76), fraction=0.5, seed=seed, workers=1
        )
        return [(n.name, n.pitch, n.velocity) for n in labels_of(tmp_path / name)]

    first = keys("a", 0)
    assert 6 <= len(first) <= 18
    assert keys("b", 0) == first
    assert keys("c", 1) != first


def test_the_same_preset_twice_is_dropped_once(tmp_path, font):
    twin = write_soundfont(tmp_path / "twin.sf2", [Tone("Sägezahn", 3, 7, SAW.wave, True)])
    built = rendering.build(tmp_path / "notes", [font, twin], pitches=PITCHES, workers=1)
    expected = Duplicate(
        InstrumentKey("twin.sf2", 3, 7, "Sägezahn"), InstrumentKey("tiny.sf2", 0, 81, "Saw")
    )
    assert built.duplicates == [expected]
    written = json.loads((tmp_path / "notes" / "duplicates.json").read_text())["duplicates"]
    assert [(d["name"], d["copy_of"]["name"]) for d in written] == [("Sägezahn", "Saw")]


class Stopped(Exception):
    """Stands for whatever stops a build."""


def test_a_stopped_build_goes_on_and_ends_the_same(tmp_path, font, recordings):
    def build(folder, progress=None):
        return rendering.build(
            folder,
            [font],
            recordings=[recordings],
            pitches=PITCHES,
            velocities=(60, 90),
            fraction=0.8,
            workers=1,
            progress=progress,
        )

    def stop(done, total):
        if done == 2:
            raise Stopped

    whole = build(tmp_path / "whole")
    with pytest.raises(Stopped):
        build(tmp_path / "parts", stop)
    assert not (tmp_path / "parts" / "shards" / "074.jsonl").exists()
    written = tmp_path / "parts" / "shards" / "073.npy"
    before = written.stat().st_mtime_ns
    seen = []
    resumed = build(tmp_path / "parts", lambda *done: seen.append(done))
    assert seen == [(2, 4), (3, 4), (4, 4)]
    assert written.stat().st_mtime_ns == before
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    assert resumed == whole


def test_a_half_written_shard_does_not_count(tmp_path, font):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for folder in (whole, torn):
        rendering.build(folder, [font], pitches=PITCHES, velocities=(80,), workers=1)
    # A build may be killed between the two files of a shard, or within one.
    (torn / "shards" / "074.jsonl").unlink()
    (torn / "shards" / "074.npy").write_bytes(b"half")
    (torn / "shards" / ".retimbre-77.part").write_bytes(b"half")
    rendering.build(torn, [font], pitches=PITCHES, velocities=(80,), workers=1)
    assert contents(torn) == contents(whole)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"velocities": (90,)}, "velocities 80, now 90"),
        ({"pitches": range(72, 77)}, "pitches 72, 75, now 72, 76"),
        ({"fraction": 0.5, "seed": 1}, "fraction 1.0, now 0.5; seed 0, now 1"),
        ({"licence": "GPL"}, "licence none, now GPL"),
    ],
)
def test_other_settings_are_refused(tmp_path, font, changed, named):
    settings = {"pitches": PITCHES, "velocities": (80,), "workers": 1}
    rendering.build(tmp_path / "notes", [font], **settings)
    before = contents(tmp_path / "notes")
    with pytest.raises(ParameterError, match=rf"\({named}\); use the same"):
        rendering.build(tmp_path / "notes", [font], **settings | changed)
    assert contents(tmp_path / "notes") == before


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"fraction": float("nan")}, "above 0 and at most 1, given nan"),
        ({"fraction": 0.0}, "above 0 and at most 1, given 0.0"),
        ({"seed": -5}, "seed must not be negative, given -5"),
    ],
)
def test_impossible_numbers_are_refused(tmp_path, font, wrong, match):
    with pytest.raises(ParameterError, match=match):
        rendering.build(tmp_path / "notes", [font], **wrong)
    assert not (tmp_path / "notes").exists()


def test_a_build_that_failed_stands_in_the_way_of_none(tmp_path, font, recordings):
    folder, text = tmp_path / "notes", tmp_path / "text.sf2"
    text.touch()
    with pytest.raises(ModelNotFoundError, match="SoundFont"):
        rendering.build(folder, [text], pitches=PITCHES, workers=1)
    for path in recordings.glob("*_7[2-5]*"):
        path.unlink()
    with pytest.raises(ModelFormatError, match="No note in mine could be used"):
        rendering.build(folder, [], recordings=[recordings], pitches=PITCHES, workers=1)
    built = rendering.build(folder, [font], pitches=PITCHES, velocities=(80,), workers=1)
    assert built.n_notes == 8
    assert {note.source for note in shards.read_left_out(folder)} == {"tiny.sf2"}


def test_instruments_of_few_notes_are_counted_and_copies_are_none_of_them(tmp_path, font):
    twin = write_soundfont(tmp_path / "twin.sf2", [Tone("Twin", 0, 1, SAW.wave, True)])
    for pitches, n_few in ((range(72, 77), 2), (range(72, 78), 0)):
        folder = tmp_path / str(n_few)
        built = rendering.build(folder, [font, twin], pitches=pitches, velocities=(80,), workers=1)
        assert (built.n_instruments, len(built.duplicates), built.n_few) == (3, 1, n_few)


def test_other_recordings_are_refused(tmp_path, recordings):
    settings = {"recordings": [recordings], "pitches": PITCHES, "workers": 1}
    rendering.build(tmp_path / "notes", [], **settings)
    (recordings / "reed_72.wav").rename(recordings / "reed_74_30.wav")
    with pytest.raises(ParameterError, match=r"other settings \(other recordings\)"):
        rendering.build(tmp_path / "notes", [], **settings)


def test_two_sources_of_one_name_are_refused(tmp_path, font, recordings):
    other = write_soundfont(recordings / "tiny.sf2")
    with pytest.raises(ParameterError, match=r"2 sources are called tiny\.sf2; rename all but one"):
        rendering.build(tmp_path / "notes", [font, other], workers=1)
    assert not (tmp_path / "notes").exists()


def test_a_dataset_without_notes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(fluid, "FluidSynth", TinyPlayer)
    font = write_soundfont(tmp_path / "still.sf2", [SILENT])
    with pytest.raises(ModelFormatError, match=r"No note in still\.sf2 .* used: 6 silent"):
        rendering.build(tmp_path / "notes", [font], pitches=range(72, 74), workers=1)


def test_an_error_of_a_process_is_told(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"as a SoundFont|FluidSynth is needed"):
        rendering.build(tmp_path / "notes", [tmp_path / "none.sf2"], workers=2)


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from tiny_soundfont import TinyPlayer
from retimbre.train.data import build as rendering, fluid
# Processes begin by reading this file too, and so they have the player.
fluid.FluidSynth = TinyPlayer
if __name__ == "__main__":
    rendering.build(Path({folder!r}), [Path({font!r})], recordings=[Path({recordings!r})],
                    workers={workers}, **{settings!r})
"""


def write_script(folder, font, recordings, workers, settings):
    """Write a build with a stand-in player that its processes have as well; return its path."""
    script = folder.with_suffix(".py")
    text = SCRIPT.format(
        here=str(Path(__file__).parent),
        folder=str(folder),
        font=str(font),
        recordings=str(recordings),
        workers=workers,
        settings=settings,
    )
    script.write_text(text)
    return script


def test_processes_build_the_same_as_one(tmp_path, font, recordings):
    one, two = tmp_path / "one", tmp_path / "two"
    settings = {"pitches": PITCHES, "velocities": (60, 100), "fraction": 0.8}
    script = write_script(two, font, recordings, 2, settings)
    subprocess.run([sys.executable, str(script)], check=True)
    rendering.build(one, [font], recordings=[recordings], workers=1, **settings)
    assert {label.source for label in labels_of(two)} == {"tiny.sf2", "mine"}
    assert contents(two) == contents(one)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_build_goes_on_and_ends_the_same(tmp_path, font, recordings, workers):
    pitches = range(94, 109)
    for pitch in pitches:
        soundfile.write(recordings / f"reed_{pitch}.wav", tone(pitch), 44100)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    settings = {"pitches": pitches, "velocities": (80,)}
    script = write_script(killed, font, recordings, workers, settings)
    with subprocess.Popen([sys.executable, str(script)]) as process:
        try:
            while len(list(killed.glob("shards/*.jsonl"))) < 3:
                assert process.poll() is None
                time.sleep(0.005)
        finally:
            process.kill()
    assert 3 <= len(list(killed.glob("shards/*.jsonl"))) < 15
    for folder in (killed, whole):
        rendering.build(folder, [font], recordings=[recordings], workers=1, **settings)
    assert contents(killed) == contents(whole)
