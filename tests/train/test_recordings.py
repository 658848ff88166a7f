"""Folders of recordings: names, NSynth's index, reading, and what is taken of a note."""

import json

import numpy as np
import pytest
import soundfile
from media import encode

from retimbre.errors import DecodeError, ParameterError, ReadError
from retimbre.harmonic import image as harmonic
from retimbre.io.audio import load
from retimbre.train.data.measure import Reason, analyze_note
from retimbre.train.data.recorded_notes import analyze_recording, read_note
from retimbre.train.data.recordings import (
    Recording,
    find_recordings,
    listing_digest,
    parse_stem,
)
from retimbre.units import midi_to_hz

KEYS = range(21, 109)


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("flute_60", ("flute", 60, None)),
        ("flute_C4", ("flute", 60, None)),
        ("flute_c#4", ("flute", 61, None)),
        ("flute_Cs4", ("flute", 61, None)),
        ("flute_Bb3", ("flute", 58, None)),
        ("flute_C-1", ("flute", 0, None)),
        ("flute_60_100", ("flute", 60, 100)),
        ("flute_A4_1", ("flute", 69, 1)),
        ("alto_flute_60", ("alto_flute", 60, None)),
        ("flute_2_60", ("flute_2", 60, None)),
        # No velocity, but no instrument either.
        ("flute_60_128", ("flute", 60, 128)),
        ("saw_lead_60_0", ("saw_lead", 60, 0)),
        ("saw_lead_61_300", ("saw_lead", 61, 300)),
        ("flute", None),
        ("flute_H4", None),
        ("_60", None),
        ("60", None),
        ("flute60", None),
    ],
)
def test_a_name_tells_instrument_pitch_and_velocity(stem, expected):
    assert parse_stem(stem, KEYS) == expected


def tone(pitch, seconds, sr=44100, n_partials=5, amplitude=0.3):
    t = np.arange(round(seconds * sr)) / sr
    f0 = float(midi_to_hz(pitch))
    return amplitude * sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, n_partials + 1))


def write(folder, name, y, sr=44100):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y, sr, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def test_a_folder_is_searched_through_and_in_order(tmp_path):
    for name in ("b/flute_61.wav", "a/oboe_C4_30.flac", "a/notes.txt", ".hidden_60.wav", "hum.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_recordings(tmp_path)
    assert [(r.file, r.name, r.pitch, r.velocity) for r in found] == [
        ("a/oboe_C4_30.flac", "oboe", 60, 30),
        ("b/flute_61.wav", "flute", 61, None),
        ("hum.wav", "hum", None, None),
    ]
    assert {r.source for r in found} == {tmp_path.name}


def test_the_order_is_that_of_the_names(tmp_path):
    names = [f"{letter}_{pitch}.wav" for letter in "hgfedcba" for pitch in (61, 60)]
    for name in names:
        (tmp_path / name).touch()
    assert [recording.file for recording in find_recordings(tmp_path)] == sorted(names)


def test_nsynth_is_read_by_its_index(tmp_path):
    note = {"instrument_str": "bass_acoustic_000", "pitch": 33, "velocity": 25, "qualities": [0]}
    (tmp_path / "examples.json").write_text(json.dumps({"bass_acoustic_000-033-025": note}))
    (found,) = find_recordings(tmp_path)
    assert found.path == tmp_path / "audio" / "bass_acoustic_000-033-025.wav"
    assert (found.name, found.pitch, found.velocity) == ("bass_acoustic_000", 33, 25)
    assert found.is_laid_out


@pytest.mark.parametrize(
    "entry",
    [
        {"instrument_str": "bass", "velocity": 25},
        {"instrument_str": "bass", "pitch": 33},
        {"pitch": 33, "velocity": 25},
        {"instrument_str": "bass", "pitch": "low", "velocity": 25},
        3,
        None,
    ],
)
def test_an_entry_of_nsynth_that_lacks_something_is_one_note_less(tmp_path, entry):
    note = {"instrument_str": "bass", "pitch": 33, "velocity": 25}
    (tmp_path / "examples.json").write_text(json.dumps({"a": note, "b": entry}))
    first, second = find_recordings(tmp_path)
    assert first.why_unused(KEYS) is None
    assert second.file == "audio/b.wav"
    assert second.why_unused(KEYS) is Reason.NO_ENTRY


@pytest.mark.parametrize(
    ("pitch", "velocity", "reason"),
    [
        (60, 1, None),
        (60, 127, None),
        (60, 0, Reason.VELOCITY),
        (60, 128, Reason.VELOCITY),
        (20, 80, Reason.OUTSIDE),
        (None, 80, Reason.NO_LABEL),
    ],
)
def test_why_a_name_is_that_of_no_note(pitch, velocity, reason):
    assert Recording("mine", "a.wav", "a", pitch, velocity).why_unused(KEYS) is reason


@pytest.mark.parametrize("index", ["{", "[]"])
def test_a_damaged_index_is_refused(tmp_path, index):
    (tmp_path / "examples.json").write_text(index)
    with pytest.raises(ParameterError, match=r"NSynth index|contains no recordings"):
        find_recordings(tmp_path)


def test_a_folder_without_recordings_is_refused(tmp_path):
    (tmp_path / "readme.txt").touch()
    with pytest.raises(ParameterError, match=r"contains no recordings; .* flute_60\.wav"):
        find_recordings(tmp_path)


def test_a_listing_tells_other_notes_apart(tmp_path):
    path = write(tmp_path, "flute_60.wav", tone(60, 0.1))
    before = listing_digest(find_recordings(tmp_path))
    assert listing_digest(find_recordings(tmp_path)) == before
    write(tmp_path, "flute_60.wav", tone(60, 0.2))
    longer = listing_digest(find_recordings(tmp_path))
    path.rename(tmp_path / "flute_61.wav")
    renamed = listing_digest(find_recordings(tmp_path))
    assert len({before, longer, renamed}) == 3


def test_a_recording_is_read_as_mono_at_the_models_rate(tmp_path):
    left, right = tone(60, 0.5, 16000, amplitude=0.2), tone(60, 0.5, 16000, amplitude=0.6)
    y, sr = read_note(write(tmp_path, "a.wav", np.stack([left, right], axis=1), 16000))
    assert sr == 16000
    assert y.dtype == np.float32
    assert len(y) == 22050
    expected = tone(60, 0.5, amplitude=0.4)
    np.testing.assert_allclose(y[2000:-2000], expected[2000:-2000], atol=2e-3)


def test_of_a_long_file_the_beginning_is_read(tmp_path):
    path = write(tmp_path, "long.wav", np.zeros(30 * 8000), 8000)
    assert len(read_note(path)[0]) == 20 * 44100


@pytest.mark.parametrize("content", [b"", b"RIFF\0\0\0\0WAVE", b"no audio at all"])
def test_what_is_no_audio_is_refused(tmp_path, content):
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=r"broken\.wav (is|cannot) "):
        read_note(path)


def test_a_file_that_is_gone_is_refused(tmp_path):
    with pytest.raises(ReadError, match="does not exist"):
        read_note(tmp_path / "gone.wav")


def test_what_the_tool_plays_is_trained_on(tmp_path):
    path = tmp_path / "flute_60.m4a"
    path.write_bytes(encode("aac", "mp4", tone(60, 1.0), 44100))
    (found,) = find_recordings(tmp_path)
    y, sr = read_note(found.path)
    assert sr == 44100
    np.testing.assert_array_equal(y, load(path)[0])


def test_samples_that_are_no_numbers_are_silent(tmp_path):
    path = write(tmp_path, "nan.wav", np.array([0.0, np.nan, 0.25]))
    np.testing.assert_array_equal(read_note(path)[0], np.float32([0.0, 0.0, 0.25]))


HELD = harmonic.FRAME_TIMES < 2.9


@pytest.mark.parametrize("seconds", [0.4, 0.6, 1.2, 2.3, 6.0])
@pytest.mark.parametrize("silence", [0.0, 0.7])
def test_a_note_of_any_length_is_as_if_held(tmp_path, seconds, silence):
    y = np.concatenate([np.zeros(round(silence * 44100)), tone(60, seconds)])
    path = write(tmp_path, "organ_60_90.wav", y)
    label, image = analyze_recording(find_recordings(path.parent)[0], 60)
    assert (label.source, label.bank, label.program) == (tmp_path.name, -1, -1)
    assert (label.name, label.pitch, label.velocity) == ("organ", 60, 90)
    whole = analyze_note(tone(60, 3.0), 60)
    np.testing.assert_allclose(image[HELD, :5, 0], whole[HELD, :5, 0], atol=1.0)
    # The onset itself is a click.
    assert (image[HELD & (harmonic.FRAME_TIMES > 0.3), :5, 2] < -35).all()
    released = harmonic.FRAME_TIMES > 3.6
    assert (image[released, :5, 0] < -60).all()


def test_a_string_goes_on_dying_as_it_did(tmp_path):
    y = tone(60, 1.5) * 10 ** (-12 * np.arange(round(1.5 * 44100)) / 44100 / 20)
    path = write(tmp_path, "harp_60.wav", y)
    _, image = analyze_recording(find_recordings(path.parent)[0], 60)
    level = image[..., 0].max(axis=1)
    fall = np.interp([0.5, 2.5], harmonic.FRAME_TIMES, level)
    assert fall[0] - fall[1] == pytest.approx(24.0, abs=2.0)


def test_a_note_of_16_khz_is_silent_above_8(tmp_path):
    path = write(tmp_path, "buzz_60.wav", tone(60, 4.0, 16000, n_partials=25, amplitude=0.1), 16000)
    label, image = analyze_recording(find_recordings(path.parent)[0], 60)
    assert label.sample_rate == 16000
    # Partial 25 lies at 6.5 kHz, partial 36 at 9.4 kHz.
    assert (image[40:80, 24, 0] > -40).all()
    assert (image[40:80, 35:, 0] < -80).all()


def test_nsynths_layout_is_taken_as_it_is(tmp_path):
    y = tone(60, 4.0, 16000)
    # A late, quiet onset is the note's own, and so is the release after 3 s.
    y *= np.minimum(np.arange(len(y)) / 8000, 1) ** 2
    y[48000:] *= np.exp(-np.arange(16000) / 4000)
    path = write(tmp_path / "audio", "pad.wav", y, 16000)
    note = Recording(str(tmp_path), "audio/pad.wav", "pad", 60, 80, True)
    image = analyze_recording(note, 60)[1]
    np.testing.assert_array_equal(image, analyze_note(read_note(path)[0], 60))
    assert np.interp(0.25, harmonic.FRAME_TIMES, image[:, 0, 0]) == pytest.approx(-13, abs=2)


@pytest.mark.parametrize(
    ("name", "y", "reason"),
    [
        ("a_60.wav", np.zeros(44100), Reason.SILENT),
        ("b_60.wav", tone(60, 0.2), Reason.SHORT),
        ("c_60.wav", tone(62, 2.0), Reason.PITCH),
        ("d_60.wav", tone(72, 2.0), Reason.OCTAVE),
    ],
)
def test_why_a_recording_is_left_out(tmp_path, name, y, reason):
    path = write(tmp_path, name, y)
    assert analyze_recording(find_recordings(path.parent)[0], 60)[1] is reason


def test_a_broken_recording_is_left_out(tmp_path):
    (tmp_path / "a_60.wav").write_bytes(b"nothing")
    assert analyze_recording(find_recordings(tmp_path)[0], 60)[1] is Reason.UNREADABLE
