"""The command: every option, what goes to stdout and stderr, the exit codes."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from fakes import FAKE_SR, LOUD, FakeGenerator, fake_estimate_pitch, files_in, tones, write_wav

from retimbre import __version__, batch, generator, pipeline, pitch
from retimbre.cli import command as command_module
from retimbre.cli.command import command
from retimbre.cli.options import PARAMS
from retimbre.cli.talk import Progress, Report

JSON_KEYS = {
    "input",
    "output",
    "confidence",
    "sample_rate",
    "duration",
    "notes",
    "seed",
    "timings",
}
TIMINGS = {"decode", "pitch", "notes", "generate", "synthesize", "total"}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch, fake_parts):
    """Work in a fresh folder, with light stand-ins; leave the logger as it was."""
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("retimbre")
    before = (logger.handlers[:], logger.level)
    yield
    logger.handlers[:], logger.level = before


def retimbre(*args, exit_code=0):
    """Run the command; show what it said if the exit code is another."""
    result = CliRunner().invoke(command, [str(arg) for arg in args], prog_name="retimbre")
    told = f"stdout:\n{result.stdout}\nstderr:\n{result.stderr}\n{result.exception!r}"
    assert result.exit_code == exit_code, told
    return result


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


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
    assert float(rows[3][3]) == pytest.approx(0.4, abs=0.05)


def test_table_shows_thresholds_that_failed(melody):
    result = retimbre("melody.wav", "-c", 0.5, "-c", 0.99, exit_code=3)
    assert result.stderr.splitlines()[-1].split() == ["0.99", "-", "-", "-", "-", "-", "failed"]


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
        (["--like", "melody.wav"], "timbre", "files", ("melody.wav",)),
        (["--seed", "9"], "timbre", "seed", 9),
        (["--expression", "0.5"], "render", "expression", 0.5),
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

    def render(analysis, settings, *args, progress=None):
        seen.update(vars(settings))
        return real(analysis, settings, *args, progress=progress)

    def analyze(y, sr, params, **kwargs):
        seen["analyzed"] = params
        return real_analyze(y, sr, params, **kwargs)

    real, real_analyze = pipeline.render, pipeline.analyze
    monkeypatch.setattr(pipeline, "render", render)
    monkeypatch.setattr(pipeline, "analyze", analyze)
    retimbre("melody.wav", *args)
    assert getattr(seen[stage], field) == value
    assert seen["analyzed"] == seen["pitch"]


def test_named_instruments_are_played_and_told(melody):
    args = ("melody.wav", "--json", "--seed", 1)
    (told,) = objects(retimbre(*args, "-i", "flute, glass harm"))
    assert told["instrument_names"] == ["Flute", "Glass Harmonics"]
    assert told["instruments"] == 2
    (random,) = objects(retimbre(*args, "-o", "random.wav"))
    assert random["instrument_names"] is None
    assert Path("random.wav").read_bytes() != Path("melody.retimbred.wav").read_bytes()
    told = retimbre("melody.wav", "-i", "flute@0, cello@1").stderr
    assert "4 notes on Flute, Cello, " in told


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
    tested = Path(__file__).read_text()
    for param in PARAMS:
        if isinstance(param, click.Option):
            assert param.help
            for name in (*param.opts, *param.secondary_opts):
                assert f'"{name}"' in tested, f"{name} is not tested"


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["-c", "1.5"], "not in the range 0<=x<=1"),
        (["-c", "abc"], "'abc' is not a valid number."),
        (["--seed", "1.5"], "'1.5' is not a valid whole number."),
        (["-i", "Flute,,Cello"], "lack a name"),
        (["-i", "Flute@0,Cello"], "have a time and some have none"),
        (["-i", "Flute@9,Cello@8"], "must ascend, given 9, 8"),
        (["-i", "Kazoo"], "There is no instrument 'Kazoo'; near names are"),
        (["-i", "Flute", "--like", "melody.wav"], "not both"),
        (["--like", "nowhere.wav"], "Invalid value for '--like': "),
        (["-c", "nan"], "between 0 and 1"),
        (["--fmin", "H2"], "neither Hz nor a note"),
        (["--fmin", "900", "--fmax", "800"], "0 < fmin < fmax"),
        (["--fmax", "inf"], "both finite"),
        (["--fmax", "C99999"], "neither Hz nor a note"),
        (["--pitch-range", "60"], "no range of notes"),
        (["--pitch-range", "60-62"], "octave"),
        (["--pitch-range", "0-20"], "0-20 shares less than an octave (12 keys) with the model's"),
        (["--pitch-range", "110-127"], "with the model's 36-84"),
        (["--seed", "-1"], "not in the range"),
        (["--seed", str(2**53 + 1)], "not in the range"),
        (["--secs-per-instrument", "0"], "not in the range"),
        (["--expression", "2"], "not in the range"),
        (["--pitch-method", "yin"], "is not one of"),
        (["-j", "0"], "not in the range"),
        (["-m", "nowhere"], "There is no model 'nowhere'"),
        (["-o", "y.xyz"], "ends in no format"),
        (["-o", "y.wav", "-c", "0", "-c", "1"], "names one file"),
        (["--nonsense"], "No such option"),
    ],
)
def test_what_is_not_understood_is_usage(melody, args, match):
    result = retimbre("melody.wav", *args, exit_code=2)
    assert match in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""
    assert files_in(Path()) == {"melody.wav"}


def test_no_arguments_show_the_help():
    result = retimbre(exit_code=2)
    assert "Usage: retimbre [OPTIONS] INPUT..." in result.stderr


# Inputs and outputs


def test_output_file_and_folder(melody):
    retimbre("melody.wav", "-o", "named.flac")
    retimbre("melody.wav", "--output", "new/deep")
    retimbre("melody.wav", "-o", "dotted.d/")
    assert files_in(Path()) == {
        "melody.wav", "named.flac", "new/deep/melody.retimbred.wav",
        "dotted.d/melody.retimbred.wav",
    }  # fmt: skip


def test_folder_input_and_earlier_results(melody, midi_file):
    Path("in/sub").mkdir(parents=True)
    shutil.move("melody.wav", "in/sub")
    shutil.move("song.mid", "in")
    Path("in/readme.txt").write_text("x")
    first = retimbre("in", "--save-midi")
    assert sorted(first.stdout.split()) == [
        "in/song.retimbred.mid", "in/song.retimbred.wav",
        "in/sub/melody.retimbred.mid", "in/sub/melody.retimbred.wav",
    ]  # fmt: skip
    assert retimbre("in", "--save-midi").stdout == first.stdout


def test_empty_folder_is_one_sentence():
    Path("empty").mkdir()
    result = retimbre("empty", exit_code=1)
    assert result.stderr == "retimbre: The folder 'empty' holds no media or MIDI file.\n"


def test_unknown_suffix_is_tried_when_named(melody):
    melody.rename("melody.take1")
    assert retimbre("melody.take1").stdout == "melody.retimbred.wav\n"


def test_inputs_of_one_name_do_not_overwrite_each_other(melody):
    for folder in ("a", "b"):
        Path(folder).mkdir()
        shutil.copy(melody, folder)
    result = retimbre("a/melody.wav", "b/melody.wav", "a/melody.wav", "-o", "out")
    assert result.stdout.split() == ["out/a_melody.retimbred.wav", "out/b_melody.retimbred.wav"]


def test_file_named_like_a_command(melody):
    shutil.copy(melody, "train")
    assert retimbre("./train").stdout == "train.retimbred.wav\n"


def test_inputs_may_come_after_options(melody):
    assert retimbre("-q", "--seed", 1, "melody.wav").stdout == "melody.retimbred.wav\n"
    assert retimbre("--seed", 1, "--", "melody.wav").stdout == "melody.retimbred.wav\n"


# What exists already


def test_own_results_are_replaced(melody):
    retimbre("melody.wav", "--seed", 1)
    first = Path("melody.retimbred.wav").read_bytes()
    retimbre("melody.wav", "--seed", 2)
    assert Path("melody.retimbred.wav").read_bytes() != first


@pytest.mark.parametrize("there", ["precious.wav", "precious.mid"])
def test_named_output_that_exists_is_kept(melody, there):
    Path(there).write_text("precious")
    result = retimbre("melody.wav", "-o", "precious.wav", "--save-midi", exit_code=1)
    assert f"{there} exists; add --overwrite" in result.stderr
    assert Path(there).read_text() == "precious"
    assert files_in(Path()) == {"melody.wav", there}
    retimbre("melody.wav", "-o", "precious.wav", "--save-midi", "--overwrite")
    assert Path(there).read_bytes() != b"precious"


def test_named_output_that_is_empty_is_written(melody):
    Path("made-by-mktemp.wav").touch()
    assert retimbre("melody.wav", "-o", "made-by-mktemp.wav").exit_code == 0


def test_skip_existing_keeps_what_is_there_and_makes_the_rest(melody):
    Path("melody_pe_05.wav").write_text("kept")
    result = retimbre("melody.wav", "-c", 0.5, "-c", 0.8, "--skip-existing", "--json")
    skipped, made = objects(result)
    assert skipped == {
        "input": "melody.wav", "output": "melody_pe_05.wav", "confidence": 0.5, "skipped": True,
    }  # fmt: skip
    assert made["output"] == "melody_pe_08.wav"
    assert Path("melody_pe_05.wav").read_text() == "kept"


def test_skipping_everything_loads_no_model(melody, monkeypatch):
    Path("melody.retimbred.wav").write_text("kept")
    monkeypatch.setattr(generator, "load_generator", None)
    result = retimbre("melody.wav", "--skip-existing")
    assert (result.stdout, result.stderr) == ("", "melody.retimbred.wav exists and is kept\n")


@pytest.mark.parametrize("policy", [[], ["--overwrite"], ["--skip-existing"]])
def test_an_input_is_never_overwritten(melody, midi_file, policy):
    before = melody.read_bytes()
    result = retimbre("melody.wav", "-o", "melody.wav", *policy, exit_code=1)
    assert "is an input" in result.stderr
    assert melody.read_bytes() == before
    before = midi_file.read_bytes()
    retimbre("song.mid", "-o", "song.wav", "--save-midi", *policy, exit_code=1)
    assert midi_file.read_bytes() == before


# Failures


def test_one_bad_file_does_not_stop_the_others(melody):
    Path("bad.wav").write_text("This is not audio.")
    result = retimbre("bad.wav", "melody.wav", "nowhere.wav", exit_code=3)
    assert result.stdout == "melody.retimbred.wav\n"
    errors = [line for line in result.stderr.splitlines() if line.startswith("retimbre: ")]
    assert len(errors) == 2
    assert any("bad.wav" in line for line in errors)
    assert any("nowhere.wav" in line for line in errors)


def test_names_that_are_too_long_do_not_stop_the_others(melody):
    long_name = "x" * 245 + ".wav"  # there is such a file, but none with a longer ending
    shutil.copy("melody.wav", long_name)
    result = retimbre("y" * 300 + ".wav", long_name, "melody.wav", exit_code=3)
    assert result.stdout == "melody.retimbred.wav\n"
    assert "y.wav' cannot be read: File name too long." in result.stderr
    assert "x.retimbred.wav' cannot be written: File name too long." in result.stderr


def test_failures_are_objects_with_json(melody):
    Path("bad.wav").write_text("This is not audio.")
    told = objects(retimbre("nowhere.wav", "bad.wav", "melody.wav", "--json", exit_code=3))
    assert [("error" in t, t["input"]) for t in told] == [
        (True, "nowhere.wav"), (True, "bad.wav"), (False, "melody.wav"),
    ]  # fmt: skip


def test_failed_threshold_names_its_output(melody):
    (told,) = objects(retimbre("melody.wav", "-c", 0.95, "--json", exit_code=1))
    assert told["confidence"] == 0.95
    assert "highest confidence found is 0.900" in told["error"]


def test_a_failure_leaves_no_file(melody, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("soundfile.SoundFile.write", fail)
    result = retimbre("melody.wav", exit_code=1)
    assert "No space left on device" in result.stderr
    assert files_in(Path()) == {"melody.wav"}


def test_error_that_nobody_foresaw_is_one_line(melody, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError("line one\nline two")

    monkeypatch.setattr(pitch, "estimate_pitch", fail)
    result = retimbre("melody.wav", exit_code=1)
    assert result.stderr == (
        "retimbre: melody.wav: Unexpected ZeroDivisionError: line one line two; please report it.\n"
    )
    verbose = retimbre("melody.wav", "-v", exit_code=1)
    assert "Traceback (most recent call last)" in verbose.stderr


def test_error_outside_the_jobs_is_one_line(melody, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError("oh")
        yield

    monkeypatch.setattr(batch, "run_jobs", fail)
    result = retimbre("melody.wav", exit_code=1)
    assert result.stderr == "Error: Unexpected ZeroDivisionError: oh; please report it.\n"
    assert isinstance(retimbre("melody.wav", "--verbose", exit_code=1).exception, ZeroDivisionError)


def test_unwritable_folder_is_told_before_the_work(melody, monkeypatch):
    Path("file").write_text("x")
    monkeypatch.setattr(pitch, "estimate_pitch", None)
    result = retimbre("melody.wav", "-o", "file/out/", exit_code=1)
    assert "'file/out'" in result.stderr
    assert "is a file" in result.stderr


def test_interrupt_is_one_line_and_130(melody, monkeypatch):
    def play(self, z, notes, curves, **kwargs):
        yield from list(FakeGenerator.play(self, z, notes, curves, **kwargs))[:2]
        raise KeyboardInterrupt

    class Interrupted(FakeGenerator):
        pass

    Interrupted.play = play
    monkeypatch.setattr(generator, "load_generator", lambda model: Interrupted())
    result = retimbre("melody.wav", "-q", exit_code=130)
    assert result.stderr.strip() == "retimbre: interrupted; the files that are written are whole."
    assert files_in(Path()) == {"melody.wav"}


@pytest.mark.parametrize(
    ("n_done", "n_failed", "code"), [(0, 0, 0), (2, 0, 0), (0, 2, 1), (1, 1, 3), (5, 1, 3)]
)
def test_exit_codes(n_done, n_failed, code):
    assert Report(n_done=n_done, n_failed=n_failed).exit_code == code


# Talk


@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_says_nothing_but_errors(melody, option):
    result = retimbre("melody.wav", "nowhere.wav", "-c", 0.5, "-c", 0.8, option, exit_code=3)
    assert result.stderr.splitlines() == ["retimbre: There is no file or folder 'nowhere.wav'."]


def test_verbose_shows_debug_messages(melody, monkeypatch):
    def talk(*args, **kwargs):
        logging.getLogger("retimbre").debug("a detail")
        return fake_estimate_pitch(*args, **kwargs)

    monkeypatch.setattr(pitch, "estimate_pitch", talk)
    assert "a detail" not in retimbre("melody.wav").stderr
    assert "retimbre: a detail" in retimbre("melody.wav", "--verbose").stderr


@pytest.mark.parametrize("option", ["-n", "--dry-run"])
def test_dry_run_tells_and_does_nothing(melody, midi_file, monkeypatch, option):
    monkeypatch.setattr(generator, "load_generator", None)
    monkeypatch.setattr(pipeline, "analyze_file", None)
    result = retimbre("melody.wav", "song.mid", "-c", 0, "-c", 0.5, "--plot", "-o", "out", option)
    assert result.stdout.splitlines() == [
        "melody.wav -> out/melody_pe_00.wav, out/melody_pe_00.png at confidence 0",
        "melody.wav -> out/melody_pe_05.wav, out/melody_pe_05.png at confidence 0.5",
        "song.mid -> out/song.retimbred.wav, out/song.retimbred.png",
    ]
    assert result.stderr.splitlines() == [
        "pitch: method crepe, capacity full, viterbi yes, fmin 32.7 Hz, fmax 1975.5 Hz",
        "notes: min note length 0.06 s, transpose 0 semitones",
        "timbre: model default, secs per instrument 6 s",
        "render: expression 1, peak -1 dB",
    ]
    assert not Path("out").exists()


def test_dry_run_as_json_holds_the_settings(melody):
    (told,) = objects(retimbre("melody.wav", "-n", "--json", "-c", 0.7, "--fmin", "A2"))
    assert told["dry_run"] is True
    assert told["output"] == "melody.retimbred.wav"
    assert told["settings"]["notes"]["confidence"] == 0.7
    assert told["settings"]["pitch"]["fmin"] == 110.0
    assert told["settings"]["timbre"]["seed"] is None


def test_progress_shows_bars_on_a_terminal_only(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    shown = Progress(Report())
    shown("pitch", 0, 10)
    time.sleep(0.06)
    shown("pitch", 5, 10)
    assert "50%" in capsys.readouterr().err
    shown("pitch", 10, 10)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    shown("pitch", 5, 10)
    assert capsys.readouterr().err.strip("\r ") == ""


def test_progress_says_each_sentence_once(capsys):
    shown = Progress(Report())
    for done in (0, 1, 2, 2):
        shown("generate", done, 2)
    assert re.fullmatch(
        r"Generating 2 samples\.\.\.\ngenerated 2 samples in 0\.0s\n", capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("source", "error", "line"),
    [
        ("a", "Nothing in a is voiced.", "retimbre: Nothing in a is voiced."),
        ("a.wav", "a.wav is empty.", "retimbre: a.wav is empty."),
        ("a", "There is another fault.", "retimbre: a: There is another fault."),
        ("b.wav", "x/b.wav exists.", "retimbre: b.wav: x/b.wav exists."),
    ],
)
def test_failures_name_their_input_once(capsys, source, error, line):
    Report().failed(source, error)
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize(("options", "said"), [((), True), (("-q",), False)])
def test_warnings_are_said_unless_quiet(melody, monkeypatch, options, said):
    def warn(*args, **kwargs):
        logging.getLogger("retimbre").warning("a warning")
        return fake_estimate_pitch(*args, **kwargs)

    monkeypatch.setattr(pitch, "estimate_pitch", warn)
    assert ("retimbre: a warning" in retimbre("melody.wav", *options).stderr) is said


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are bytes")
def test_names_that_are_no_text_are_printed_as_they_are(melody):
    name = b"\xff\xe9.wav"
    shutil.copy(melody, os.fsdecode(name))
    run = subprocess.run(
        [sys.executable, "-m", "retimbre", "-n", name], capture_output=True, check=True
    )
    assert run.stdout.startswith(name + b" -> \xff\xe9.retimbred.wav")


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


@pytest.mark.parametrize("name", sorted(command_module.COMMANDS))
def test_commands_are_found_by_name(name):
    result = retimbre(name, "--help")
    assert f"Usage: retimbre {name}" in result.stdout


def test_command_whose_library_is_missing_says_what_to_install(monkeypatch):
    lazy = {"train": ("retimbre.no_such_module:train", "x")}
    monkeypatch.setattr(command, "lazy", lazy)
    result = retimbre("train", exit_code=1)
    assert "pip install 'retimbre[train]'" in result.stderr


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


# Streams that are full or not there

LIGHT_RUN = "import sys, fakes; fakes.install(); from retimbre.cli import main; main()"


def light_process(redirection, *args):
    """Run the command with light parts in a process of its own, its streams as the shell says."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", LIGHT_RUN, *args],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("options", [(), ("--json",), ("--dry-run",)])
def test_stdout_on_a_full_disk_is_one_sentence(melody, options):
    run = light_process(">/dev/full", "melody.wav", "-q", *options)
    assert run.returncode == 1
    assert run.stderr == (
        "Error: The results cannot be listed on stdout: No space left on device.\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_closed_stderr_changes_nothing(melody):
    run = light_process("2>&-", "melody.wav")
    assert (run.returncode, run.stdout) == (0, "melody.retimbred.wav\n")


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize("number", [0, 2])
def test_no_file_takes_the_number_of_a_closed_stream(number):
    code = (
        "import os, sys; from retimbre.cli import main; sys.argv = ['retimbre', '--version'];"
        "import atexit; atexit.register(lambda: print(os.open(os.devnull, os.O_RDONLY) > 2));"
        "main()"
    )
    run = subprocess.run(
        ["sh", "-c", f'exec "$@" {number}>&-', "sh", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == f"retimbre {__version__}\nTrue\n"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-i", "Fluute"], "no instrument 'Fluute'"),
        (["-m", "nowhere"], "There is no model 'nowhere'"),
        (["--like", "nowhere.wav"], "nowhere.wav does not exist"),
    ],
)
def test_dry_run_looks_the_instruments_up(melody, options, told):
    result = retimbre("melody.wav", "-n", *options, exit_code=2)
    assert told in result.stderr
    assert not result.stdout
    assert retimbre("melody.wav", "-n", "-i", "flute,cello").stdout.startswith("melody.wav -> ")
