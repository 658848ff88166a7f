"""The way through: from a recording or MIDI to sound, with light stand-ins for the networks."""

import json
import tracemalloc

import numpy as np
import pytest
from fakes import FAKE_SR, LOUD, SOFT, SR, FakeGenerator, fake_estimate_pitch, tones, write_wav

from retimbre import generator, latent, notes, pipeline, pitch
from retimbre.errors import DecodeError, ModelNotFoundError, NoPitchError, ParameterError
from retimbre.instrument import Instruments
from retimbre.io import audio
from retimbre.io.mono import to_mono
from retimbre.metering.true_peak import true_peak
from retimbre.pitch.analysis import analyze_file
from retimbre.session import TAIL_SECONDS
from retimbre.settings import Settings
from retimbre.settings.params import NoteParams
from retimbre.types import PitchTrack

MELODY = (60, 64, 67, 72)
"""The tones of the fixture `melody`; the last is soft."""

TIMINGS = {"decode", "pitch", "notes", "generate", "synthesize", "total"}

pytestmark = pytest.mark.usefixtures("fake_parts")


def pitch_of(y, sr):
    """Return the strongest frequency [Hz], by the DFT."""
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 8 * len(y)))
    return np.argmax(spectrum) * sr / (8 * len(y))


def test_notes_of_the_recording_are_found_and_played(melody):
    result = pipeline.retimbre_file(melody, confidence=0.5, seed=0)
    assert result.notes.pitch.tolist() == list(MELODY)
    assert result.sr == FAKE_SR
    assert result.y.dtype == np.float32
    for onset, offset, key in zip(result.notes.onset, result.notes.offset, MELODY, strict=True):
        # The note before rings for 0.3 s, over the gap of 0.1 s.
        heard = result.y[round((onset + 0.22) * FAKE_SR) : round(offset * FAKE_SR)]
        cents = 1200 * np.log2(pitch_of(heard, FAKE_SR) / (440 * 2 ** ((key - 69) / 12)))
        # The second partial may be the stronger: count the octave as the same note.
        assert abs((cents + 600) % 1200 - 600) < 20


def test_threshold_decides_which_notes_there_are(melody):
    assert pipeline.retimbre_file(melody, confidence=0.8, seed=0).notes.pitch.tolist() == [
        60,
        64,
        67,
    ]


def test_arrays_and_files_give_the_same(melody):
    y, sr = audio.load(melody)
    from_file = pipeline.retimbre_file(melody, seed=1)
    from_array = pipeline.retimbre(y, sr, seed=1)
    np.testing.assert_array_equal(from_file.y, from_array.y)


def test_channels_are_averaged(melody):
    y, sr = audio.load(melody)
    mono = pipeline.retimbre(y, sr, seed=1)
    stereo = pipeline.retimbre(np.stack([y, y]), sr, seed=1)
    np.testing.assert_array_equal(mono.y, stereo.y)


def test_input_is_not_changed(melody):
    y, sr = audio.load(melody)
    y.setflags(write=False)
    before = y.copy()
    pipeline.retimbre(y, sr, seed=1)
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.zeros(0), "shape"),
        (np.zeros((1, 1, 9)), "shape"),
        (np.array([0.0, np.nan]), "finite"),
        (np.array([0.0, np.inf]), "finite"),
    ],
)
def test_bad_audio_is_refused(y, match):
    with pytest.raises(ParameterError, match=match):
        pipeline.retimbre(y, SR)


def test_same_seed_same_samples(melody):
    first, second = (pipeline.retimbre_file(melody, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.y, second.y)
    assert np.any(first.y != pipeline.retimbre_file(melody, seed=8).y)


def test_seed_is_of_the_noise_of_chosen_instruments_too(melody):
    same, other = (pipeline.retimbre_file(melody, seed=k, instruments="Flute") for k in (7, 8))
    np.testing.assert_array_equal(same.instruments.z, other.instruments.z)
    assert np.any(same.y != other.y)


def test_drawn_seed_is_told_and_repeats_the_result(melody):
    drawn = pipeline.retimbre_file(melody)
    again = pipeline.retimbre_file(melody, seed=drawn.report["seed"])
    np.testing.assert_array_equal(drawn.y, again.y)
    assert pipeline.retimbre_file(melody).report["seed"] != drawn.report["seed"]


def test_thresholds_share_one_analysis_and_its_instruments(melody, monkeypatch):
    n_calls = []

    def counted(*args, **kwargs):
        n_calls.append(1)
        return fake_estimate_pitch(*args, **kwargs)

    monkeypatch.setattr(pitch, "estimate_pitch", counted)
    analysis = analyze_file(melody)
    settings = Settings.from_options(seed=0)
    low, high = (pipeline.render(analysis, settings.with_confidence(c)) for c in (0.5, 0.8))
    assert len(n_calls) == 1
    assert (len(low.notes), len(high.notes)) == (4, 3)
    np.testing.assert_array_equal(low.instruments.z, high.instruments.z)


@pytest.mark.parametrize("silence", [0.0, 3.0])
def test_output_is_as_long_as_the_input_or_a_tail_longer(tmp_path, silence):
    y = tones((60, 0.5, LOUD), (None, silence, 0.0), gap=0.0)
    path = write_wav(tmp_path / "tone.wav", y)
    result = pipeline.retimbre_file(path, seed=0)
    seconds = len(result.y) / result.sr
    assert result.report["duration"] == seconds
    assert 0.5 + silence <= seconds + 1 / FAKE_SR
    expected = max(0.5 + silence, result.notes.offset.max() + TAIL_SECONDS)
    assert seconds == pytest.approx(expected, abs=1 / FAKE_SR)


def test_peak_is_where_it_was_asked(melody):
    for peak_db in (-1.0, -20.0):
        result = pipeline.retimbre_file(melody, seed=0, loudness="peak", peak_db=peak_db)
        peak = true_peak(result.y, sr=result.sr)
        assert 20 * np.log10(peak) == pytest.approx(peak_db, abs=0.001)
        assert result.report.limited_db == 0.0


def test_options_reach_their_stage(melody, monkeypatch):
    seen = {}

    def spy(y, sr, params, *, progress=None, on_pitch=None):
        seen["pitch"] = params
        return fake_estimate_pitch(y, sr, params)

    def perform(self, melody, path, params, **kwargs):
        seen["render"] = params
        return FakeGenerator.perform(self, melody, path, params, **kwargs)

    class SpyGenerator(FakeGenerator):
        pass

    SpyGenerator.perform = perform
    monkeypatch.setattr(generator, "load_generator", lambda model: SpyGenerator())
    monkeypatch.setattr(pitch, "estimate_pitch", spy)
    result = pipeline.retimbre_file(
        melody,
        pitch_method="pyin",
        crepe_capacity="tiny",
        viterbi=False,
        fmin=50.0,
        fmax=900.0,
        expression=0.25,
        pitch_expression=0.5,
        articulation="always",
        secs_per_instrument=0.5,
        transpose=12,
        min_note_length=0.01,
        seed=0,
    )
    params = seen["pitch"]
    assert (params.method, params.capacity, params.viterbi) == ("pyin", "tiny", False)
    assert (params.fmin, params.fmax) == (50.0, 900.0)
    assert seen["render"].expressions == (0.5, 0.25)
    assert seen["render"].articulation == "always"
    assert len(result.instruments.times) == 4  # 2.0 s of recording
    assert result.notes.pitch.tolist() == [key + 12 for key in MELODY]


def test_notes_follow_the_models_even_path(melody, monkeypatch):
    seen = {}

    class Early(FakeGenerator):
        """One that reaches the last instrument at a quarter of the time."""

        def even_path(self, instruments, notes):
            return Instruments(instruments.z, 0.25 * instruments.times)

        def perform(self, melody, path, *args, **kwargs):
            seen["z"] = latent.get_z_notes(melody.notes.onset, path)
            return super().perform(melody, path, *args, **kwargs)

    monkeypatch.setattr(generator, "load_generator", lambda model: Early())
    result = pipeline.retimbre_file(melody, seed=0)
    assert (result.notes.onset > 0.5).any()
    np.testing.assert_allclose(seen["z"][-1], result.instruments.z[-1])
    assert result.instruments.times[-1] == 2.0  # the instruments are told where they were placed


def test_notes_are_folded_into_the_range_and_counted(melody):
    result = pipeline.retimbre_file(melody, seed=0, pitch_range=(60, 71))
    assert result.notes.pitch.tolist() == [60, 64, 67, 60]
    assert result.report["folded"] == 1
    model_range = pipeline.retimbre_file(melody, seed=0, transpose=24)
    assert model_range.notes.pitch.tolist() == [84, 76, 79, 84]
    assert model_range.report["folded"] == 3


def test_report_holds_what_is_promised(melody):
    result = pipeline.retimbre_file(melody, confidence=0.8, seed=5)
    report = result.report
    assert json.loads(json.dumps(report.as_dict())) == report.as_dict()
    assert report["input"] == str(melody)
    assert report["confidence"] == 0.8
    assert report["sample_rate"] == FAKE_SR
    assert report["notes"] == 3
    assert report["seed"] == 5
    assert report["input_sample_rate"] == SR
    assert report["input_duration"] == pytest.approx(2.0)
    assert report["voiced_seconds"] == pytest.approx(1.2, abs=0.15)
    assert report["dropped"]["unvoiced_seconds"] == pytest.approx(0.4, abs=0.05)
    assert set(report.timings) >= TIMINGS
    assert all(seconds >= 0 for seconds in report["timings"].values())
    parts = sum(report["timings"][key] for key in ("decode", "pitch", "notes"))
    assert report["timings"]["total"] >= parts


def test_result_prints_on_a_line(melody):
    result = pipeline.retimbre_file(melody, seed=0)
    assert repr(result) == f"<Result: 4 notes, {len(result.y) / FAKE_SR:.2f} s at 8000 Hz>"


def test_short_notes_are_counted(tmp_path):
    path = write_wav(tmp_path / "y.wav", tones((60, 0.5, LOUD), (67, 0.15, LOUD)))
    result = pipeline.retimbre_file(path, seed=0, min_note_length=0.3)
    assert len(result.notes) == 1
    assert result.report["dropped"]["short_notes"] == 1


def test_midi_takes_the_same_way_from_the_notes_on(midi_file):
    result = pipeline.retimbre_file(midi_file, seed=0, transpose=-12)
    assert result.pitch is None
    assert result.curves is None
    assert result.notes.pitch.tolist() == [48, 52, 55]
    np.testing.assert_allclose(result.notes.onset, [0.0, 0.5, 1.0], atol=0.002)
    assert result.report["confidence"] is None
    assert result.report["voiced_seconds"] is None
    assert result.report["input_duration"] == pytest.approx(1.5, abs=0.002)
    assert set(result.report["timings"]) >= TIMINGS


def test_nothing_voiced_tells_the_highest_confidence(melody):
    with pytest.raises(NoPitchError, match=r"confidence 0\.95.* 0\.900"):
        pipeline.retimbre_file(melody, confidence=0.95)


def test_confidence_that_is_told_is_rounded_down(monkeypatch, melody):
    def estimate(y, sr, params, *, progress=None, on_pitch=None):
        track = fake_estimate_pitch(y, sr, params)
        confidence = np.minimum(track.confidence, 0.79996)
        return PitchTrack(track.times, track.f0, confidence, track.level_db, track.onset_strength)

    monkeypatch.setattr(pitch, "estimate_pitch", estimate)
    with pytest.raises(NoPitchError, match=r"is 0\.799\)"):
        pipeline.retimbre_file(melody, confidence=0.8)


def test_silence_is_told_as_silence():
    with pytest.raises(NoPitchError, match="silent"):
        pipeline.retimbre(np.zeros(SR, np.float32), SR)


def test_voiced_without_a_note_is_told(tmp_path):
    path = write_wav(tmp_path / "blip.wav", tones((60, 0.3, LOUD)))
    with pytest.raises(NoPitchError, match="2000 ms"):
        pipeline.retimbre_file(path, min_note_length=2.0)


def test_file_that_is_no_audio_is_refused(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("This is not audio.")
    with pytest.raises(DecodeError, match=r"text\.wav"):
        pipeline.retimbre_file(path)


def test_unknown_model_is_told_before_any_analysis(tmp_path):
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        pipeline.retimbre_file(tmp_path / "does-not-exist.wav", model="nowhere")


@pytest.mark.parametrize("asked", [(0, 20), (74, 127), (0, 46)])
def test_range_that_the_model_cannot_play_is_told_before_any_analysis(tmp_path, asked):
    told = rf"{asked[0]}-{asked[1]} .* the model's 36-84 .* an octave"
    with pytest.raises(ParameterError, match=told):
        pipeline.retimbre_file(tmp_path / "does-not-exist.wav", pitch_range=asked)
    with pytest.raises(ParameterError, match=told):
        pipeline.retimbre(np.array([np.nan]), SR, pitch_range=asked)


@pytest.mark.parametrize(
    ("asked", "transpose", "lowest"), [((0, 47), -48, 36), ((73, 127), 48, 73)]
)
def test_range_is_that_part_of_it_which_the_model_has(melody, asked, transpose, lowest):
    found = pipeline.retimbre_file(melody, pitch_range=asked, transpose=transpose).notes.pitch
    assert found.tolist() == [lowest + (key - lowest) % 12 for key in MELODY]


def test_seed_may_be_of_any_kind_of_integer(melody):
    same = [pipeline.retimbre_file(melody, seed=seed).y for seed in (2**53, np.int64(2**53))]
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"confidance": 0.5}, "'confidence'"),
        ({"zzz": 1}, "use one of .*confidence"),
        ({"confidence": 1.5}, "from 0 to 1"),
        ({"seed": -1}, "from 0 to 9007199254740992"),
        ({"seed": 2**53 + 1}, "given 9007199254740993"),
        ({"seed": 2**63}, "whole number from 0"),
        ({"seed": 1.5}, "whole number .* given 1.5"),
        ({"secs_per_instrument": 0.009}, "0.01 or more, given 0.009"),
        ({"fmax": np.inf}, "both finite"),
        ({"loudness": 5}, "from -60 to 0 or 'peak' or 'input', given 5"),
        ({"loudness": np.nan}, "loudness must be a number"),
        ({"loudness": "loud"}, "given 'loud'"),
        ({"loudness": True}, "given True"),
        ({"pitch_range": (60, 62)}, "octave"),
    ],
)
def test_bad_options_are_refused(options, match, melody):
    with pytest.raises(ParameterError, match=match):
        pipeline.retimbre_file(melody, **options)


def test_none_is_the_default():
    assert Settings.from_options(confidence=None, model=None) == Settings()
    assert Settings().notes == NoteParams()


def test_progress_tells_both_stages(melody):
    calls = []
    pipeline.retimbre_file(melody, seed=0, progress=lambda *call: calls.append(call))
    stages = list(dict.fromkeys(stage for stage, _, _ in calls))
    assert stages == ["pitch", "generate"]
    generate = [(done, total) for stage, done, total in calls if stage == "generate"]
    assert generate == [(k, 4) for k in range(5)]


def test_listener_sees_the_recording_and_analysis_keeps_none_of_it(melody):
    seen = []
    analysis = analyze_file(melody, listener=lambda y, sr: seen.append((y.size, sr)))
    assert seen == [(2 * SR, SR)]
    kept = [a for a in vars(analysis).values() if isinstance(a, np.ndarray)]
    assert kept == []


def test_recording_at_a_high_rate_is_analysed_at_a_lower_one(tmp_path):
    y = tones((60, 0.4, LOUD), (67, 0.4, LOUD), sr=96_000)
    path = write_wav(tmp_path / "high.wav", y, sr=96_000)
    seen = []
    analysis = analyze_file(path, listener=lambda y, sr: seen.append((y.size, sr)))
    assert seen == [(44_100, 44_100)]
    assert analysis.sr == 96_000
    assert analysis.duration == pytest.approx(1.0)
    found = pipeline.retimbre_file(path, seed=0)
    assert found.notes.pitch.tolist() == [60, 67]
    assert found.report["input_sample_rate"] == 96_000


@pytest.mark.parametrize("where", [0, 2**20, -1])
def test_one_bad_sample_is_found_in_little_memory(where):
    y = np.zeros(3 * 2**20 + 1, np.float32)
    to_mono(y)  # NumPy's own first use
    tracemalloc.start()
    assert to_mono(y) is y
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.1 * 2**20
    y[where] = np.nan
    with pytest.raises(ParameterError, match="finite"):
        to_mono(y)


def test_one_note_in_a_short_clip(tmp_path):
    path = write_wav(tmp_path / "note.wav", tones((69, 0.3, SOFT), gap=0.0))
    result = pipeline.retimbre_file(path, seed=0)
    assert result.notes.pitch.tolist() == [69]
    assert np.isfinite(result.y).all()


def test_result_has_a_curve_for_each_note(melody):
    result = pipeline.retimbre_file(melody, seed=0)
    assert len(result.curves) == len(result.notes)
    assert (
        notes.note_curves(result.pitch, result.notes)[0].cents.shape == result.curves[0].cents.shape
    )
