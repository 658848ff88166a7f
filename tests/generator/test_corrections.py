"""Corrections in what is played: on one instrument, and on the way from one to the next."""

from dataclasses import replace

import numpy as np
import pytest
from fake_models import write_model
from fakes import LOUD, tones

from retimbre import pipeline
from retimbre.errors import NoPitchError, ParameterError, ReadError
from retimbre.generator.folder import read_config
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.instrument import Correction, Instrument, Instruments
from retimbre.io.instruments import save_instrument
from retimbre.latent import get_places, get_z_notes
from retimbre.like.hearing import MOST_NOTES
from retimbre.like.recordings import hear_recordings
from retimbre.session import Session
from retimbre.settings import Settings
from retimbre.types import Melody, Notes

SR = 16000
DARK = Correction(
    np.full(19, 60.0), np.arange(2.0, 21.0), np.full((19, 6), -0.2), np.zeros((19, 6))
)
"""Takes from all partials but the first of middle C."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "fake")


@pytest.fixture(scope="module")
def generator(folder):
    return HarmonicGenerator(read_config(folder))


def notes_at(*onsets, pitch=60):
    onset = np.array(onsets)
    return Notes(onset, onset + 0.3, np.full(len(onset), pitch), np.full(len(onset), 90))


def rms(wave):
    return float(np.sqrt(np.mean(np.square(wave))))


def play(generator, notes, path):
    corrections = path.corrections_of(get_places(notes.onset, path))
    z = get_z_notes(notes.onset, path)
    return list(generator.play(z, notes, corrections=corrections))


def test_a_correction_is_heard_where_it_is_and_not_far_away(generator):
    z = np.ones((1, 256))
    paths = [Instruments(z, np.zeros(1), corrections=c) for c in ((), (None,), (DARK,))]
    plain, none, corrected = (play(generator, notes_at(0.0), path)[0] for path in paths)
    np.testing.assert_array_equal(plain, none)
    far, _, far_corrected = (play(generator, notes_at(0.0, pitch=84), path)[0] for path in paths)
    assert rms(corrected) < 0.9 * rms(plain)
    assert rms(far_corrected) > 0.97 * rms(far)


def test_on_the_way_a_correction_fades(generator):
    z = np.ones((2, 256))
    path = Instruments(z, np.array([0.0, 4.0]), corrections=(DARK, None))
    levels = [rms(wave) for wave in play(generator, notes_at(0.0, 1.0, 2.0, 4.0), path)]
    assert levels == sorted(levels)
    assert len({round(float(level), 6) for level in levels}) == 4


def test_notes_know_their_place_on_an_evened_path(generator):
    z = np.ones((2, 256))
    z[0, 0], z[1, 0] = -2.0, 2.0
    given = Instruments(z, np.array([0.0, 4.0]), corrections=(DARK, None))
    onsets = np.linspace(0.0, 4.0, 9)
    path = generator.even_path(given, notes_at(*onsets))
    assert len(path.times) > 2
    assert path.corrections == given.corrections
    places = get_places(onsets, path)
    assert (places[0], places[-1]) == (0.0, 1.0)
    assert np.all(np.diff(places) > 0.0)


def test_one_instrument_is_heard_in_all_its_notes(generator):
    one = tones((60, 0.6, LOUD))
    phrase = tones((57, 0.6, LOUD), (60, 0.6, LOUD), (64, 0.6, LOUD))
    single, several = (generator.hear([(y, SR, "it")], name="it") for y in (one, phrase))
    assert single.range == (60, 60)
    assert several.range == (57, 64)
    assert set(several.correction.pitches) == {57.0, 60.0, 64.0}
    assert single.name == "it"
    np.testing.assert_array_equal(generator.encode(one, SR), single.z.astype(np.float32))


def test_recordings_that_cannot_be_used_are_named(generator, caplog):
    good = (tones((60, 0.6, LOUD)), SR, "good.wav")
    silent = (np.zeros(SR), SR, "silent.wav")
    assert generator.hear([silent, good]).range == (60, 60)
    assert "silent.wav is silent" in caplog.text
    with pytest.raises(NoPitchError, match=r"silent\.wav"):
        generator.hear([silent])


def test_a_saved_instrument_sounds_as_the_one_that_was_heard(folder, generator, tmp_path):
    heard = generator.hear([(tones((60, 0.6, LOUD)), SR, "it")], name="it")
    save_instrument(tmp_path / "it.json", heard)
    melody = Melody(notes_at(0.0, 0.5, 1.0))
    options = {"model": str(folder), "seed": 0}
    given, saved = (
        Session(Settings.from_options(**options, **chosen)).play(melody).y
        for chosen in ({"instruments": heard}, {"like": tmp_path / "it.json"})
    )
    assert given.tobytes() == saved.tobytes()
    plain = Session(Settings.from_options(**options, instruments=heard.z)).play(melody).y
    assert plain.tobytes() != given.tobytes()


def test_a_folder_is_one_instrument(folder, tmp_path, midi_file, caplog):
    import soundfile

    takes = tmp_path / "takes"
    takes.mkdir()
    for pitch in (57, 64):
        soundfile.write(takes / f"{pitch}.wav", tones((pitch, 0.6, LOUD)), SR)
    (takes / "notes.txt").write_text("dry")
    (takes / "broken.wav").write_bytes(b"RIFF")
    result = pipeline.retimbre_file(midi_file, model=str(folder), like=takes, seed=0)
    assert result.report.instrument_names == ["takes"]
    assert "broken.wav" in caplog.text
    (takes / "broken.wav").unlink()
    (takes / "57.wav").unlink()
    (takes / "64.wav").unlink()
    with pytest.raises(ReadError, match="contains no recordings"):
        pipeline.retimbre_file(midi_file, model=str(folder), like=takes, seed=0)


def test_a_saved_instrument_of_another_model_is_refused(folder, tmp_path, midi_file):
    save_instrument(tmp_path / "small.json", Instrument(np.ones(3), "small"))
    with pytest.raises(ParameterError, match=r"given .*small\.json with a z of 3"):
        pipeline.retimbre_file(midi_file, model=str(folder), like=tmp_path / "small.json")


def test_another_model_is_warned_of(folder, generator, tmp_path, midi_file, caplog):
    heard = generator.hear([(tones((60, 0.6, LOUD)), SR, "folder/it.wav")], name="it")
    assert (heard.source, heard.model) == ("it.wav", generator.fingerprint)
    save_instrument(tmp_path / "it.json", heard)
    save_instrument(tmp_path / "other.json", replace(heard, model="default 0123456789ab"))
    for name in ("it", "other"):
        pipeline.retimbre_file(midi_file, model=str(folder), like=tmp_path / f"{name}.json")
        assert ("default 0123456789ab" in caplog.text) == (name == "other")


def test_the_first_notes_of_many_are_from_all_over_the_range():
    takes = [(tones((pitch, 0.5, LOUD)), SR, f"{pitch}") for pitch in range(55, 73, 3)]
    heard = [note.pitch for note in hear_recordings(takes, (21, 108))]
    assert sorted(heard) == list(range(55, 73, 3))
    assert heard[0] == 55
    assert heard[3] == 70
    assert heard[:4] == sorted(heard[:4])


def test_a_long_phrase_is_heard_from_end_to_end(generator):
    phrase = tones(*((pitch, 0.4, LOUD) for pitch in range(55, 67)))
    keys = sorted(set(generator.hear([(phrase, SR, "scale")]).correction.pitches))
    assert len(keys) == MOST_NOTES
    assert keys[0] <= 56
    assert keys[-1] >= 65


def test_a_short_loud_note_does_not_hide_the_others(generator):
    short = 4.0 * tones((72, 0.12, LOUD))
    pause = np.zeros(SR // 3, np.float32)
    phrase = np.concatenate([short, pause, tones((57, 0.8, LOUD)), pause, tones((60, 0.8, LOUD))])
    assert generator.hear([(phrase, SR, "blip")]).range == (57, 60)


@pytest.mark.parametrize("recordings", [[], None, (np.zeros(9), SR, "a"), [(np.zeros(9), SR)]])
def test_recordings_are_a_list_of_three_things_each(generator, recordings):
    with pytest.raises(ParameterError, match="list of recordings"):
        generator.hear(recordings)


def test_what_is_like_a_folder_is_no_result_of_it(folder, tmp_path, midi_file):
    import soundfile

    takes = tmp_path / "takes"
    takes.mkdir()
    soundfile.write(takes / "57.wav", tones((57, 0.6, LOUD)), SR)
    options = {"model": str(folder), "like": takes, "seed": 0}
    once = pipeline.retimbre_file(midi_file, **options)
    soundfile.write(takes / "song.retimbred.wav", tones((64, 0.6, LOUD)), SR)
    assert pipeline.retimbre_file(midi_file, **options).y.tobytes() == once.y.tobytes()


def test_instruments_are_not_files():
    with pytest.raises(ParameterError, match="given as instruments"):
        Settings.from_options(like=[Instrument(np.ones(3))])


def test_an_empty_name_is_no_folder():
    with pytest.raises(ParameterError, match="like is an empty name"):
        Settings.from_options(like="")
