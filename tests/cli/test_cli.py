"""The command: every option, and what it gives."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from command_line import objects, retimbre
from fakes import FAKE_SR, LOUD, fake_estimate_pitch, files_in, tones, write_wav
from midi_files import track_of, write

from retimbre import __version__, pitch, session
from retimbre.batch import run as batch
from retimbre.cli import command as command_module
from retimbre.cli.command import command
from retimbre.cli.options import PARAMS
from retimbre.io.midi import read_midi

pytestmark = pytest.mark.usefixtures("in_folder")

JSON_KEYS = {
    "input",
    "output",
    "confidence",
    "sample_rate",
    "duration",
    "notes",
    "loudness",
    "limited_db",
    "seed",
    "timings",
}
TIMINGS = {"decode", "pitch", "notes", "generate", "synthesize", "total"}

# The result


def test_main_job_writes_beside_the_input_and_prints_the_path(melody):
    result = retimbre("melody.wav", "--seed", 1)
    assert result.stdout == "melody.retimbred.wav\n"
    assert files_in(Path()) == {"melody.wav", "melody.retimbred.wav"}
    assert "Generating 4 samples..." in result.stderr
    assert re.search(r"generated 4 samples in \d+\.\ds", result.stderr)
    assert "seed 1" in result.stderr


def test_several_thresholds_share_one_analysis(melody, monkeypatch):
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        return fake_estimate_pitch(*args, **kwargs)

    monkeypatch.setattr(pitch, "estimate_pitch", counted)
    result = retimbre("melody.wav", "-c", 0, "-c", 0.5, "-c", "0.80", "-c", 0.8)
    assert result.stdout.split() == ["melody_pe_00.wav", "melody_pe_05.wav", "melody_pe_08.wav"]
    assert len(calls) == 1
    rows = [line.split() for line in result.stderr.splitlines()[-4:]]
    assert rows[0][:3] == ["threshold", "notes", "voiced"]
    assert [(row[0], row[1]) for row in rows[1:]] == [("0", "4"), ("0.5", "4"), ("0.8", "3")]
    assert [row[6] for row in rows[1:3]] == ["-20.0", "-20.0"]
    assert [*rows[0][-2:]] == ["LUFS", "output"]
    assert float(rows[3][3]) == pytest.approx(0.4, abs=0.05)


def test_table_shows_thresholds_that_failed(melody):
    result = retimbre("melody.wav", "-c", 0.5, "-c", 0.99, exit_code=3)
    assert result.stderr.splitlines()[-1].split() == ["0.99", *["-"] * 6, "failed"]


def test_json_has_an_object_for_each_output(melody, midi_file):
    result = retimbre("melody.wav", "song.mid", "-c", 0.5, "-c", 0.8, "--json", "--seed", 3)
    low, high, midi = objects(result)
    for told in (low, high, midi):
        assert set(told) >= JSON_KEYS
        assert set(told["timings"]) >= TIMINGS
        assert told["seed"] == 3
        assert told["sample_rate"] == FAKE_SR
        assert Path(told["output"]).stat().st_size > 1000
    assert [told["confidence"] for told in (low, high, midi)] == [0.5, 0.8, None]
    assert [told["notes"] for told in (low, high, midi)] == [4, 3, 3]
    assert [told["input"] for told in (low, high, midi)] == ["melody.wav", "melody.wav", "song.mid"]


def test_json_duration_is_that_of_the_output(melody):
    import soundfile

    (told,) = objects(retimbre("melody.wav", "--json"))
    assert told["duration"] == pytest.approx(soundfile.info(told["output"]).duration, abs=1e-6)


def test_side_outputs_for_every_threshold(melody):
    retimbre(
        "melody.wav", "-c", 0.5, "-c", 0.8, "-o", "out",
        "--save-midi", "--save-notes", "--save-f0", "--plot",
    )  # fmt: skip
    ends = (".wav", ".mid", ".notes.csv", ".f0.csv", ".png")
    assert files_in(Path("out")) == {
        f"melody_pe_{tag}{end}" for tag in ("05", "08") for end in ends
    }
    rows = Path("out/melody_pe_08.notes.csv").read_text().splitlines()
    assert rows[0] == "onset,offset,pitch,velocity"
    assert [row.split(",")[2] for row in rows[1:]] == ["60", "64", "67"]
    assert Path("out/melody_pe_05.f0.csv").read_text().startswith("time,frequency,confidence\n")
    assert Path("out/melody_pe_05.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("option", "suffix"),
    [
        ("--save-midi", ".mid"),
        ("--save-notes", ".notes.csv"),
        ("--save-f0", ".f0.csv"),
        ("--plot", ".png"),
    ],
)
def test_each_side_output_alone(melody, option, suffix):
    result = retimbre("melody.wav", option)
    assert result.stdout.split() == ["melody.retimbred.wav", f"melody.retimbred{suffix}"]
    assert files_in(Path()) == {"melody.wav", *result.stdout.split()}


def test_midi_has_no_f0_to_save(midi_file):
    result = retimbre("song.mid", "--save-f0", "--plot", "--save-midi")
    assert result.stdout.split() == [
        "song.retimbred.wav", "song.retimbred.mid", "song.retimbred.png",
    ]  # fmt: skip


def test_saved_midi_is_a_valid_input_with_the_same_notes(melody):
    retimbre("melody.wav", "--save-midi")
    (told,) = objects(retimbre("melody.retimbred.mid", "--json"))
    assert told["notes"] == 4


def test_saved_midi_keeps_ties():
    notes = [(0, 500, 60), (480, 960, 64), (960, 1440, 67)]
    write(Path("lead.mid"), track_of(*notes))
    retimbre("lead.mid", "--save-midi")
    for name in ("lead.mid", "lead.retimbred.mid"):
        assert read_midi(name).articulation == ("struck", "tied", "struck")


# Settings


@pytest.mark.parametrize(
    ("args", "stage", "field", "value"),
    [
        (["-c", "0.7"], "notes", "confidence", 0.7),
        (["--confidence", "0.7"], "notes", "confidence", 0.7),
        (["--min-note-length", "80"], "notes", "min_note_length", 0.08),
        (["--transpose", "-12"], "notes", "transpose", -12),
        (["--pitch-range", "40-60"], "notes", "pitch_range", (40, 60)),
        (["--pitch-range", "C2-C6"], "notes", "pitch_range", (36, 84)),
        (["--pitch-range", "C-1-Bb3"], "notes", "pitch_range", (0, 58)),
        (["-m", "fake"], "timbre", "model", "fake"),
        (["--model", "fake"], "timbre", "model", "fake"),
        (["--secs-per-instrument", "1.5"], "timbre", "secs_per_instrument", 1.5),
        (["-i", "Flute,cello"], "timbre", "instruments", "Flute,cello"),
        (["--instruments", "glass@1.5"], "timbre", "instruments", "glass@1.5"),
        (["-i", "Flute", "-i", "cello,glass"], "timbre", "instruments", "Flute,cello,glass"),
        (["-i", "Flute@0", "-i", "cello@1"], "timbre", "instruments", "Flute@0,cello@1"),
        (["--like", "melody.wav"], "timbre", "files", ("melody.wav",)),
        (["--seed", "9"], "timbre", "seed", 9),
        (["--expression", "0.5"], "render", "expression", 0.5),
        (["--pitch-expression", "0.2"], "render", "expressions", (0.2, 1.0)),
        (["--loudness-expression", "0.0"], "render", "expressions", (1.0, 0.0)),
        (["--articulation", "always"], "render", "articulation", "always"),
        (["--loudness", "-16.5"], "render", "loudness", -16.5),
        (["--loudness", "peak"], "render", "loudness", "peak"),
        (["--loudness", "Input"], "render", "loudness", "input"),
        (["--pitch-method", "pyin"], "pitch", "method", "pyin"),
        (["--pitch-method", "crepe"], "pitch", "method", "crepe"),
        (["--crepe-capacity", "tiny"], "pitch", "capacity", "tiny"),
        (["--crepe-capacity", "full"], "pitch", "capacity", "full"),
        (["--viterbi"], "pitch", "viterbi", True),
        (["--no-viterbi"], "pitch", "viterbi", False),
        (["--fmin", "80"], "pitch", "fmin", 80.0),
        (["--fmin", "A2"], "pitch", "fmin", 110.0),
        (["--fmax", "A#4"], "pitch", "fmax", pytest.approx(466.1638, abs=1e-4)),
    ],
)
def test_options_become_settings(melody, monkeypatch, args, stage, field, value):
    seen = {}

    def melody_at(self, analysis, confidence=None):
        seen.update(vars(self.settings.with_confidence(confidence)))
        return real(self, analysis, confidence)

    def analyze_file(path, params, **kwargs):
        seen["analyzed"] = params
        return real_analyze(path, params, **kwargs)

    real, real_analyze = session.Session.melody, session.analyze_file
    monkeypatch.setattr(session.Session, "melody", melody_at)
    monkeypatch.setattr(session, "analyze_file", analyze_file)
    retimbre("melody.wav", *args)
    assert getattr(seen[stage], field) == value
    assert seen["analyzed"] == seen["pitch"]


def test_named_instruments_are_played_and_told(melody):
    args = ("melody.wav", "--json", "--seed", 1)
    (told,) = objects(retimbre(*args, "-i", "flute, glass harm"))
    assert told["instrument_names"] == ["Flute", "Glass Harmonics"]
    assert told["instruments"] == 2
    (random,) = objects(retimbre(*args, "-o", "random.wav"))
    assert all(re.fullmatch(r"random:\d{1,6}", name) for name in random["instrument_names"])
    assert len(random["instrument_names"]) == 2
    assert Path("random.wav").read_bytes() != Path("melody.retimbred.wav").read_bytes()
    told = retimbre("melody.wav", "-i", "flute@0, cello@1").stderr
    assert "4 notes on Flute, Cello, " in told


def test_instruments_that_are_never_heard_are_told_once_an_input(melody):
    args = ("melody.wav", "-i", "Flute@100,Cello@200", "-c", 0.5, "-c", 0.8)
    told = retimbre(*args).stderr
    warning = "retimbre: Flute@100, Cello@200 lie after the end of melody.wav (2.00 s).\n"
    assert told.count(warning) == 1
    assert "4 notes on Flute, 2." in told
    assert retimbre(*args, "-q").stderr == ""


def test_recordings_to_be_like_are_played_and_told(melody):
    write_wav(Path("note.wav").absolute(), tones((69, 1.0, LOUD)))
    (told,) = objects(retimbre("melody.wav", "--like", "note.wav", "--like", melody, "--json"))
    assert told["instrument_names"] == ["note.wav", "melody.wav"]


def test_recording_in_which_nothing_is_heard_is_told_before_the_work(melody, monkeypatch):
    write_wav(Path("silence.wav").absolute(), np.zeros(8000))
    monkeypatch.setattr(pitch, "estimate_pitch", None)
    told = retimbre("melody.wav", "--like", "silence.wav", exit_code=2).stderr
    assert "Invalid value for '--like': silence.wav is silent." in told


def test_every_option_is_tested_and_documented():
    here = Path(__file__).parent
    tested = "".join(path.read_text() for path in here.glob("test_cli*.py"))
    for param in PARAMS:
        if isinstance(param, click.Option):
            assert param.help
            for name in (*param.opts, *param.secondary_opts):
                assert f'"{name}"' in tested, f"{name} is not tested"


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["-c", "1.5"], "not in the range 0<=x<=1"),
        ([""], "is empty"),
        (["-c", "abc"], "'abc' is not a valid number."),
        (["--seed", "1.5"], "'1.5' is not a valid whole number."),
        (["-i", "Flute,,Cello"], "has no name"),
        (["-i", ""], "has no name"),
        (["-i", "Flute", "-i", ""], "has no name"),
        (["-i", "Flute@0", "-i", "Cello"], "have a time"),
        (["-i", "Flute@0,Cello"], "have a time"),
        (["-i", "Flute@9,Cello@8"], "given 9, 8"),
        (["-i", "Kazoo"], "No instrument named 'Kazoo'. Did you mean"),
        (["-i", "Flute", "--like", "melody.wav"], "not both"),
        (["--like", "nowhere.wav"], "Invalid value for '--like': "),
        (["-c", "nan"], "from 0 to 1"),
        (["--fmin", "H2"], "neither a frequency nor a note"),
        (["--fmin", "900", "--fmax", "800"], "0 < fmin < fmax"),
        (["--fmax", "inf"], "both finite"),
        (["--fmax", "C99999"], "neither a frequency nor a note"),
        (["--pitch-range", "60"], "range of notes"),
        (["--pitch-range", "60-62"], "octave"),
        (["--pitch-range", "0-20"], "an octave (12 keys)"),
        (["--pitch-range", "110-127"], "the model's 36-84"),
        (["--seed", "-1"], "not in the range"),
        (["--seed", str(2**53 + 1)], "not in the range"),
        (["--secs-per-instrument", "0"], "not in the range"),
        (["--expression", "2"], "not in the range"),
        (["--loudness-expression", "-1"], "not in the range"),
        (["--articulation", "legato"], "'legato' is not one of 'performer', 'always', 'never'."),
        (["--loudness", "5"], "not in the range -60<=x<=0"),
        (["--loudness", "loud"], "'loud' is neither a number nor one of 'peak', 'input'."),
        (["--loudness", "nan"], "loudness must be a number from -60 to 0"),
        (["--loudness", ""], "'' is neither a number"),
        (["--pitch-method", "yin"], "is not one of"),
        (["-j", "0"], "not in the range"),
        (["-m", "nowhere"], "No model named 'nowhere'"),
        (["-o", "y.xyz"], "Unsupported output format '.xyz'"),
        (["-o", "y.wav", "-c", "0", "-c", "1"], "single file"),
        (["--nonsense"], "No such option"),
    ],
)
def test_what_is_not_understood_is_usage(melody, args, match):
    result = retimbre("melody.wav", *args, exit_code=2)
    assert match in " ".join(result.stderr.replace("│", " ").split())
    # How the command is used says nothing of a value that is wrong.
    assert ("Usage:" in result.stderr) == (args == ["--nonsense"])
    assert result.stdout == ""
    assert files_in(Path()) == {"melody.wav"}


def test_the_help_does_not_show_the_largest_seed():
    assert str(2**53) not in retimbre("--help").stdout


def test_no_arguments_show_the_help():
    result = retimbre(exit_code=2)
    assert "Usage: retimbre [OPTIONS] INPUT..." in result.stderr


# The group


def test_version():
    assert retimbre("--version").stdout == f"retimbre {__version__}\n"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_has_all_options_under_headings_and_all_commands(option):
    text = retimbre(option).stdout
    for heading in ("Output:", "Sound:", "Pitch and notes:", "Run:", "Commands:"):
        assert heading in text
    for param in PARAMS:
        if isinstance(param, click.Option):
            assert all(name in text for name in param.opts)
    for name, (_, sentence) in command_module.COMMANDS.items():
        assert re.search(rf"{name}\s+{re.escape(sentence)}", text)


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("name", [*sorted(command_module.COMMANDS), "dataset build"])
def test_commands_are_found_by_name_and_have_their_help(name, option):
    result = retimbre(*name.split(), option)
    assert f"Usage: retimbre {name}" in result.stdout
    assert "-h, --help" in result.stdout


def test_command_whose_library_is_missing_says_what_to_install(monkeypatch):
    lazy = {"train": ("retimbre.no_such_module:train", "x")}
    monkeypatch.setattr(command, "lazy", lazy)
    result = retimbre("train", exit_code=1)
    assert "pip install '.[train]'" in result.stderr


def test_module_and_script_are_the_same_command():
    run = subprocess.run(
        [sys.executable, "-m", "retimbre", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout == f"retimbre {__version__}\n"


def test_several_workers(melody, monkeypatch):
    seen = {}

    def run_jobs(jobs, settings, *, workers, progress, set_up_worker):
        seen["workers"] = workers
        return iter(())

    monkeypatch.setattr(batch, "run_jobs", run_jobs)
    for option in ("-j", "--jobs"):
        retimbre("melody.wav", option, 3)
        assert seen.pop("workers") == 3


def test_same_seed_same_bytes(melody):
    for name in ("a.wav", "b.wav"):
        retimbre("melody.wav", "--seed", 4, "-o", name)
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()


def test_one_seed_is_drawn_for_the_whole_run(melody):
    write_wav(Path("other.wav").absolute(), tones((62, 0.5, LOUD)))
    told = objects(retimbre("melody.wav", "other.wav", "-c", 0.5, "-c", 0.6, "--json"))
    assert len({t["seed"] for t in told}) == 1
    assert np.issubdtype(type(told[0]["seed"]), np.integer)


@pytest.mark.parametrize(
    ("arguments", "n_opened"), [((), 1), (("-c", 0.5, "-c", 0.8), 2), (("--dry-run",), 1)]
)
def test_a_midi_file_is_opened_once(midi_file, monkeypatch, arguments, n_opened):
    opened = []
    open_file = os.open

    def count(path, *args, **kwargs):
        opened.append(Path(os.fsdecode(path)).name)
        return open_file(path, *args, **kwargs)

    monkeypatch.setattr("os.open", count)
    retimbre("song.mid", *arguments)
    # With several thresholds the header is looked at first: it says how many outputs there are.
    assert opened.count("song.mid") == n_opened
