"""Which instruments play, and when."""

from dataclasses import replace

import numpy as np
import pytest
from fake_models import palette_table, write_model
from fakes import LOUD, tones, write_wav

from retimbre import pipeline
from retimbre.errors import ModelError, NoPitchError, ParameterError, ReadError
from retimbre.generator.folder import read_config
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.instrument import Instrument, Instruments
from retimbre.io import audio
from retimbre.latent import FIRST_ANCHOR, get_z_notes, slerp
from retimbre.pitch.analysis import analyze_file
from retimbre.settings import Settings
from retimbre.settings.params import TimbreParams
from retimbre.settings.stops import Stop, read_stops
from retimbre.timbre import check_timbre, choose_path, heard_names, place_instruments


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return HarmonicGenerator(read_config(write_model(tmp_path_factory.mktemp("models") / "fake")))


def z_of(k):
    return np.asarray(palette_table()["instruments"][k]["z"])


# What is written


@pytest.mark.parametrize(
    ("given", "stops"),
    [
        ("Flute", [("Flute", None)]),
        ("Flute,Cello", [("Flute", None), ("Cello", None)]),
        (" Flute , Glass Harmonica ", [("Flute", None), ("Glass Harmonica", None)]),
        (["Flute", "Piano, grand"], [("Flute", None), ("Piano, grand", None)]),
        (("Flute@0", "Cello@8.5"), [("Flute", 0.0), ("Cello", 8.5)]),
        ("Flute@0,Cello @ 8.5", [("Flute", 0.0), ("Cello", 8.5)]),
        ("A@home@2", [("A@home", 2.0)]),
        ("Flute@0,Flute@4,Cello@4", [("Flute", 0.0), ("Flute", 4.0), ("Cello", 4.0)]),
    ],
)
def test_lists_of_instruments_are_read(given, stops):
    assert read_stops(given) == tuple(Stop(*stop) for stop in stops)
    assert TimbreParams(instruments=given).instruments == given


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ("", "has no name"),
        ([], "has no name"),
        ("Flute,", "'Flute,' has no name"),
        ("Flute, ,Cello", "has no name"),
        ([3], "3 is no instrument"),
        ("@3", "'@3' must be a name, @ and a time"),
        ("Flute@", "'Flute@' must be a name, @ and a time"),
        ("Flute@noon", "'Flute@noon' must be"),
        ("Flute@-1", "time in seconds"),
        ("Flute@nan", "time in seconds"),
        ("Flute@inf", "time in seconds"),
        ("Flute@0,Cello", "'Flute@0,Cello' have a time"),
        ("Flute,Cello@3", "have a time"),
        ("Flute@3,Cello@2", "given 3, 2"),
    ],
)
def test_lists_that_are_none_are_refused(given, match):
    with pytest.raises(ParameterError, match=match):
        TimbreParams(instruments=given)


def test_instruments_are_named_or_like_a_recording():
    with pytest.raises(ParameterError, match="not both"):
        TimbreParams(instruments="Flute", like="note.wav")
    assert TimbreParams(like="note.wav").files == ("note.wav",)
    assert TimbreParams(instruments="Flute", like=()).files == ()


def test_names_instruments_and_latents_are_taken_mixed(rng):
    z = rng.standard_normal(256)
    horn = Instrument(z.astype(np.float32), "Horn")
    stops = read_stops([z, "Flute", horn])
    assert [stop.word for stop in stops] == ["z", "Flute", "Horn"]
    assert stops[2].what is horn
    np.testing.assert_array_equal(stops[0].what.z, z)
    for one in (z, horn, [horn], z[None]):
        assert len(read_stops(one)) == 1
    assert len(read_stops(rng.standard_normal((3, 256)))) == 3
    params = TimbreParams(instruments=[z, "Flute"])
    assert params == replace(params, seed=None)
    assert hash(params) == hash(replace(params))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (np.full(256, np.nan), "finite numbers, given NaN"),
        ([np.zeros((2, 256))], r"one row of finite numbers, given shape \(2, 256\); take one row"),
        (np.zeros((0, 256)), "has no name"),
        ([np.array(["a", "b"])], "array of numbers"),
        (["Flute@0", np.ones(256)], "'Flute@0,z' have a time"),
        ([1.0, 2.0], "1.0 is no instrument"),
    ],
)
def test_latents_that_are_none_are_refused(given, match):
    with pytest.raises(ParameterError, match=match):
        TimbreParams(instruments=given)


# What is chosen


def test_random_instruments_are_no_path(model):
    params = TimbreParams(seed=3, secs_per_instrument=2.0)
    assert choose_path(params, model) is None
    drawn = place_instruments(None, params, 6.0, model)
    assert drawn.z.shape == (3, 256)
    assert len(set(drawn.names)) == 3
    assert drawn.model == model.fingerprint
    # What is printed asks for the same again.
    again = choose_path(TimbreParams(instruments=",".join(drawn.names)), model).over(6.0)
    np.testing.assert_array_equal(again.z, drawn.z)
    np.testing.assert_array_equal(again.times, drawn.times)
    assert again.names == drawn.names


def test_named_instruments_are_spread_over_the_melody(model):
    path = choose_path(TimbreParams(instruments="cello,flute,glass"), model)
    placed = place_instruments(path, TimbreParams(), 10.0, model)
    assert placed.names == ("Cello", "Flute", "Glass Harmonics")
    np.testing.assert_allclose(placed.times, [FIRST_ANCHOR, 5.0, 10.0], atol=1e-3)
    np.testing.assert_allclose(placed.z, [z_of(1), z_of(0), z_of(2)], rtol=1e-6)
    z = get_z_notes([0.0, 2.5, 10.0], placed)
    np.testing.assert_allclose(z[0], z_of(1), atol=1e-3)
    np.testing.assert_allclose(z[1], slerp(z_of(1), z_of(0), 0.5), atol=1e-3)
    np.testing.assert_allclose(z[2], z_of(2), rtol=1e-6)


def test_given_instruments_are_played_beside_named_ones(model, rng):
    z = rng.standard_normal(256)
    path = choose_path(TimbreParams(instruments=[z, "Flute", Instrument(-z, "Horn")]), model)
    assert path.names == ("z", "Flute", "Horn")
    np.testing.assert_allclose(path.z, [z, z_of(0), -z], rtol=1e-6)
    alone = choose_path(TimbreParams(instruments=z), model)
    assert alone.names == ("z",)
    np.testing.assert_array_equal(alone.over(3.0).z, [z])


def test_a_file_is_played_with_given_instruments(tmp_path, fake_parts, rng):
    song = write_wav(tmp_path / "song.wav", tones((60, 0.5, LOUD), (64, 0.5, LOUD)))
    z = rng.standard_normal(256)
    result = pipeline.retimbre_file(song, instruments=[z, "Flute", Instrument(-z)], seed=1)
    np.testing.assert_array_equal(result.instruments.z[[0, 2]], [z, -z])
    assert result.instruments.names == ("z", "Flute", "z")


def test_given_instruments_need_no_palette_but_the_models_size(tmp_path):
    folder = write_model(tmp_path / "deaf", parts=())
    deaf = HarmonicGenerator(read_config(folder))
    good = TimbreParams(model=str(folder), instruments=np.ones(256))
    check_timbre(good)
    assert choose_path(good, deaf).z.shape == (1, 256)
    wrong = TimbreParams(model=str(folder), instruments=np.ones(128))
    for call in (lambda: check_timbre(wrong), lambda: choose_path(wrong, deaf)):
        with pytest.raises(ParameterError, match=r"'deaf' takes instruments of 256 .* z of 128"):
            call()


def test_one_instrument_plays_the_whole_melody(model):
    placed = choose_path(TimbreParams(instruments=["Flute"]), model).over(10.0)
    z = get_z_notes([0.0, 4.0, 9.9], placed)
    np.testing.assert_allclose(z, np.repeat(z_of(0)[None], 3, axis=0), rtol=1e-6)


def test_instruments_are_reached_at_their_times(model):
    path = choose_path(TimbreParams(instruments="Flute@1,Flute@4,Cello@4,Glass@8"), model)
    placed = path.over(100.0)
    np.testing.assert_array_equal(placed.times, [1.0, 4.0, 4.0, 8.0])
    z = get_z_notes([0.0, 3.9, 4.1, 8.0, 50.0], placed)
    np.testing.assert_allclose(z[:2], [z_of(0), z_of(0)], rtol=1e-5)
    np.testing.assert_allclose(z[2], slerp(z_of(1), z_of(2), 0.1 / 4.0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(z[3:], [z_of(2), z_of(2)], rtol=1e-5)


def test_recordings_are_heard_one_after_the_other(model, tmp_path, fake_parts):
    files = [
        write_wav(tmp_path / f"{key}.wav", tones((key, 1.0, LOUD), sr=44100), 44100)
        for key in (57, 69)
    ]
    path = choose_path(TimbreParams(like=files), model)
    assert path.names == ("57.wav", "69.wav")
    for z, file in zip(path.z, files, strict=True):
        alone = choose_path(TimbreParams(like=file), model)
        np.testing.assert_array_equal(alone.z[0], z)
        assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, rel=1e-5)
    assert np.abs(path.z[0] - path.z[1]).max() > 0.01


def test_what_is_wrong_with_a_recording_names_it(model, tmp_path, fake_parts):
    silence = write_wav(tmp_path / "silence.wav", np.zeros(16000))
    with pytest.raises(NoPitchError, match=r"silence\.wav is silent"):
        choose_path(TimbreParams(like=silence), model)
    with pytest.raises(ReadError, match=r"nowhere\.wav"):
        choose_path(TimbreParams(like=tmp_path / "nowhere.wav"), model)


def test_model_without_names_or_ears_says_so(tmp_path):
    deaf = HarmonicGenerator(read_config(write_model(tmp_path / "deaf", parts=())))
    with pytest.raises(ModelError, match="'deaf' has no palette"):
        choose_path(TimbreParams(instruments="Flute"), deaf)
    note = write_wav(tmp_path / "note.wav", tones((69, 1.0, LOUD)))
    with pytest.raises(ModelError, match="'deaf' has no encoder"):
        choose_path(TimbreParams(like=note), deaf)


def test_recordings_are_checked_without_the_networks(tmp_path, fake_parts, caplog):
    folder = write_model(tmp_path / "unread")
    (folder / "generator.onnx").unlink()
    note, high, silent = (
        write_wav(tmp_path / name, tones((key, 1.0, level), sr=44100), 44100)
        for name, key, level in (("a.wav", 69, LOUD), ("high.wav", 90, LOUD), ("no.wav", 69, 0.0))
    )
    with caplog.at_level("INFO", logger="retimbre"):
        check_timbre(TimbreParams(model=str(folder), like=note))
    assert "a.wav: using the note at 0.0" in caplog.text
    with pytest.raises(NoPitchError, match=r"no\.wav is silent"):
        check_timbre(TimbreParams(model=str(folder), like=[note, silent]))
    with pytest.raises(ParameterError, match=r"high\.wav is MIDI 90"):
        check_timbre(TimbreParams(model=str(folder), like=high))
    with pytest.raises(ModelError, match="'deaf' has no encoder"):
        check_timbre(TimbreParams(model=str(write_model(tmp_path / "deaf", parts=())), like=note))


@pytest.mark.parametrize(
    ("times", "onsets", "heard"),
    [
        ([100.0, 200.0], [0.0, 19.0], ("A",)),
        ([0.0, 200.0], [0.0, 19.0], ("A", "B")),
        ([0.0, 5.0, 10.0], [6.0, 7.0], ("B", "C")),
        ([0.0, 5.0, 10.0], [11.0], ("C",)),
        ([0.0, 4.0, 4.0], [5.0], ("C",)),
        ([3.0], [0.0, 9.0], ("A",)),
    ],
)
def test_instruments_are_heard_between_their_neighbours(times, onsets, heard):
    placed = Instruments(np.ones((len(times), 4)), times, tuple("ABC"[: len(times)]))
    assert heard_names(placed, np.array(onsets)) == heard
    assert heard_names(Instruments(placed.z, times), np.array(onsets)) == ()


# Through the pipeline


def test_a_melody_is_played_along_the_path(melody, fake_parts):
    result = pipeline.retimbre_file(melody, instruments=["Flute", "glass"], seed=0)
    assert result.instruments.names == ("Flute", "Glass Harmonics")
    assert result.report["instrument_names"] == ["Flute", "Glass Harmonics"]
    assert result.report["instruments"] == 2
    np.testing.assert_allclose(result.instruments.z[:, 0], [0.0, 2.0])
    as_text = pipeline.retimbre_file(melody, instruments="Flute,glass", seed=0)
    np.testing.assert_array_equal(as_text.y, result.y)
    like = pipeline.retimbre_file(melody, like=melody, seed=0)
    assert like.report["instrument_names"] == ["melody.wav"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("Flute@100,Cello@200.5", "Flute@100, Cello@200.5 lie after the end of "),
        ("Flute@0,Cello@2.1", "Cello@2.1 lies after the end of "),
        ("Flute@0,Cello@1.9", None),
        ("Flute,Cello", None),
    ],
)
def test_instruments_behind_the_end_are_told(melody, fake_parts, caplog, asked, told):
    y, sr = audio.load(melody)
    reports = [
        pipeline.retimbre_file(melody, instruments=asked, seed=0).report,
        pipeline.retimbre(y, sr, instruments=asked, seed=0).report,
    ]
    assert [record.getMessage() for record in caplog.records] == [
        f"{told}{name} (2.00 s)." for name in (melody, "the recording") if told
    ]
    for report in reports:
        assert report["instrument_names"] == ["Flute", "Cello"]
        assert report["heard_names"] == (["Flute"] if "@100" in asked else ["Flute", "Cello"])


def test_an_unknown_instrument_is_told_before_any_analysis(tmp_path, fake_parts):
    with pytest.raises(ParameterError, match="No instrument named 'Kazoo'"):
        pipeline.retimbre_file(tmp_path / "does-not-exist.wav", instruments="Kazoo")


def test_render_finds_the_path_by_itself(melody, fake_parts):
    settings = Settings.from_options(instruments="Cello", seed=0)
    result = pipeline.render(analyze_file(melody), settings)
    assert result.instruments.names == ("Cello",)
