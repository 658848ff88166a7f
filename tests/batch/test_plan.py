"""Inputs found, outputs named: no two outputs meet, none lands on an input."""

from pathlib import Path

import pytest

from retimbre.batch.plan import (
    Input,
    find_inputs,
    is_folder_output,
    plan_jobs,
    standing,
    threshold_tag,
    without_repeats,
)
from retimbre.errors import ParameterError, ReadError, WriteError


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def planned(*paths, thresholds=(0.5,), output=None, sides=(), folder=None):
    inputs = [Input(Path(path), folder) for path in paths]
    jobs = plan_jobs(inputs, thresholds, output=output, sides=sides)
    return [str(output.path) for job in jobs for output in job.outputs]


def test_output_stands_beside_its_input():
    assert planned("a/song.webm") == ["a/song.retimbred.wav"]


@pytest.mark.parametrize(
    ("confidence", "tag"),
    [
        (0, "00"),
        (0.5, "05"),
        (0.8, "08"),
        (0.85, "085"),
        (0.05, "005"),
        (1, "10"),
        (1e-5, "000001"),
    ],
)
def test_threshold_tag(confidence, tag):
    assert threshold_tag(confidence) == tag


def test_several_thresholds_have_names_of_their_own():
    assert planned("song.wav", thresholds=(0.0, 0.5, 0.8)) == [
        "song_pe_00.wav",
        "song_pe_05.wav",
        "song_pe_08.wav",
    ]


def test_midi_has_one_output_whatever_the_thresholds():
    (job,) = plan_jobs([Input(Path("song.mid"), is_midi=True)], (0.0, 0.5))
    (output,) = job.outputs
    assert output.path == Path("song.retimbred.wav")
    assert output.confidence is None


def test_side_outputs_stand_beside_each_output():
    (job,) = plan_jobs(
        [Input(Path("a/song.wav"))], (0.0, 0.5), sides=("midi", "notes", "f0", "plot")
    )
    assert [{str(path) for path in output.paths} for output in job.outputs] == [
        {f"a/song_pe_{tag}{end}" for end in (".wav", ".mid", ".notes.csv", ".f0.csv", ".png")}
        for tag in ("00", "05")
    ]


def test_side_outputs_of_a_default_name():
    (job,) = plan_jobs([Input(Path("song.wav"))], (0.5,), sides=("midi", "f0"))
    assert set(job.outputs[0].sides.values()) == {
        Path("song.retimbred.mid"),
        Path("song.retimbred.f0.csv"),
    }


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["x.wav", "x.mp3"], ["x.wav.retimbred.wav", "x.mp3.retimbred.wav"]),
        (["x.wav", "y.wav", "x.mp3"], ["x.wav.retimbred.wav", "y.retimbred.wav",
                                       "x.mp3.retimbred.wav"]),
        (["a/x.wav", "b/x.wav"], ["a_x.retimbred.wav", "b_x.retimbred.wav"]),
        (["a/x.wav", "a/x.mp3", "b/x.wav"], ["a_x.retimbred.wav", "x.mp3.retimbred.wav",
                                             "b_x.retimbred.wav"]),
        (["p/a/x.wav", "q/a/x.wav"], ["a_x.wav.retimbred.wav", "a_x.wav-2.retimbred.wav"]),
        (["a/X.wav", "b/x.wav"], ["a_X.retimbred.wav", "b_x.retimbred.wav"]),
    ],
)  # fmt: skip
def test_names_do_not_meet_in_one_folder(inputs, expected):
    assert planned(*inputs, output="out/") == [f"out/{name}" for name in expected]


def test_a_name_that_looks_like_a_solution_is_taken_into_account():
    names = planned("x.wav", "x.mp3", "d/x.wav.flac", output="out/")
    assert len({name.casefold() for name in names}) == 3


def test_same_stem_beside_the_inputs():
    assert planned("x.wav", "x.mid") == ["x.wav.retimbred.wav", "x.mid.retimbred.wav"]


def test_inputs_of_different_folders_do_not_disturb_each_other():
    assert planned("a/x.wav", "b/x.wav") == ["a/x.retimbred.wav", "b/x.retimbred.wav"]


def test_folder_inputs_keep_their_structure_in_the_output():
    assert planned("in/x.wav", "in/sub/x.wav", folder=Path("in"), output="out/") == [
        "out/x.retimbred.wav",
        "out/sub/x.retimbred.wav",
    ]


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".MP3"])
def test_one_output_may_be_named(suffix):
    assert planned("x.webm", output=f"y{suffix}") == [f"y{suffix}"]


@pytest.mark.parametrize(
    ("inputs", "thresholds", "folder"),
    [(["a.wav", "b.wav"], (0.5,), None), (["a.wav"], (0.5, 0.8), None), (["d/a.wav"], (0.5,), "d")],
)
def test_one_name_for_several_outputs_is_refused(inputs, thresholds, folder):
    with pytest.raises(ParameterError, match=r"'y\.wav' is a single file.* folder"):
        planned(*inputs, thresholds=thresholds, output="y.wav", folder=folder and Path(folder))


def test_format_that_cannot_be_written_is_refused():
    with pytest.raises(ParameterError, match=r"'\.xyz' .*\.flac"):
        planned("x.wav", output="y.xyz")


def test_what_names_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("v1.0").mkdir()
    touch(Path("plain"))
    assert [is_folder_output(o) for o in ("new", "new.d/", "v1.0", "y.wav", "plain")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_folder_gives_media_and_midi_of_all_depths(tmp_path):
    wanted = [tmp_path / name for name in ("A.WAV", "b.mid", "sub/c.webm", "sub/deep/d.Flac")]
    others = ["notes.txt", ".hidden.wav", ".git/e.wav", "cover.png", "f", "sub/g.csv"]
    touch(*wanted, *(tmp_path / name for name in others))
    assert [item.path for item in find_inputs(tmp_path)] == wanted
    assert all(item.folder == tmp_path for item in find_inputs(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "x.retimbred.wav",
        "x.retimbred.mid",
        "x_pe_05.wav",
        "x_pe_085.mid",
        "a_x.wav-2.retimbred.wav",
    ],
)
def test_folder_passes_over_earlier_results(tmp_path, name):
    touch(tmp_path / "x.wav", tmp_path / name)
    assert [item.path.name for item in find_inputs(tmp_path)] == ["x.wav"]


@pytest.mark.parametrize(
    "name", ["retimbred.wav", "type_05.wav", "x_pe_.wav", "x.retimbred.d/y.wav"]
)
def test_folder_keeps_what_only_looks_like_a_result(tmp_path, name):
    touch(tmp_path / name)
    assert [item.path for item in find_inputs(tmp_path)] == [tmp_path / name]


def test_a_result_named_itself_is_taken(tmp_path):
    touch(tmp_path / "x.retimbred.wav")
    assert len(find_inputs(tmp_path / "x.retimbred.wav")) == 1


def test_folder_without_media_is_told(tmp_path):
    touch(tmp_path / "readme.txt")
    with pytest.raises(ReadError, match="no media or MIDI file"):
        find_inputs(tmp_path)


def test_missing_input_is_told(tmp_path):
    with pytest.raises(ReadError, match=r"No file or folder named '.*nowhere\.wav'"):
        find_inputs(tmp_path / "nowhere.wav")


def test_repeated_inputs_are_taken_once(tmp_path, monkeypatch):
    touch(tmp_path / "x.wav", tmp_path / "y.wav")
    monkeypatch.chdir(tmp_path)
    paths = [Path("x.wav"), Path("y.wav"), Path("./x.wav"), tmp_path / "y.wav"]
    kept = without_repeats([Input(path) for path in paths])
    assert [item.path for item in kept] == [Path("x.wav"), Path("y.wav")]


def test_an_empty_file_is_nothing_to_lose(tmp_path):
    (tmp_path / "empty").write_text("")
    touch(tmp_path / "full")
    assert [standing(tmp_path / name) for name in ("empty", "full", "none", ".")] == [
        False,
        True,
        False,
        True,
    ]


def test_name_that_is_too_long_is_the_error_of_that_input_alone(tmp_path):
    name = "x" * 300 + ".wav"
    with pytest.raises(ReadError, match=r"x\.wav' cannot be read: File name too long"):
        find_inputs(tmp_path / name)
    with pytest.raises(WriteError, match=r"x\.wav' cannot be written: File name too long"):
        standing(tmp_path / name)
    assert not is_folder_output(str(tmp_path / name))
