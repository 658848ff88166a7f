"""The command: what goes to stdout and stderr."""

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import objects, retimbre
from fakes import LOUD, fake_estimate_pitch, tones, write_wav

from retimbre import __version__, generator, pitch, session
from retimbre.cli.report import Console, ProgressBars

pytestmark = pytest.mark.usefixtures("in_folder")


# Talk


@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_says_nothing_but_errors(melody, option):
    result = retimbre("melody.wav", "nowhere.wav", "-c", 0.5, "-c", 0.8, option, exit_code=3)
    assert result.stderr.splitlines() == ["retimbre: No file or folder named 'nowhere.wav'."]


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
    monkeypatch.setattr(session, "analyze_file", None)
    result = retimbre("melody.wav", "song.mid", "-c", 0, "-c", 0.5, "--plot", "-o", "out", option)
    assert result.stdout.splitlines() == [
        "melody.wav -> out/melody_pe_00.wav, out/melody_pe_00.png at confidence 0",
        "melody.wav -> out/melody_pe_05.wav, out/melody_pe_05.png at confidence 0.5",
        "song.mid -> out/song.retimbred.wav, out/song.retimbred.png",
    ]
    assert result.stderr.splitlines() == [
        "pitch: method crepe, capacity full, viterbi yes, fmin 32.7 Hz, fmax 1975.5 Hz",
        "notes: min note length 0.04 s, transpose 0 semitones",
        "timbre: model default, secs per instrument 6 s",
        "render: expression 1, articulation performer, loudness -20 LUFS, peak -1 dBTP",
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
    shown = ProgressBars(Console())
    shown("pitch", 0, 10)
    time.sleep(0.06)
    shown("pitch", 5, 10)
    assert "50%" in capsys.readouterr().err
    shown("pitch", 10, 10)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    shown("pitch", 5, 10)
    assert capsys.readouterr().err.strip("\r ") == ""


def test_progress_says_each_sentence_once(capsys):
    shown = ProgressBars(Console())
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
    Console().failed(source, error)
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize(("options", "said"), [((), True), (("-q",), False)])
def test_warnings_are_said_unless_quiet(melody, monkeypatch, options, said):
    def warn(*args, **kwargs):
        logging.getLogger("retimbre").warning("a warning")
        return fake_estimate_pitch(*args, **kwargs)

    monkeypatch.setattr(pitch, "estimate_pitch", warn)
    assert ("retimbre: a warning" in retimbre("melody.wav", *options).stderr) is said


@pytest.mark.parametrize(("options", "said"), [((), True), (("-q",), False)])
def test_a_peak_that_forbids_the_loudness_is_told_unless_quiet(melody, options, said):
    args = ("melody.wav", "--loudness", 0, "--seed", 1)
    result = retimbre(*args, "--json", *options)
    (told,) = objects(result)
    assert told["loudness"] == pytest.approx(-told["limited_db"], abs=0.1)
    assert (
        f"melody.retimbred.wav is {told['limited_db']:.1f} dB less loud" in result.stderr
    ) is said
    assert f", {told['loudness']:.1f} LUFS, seed " in retimbre(*args).stderr


def test_nothing_is_told_of_peaks_where_the_loudness_is_reached(melody):
    for loudness in ("-30", "peak"):
        assert "less loud" not in retimbre("melody.wav", "--loudness", loudness).stderr


@pytest.mark.parametrize(("options", "said"), [((), True), (("-q",), False)])
def test_midi_without_a_loudness_is_told_unless_quiet(midi_file, options, said):
    told = retimbre("song.mid", "--loudness", "input", *options).stderr
    line = "retimbre: song.mid has no loudness of its own; played at -20 LUFS."
    assert (line in told.splitlines()) is said


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are bytes")
def test_names_that_are_no_text_are_printed_as_they_are(melody):
    name = b"\xff\xe9.wav"
    shutil.copy(melody, os.fsdecode(name))
    run = subprocess.run(
        [sys.executable, "-m", "retimbre", "-n", name], capture_output=True, check=True
    )
    assert run.stdout.startswith(name + b" -> \xff\xe9.retimbred.wav")


@pytest.mark.parametrize(("options", "said"), [((), True), (("-q",), False)])
def test_search_for_an_instrument_is_told_unless_quiet(melody, options, said):
    told = retimbre("melody.wav", "--like", "melody.wav", *options).stderr
    assert told.startswith("retimbre: Looking for an instrument like melody.wav...\n") is said
    assert bool(told) is said


@pytest.mark.parametrize(("options", "said"), [((), True), (("-q",), False)])
def test_dry_run_tells_the_note_that_is_found(options, said):
    write_wav(Path("note.wav").absolute(), tones((69, 1.0, LOUD), sr=44100), 44100)
    told = retimbre("note.wav", "--like", "note.wav", "-n", *options).stderr
    assert ("retimbre: note.wav: using the note at 0.0" in told) is said
    assert (" s: A4 +" in told) is said


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-i", "Fluute"], "'Fluute'"),
        (["-m", "nowhere"], "No model named 'nowhere'"),
        (["--like", "nowhere.wav"], "nowhere.wav does not exist"),
        (["--like", "silent.wav"], "Invalid value for '--like': silent.wav is silent"),
    ],
)
def test_dry_run_looks_the_instruments_up(melody, options, told):
    write_wav(Path("silent.wav").absolute(), tones((69, 1.0, 0.0)))
    result = retimbre("melody.wav", "-n", *options, exit_code=2)
    assert told in result.stderr
    assert not result.stdout
    assert retimbre("melody.wav", "-n", "-i", "flute,cello").stdout.startswith("melody.wav -> ")


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
