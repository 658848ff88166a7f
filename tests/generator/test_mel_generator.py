"""GANSynth's networks as generators: exact samples for less work, each pair once."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soxr
from fake_mel_model import PITCH_RANGE, write_mel_model

import retimbre
from retimbre.errors import ModelError, ModelFormatError, ParameterError
from retimbre.gansynth import specgram as melspec
from retimbre.generator import load_generator
from retimbre.generator.folder import read_config
from retimbre.generator.gansynth import GansynthGenerator, needed_frames
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.instrument import Instruments
from retimbre.types import Melody, NoteCurve, Notes
from retimbre.units import midi_to_hz


def tone(pitch: float = 60.0) -> np.ndarray:
    """Four seconds of a tone of three partials that dies away."""
    t = np.arange(melspec.N_SAMPLES) / melspec.SAMPLE_RATE
    f0 = float(midi_to_hz(pitch))
    partials = sum(np.sin(2 * np.pi * k * f0 * t + k) / k for k in (1, 2, 3))
    return (0.3 * np.exp(-t) * partials).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    image = melspec.normalize(melspec.waves_to_specgrams(tone()[None]))[0]
    return write_mel_model(tmp_path_factory.mktemp("models") / "imported", image)


class CountingNetwork:
    """A network that remembers what it was asked for."""

    def __init__(self, network) -> None:
        self.network = network
        self.asked: list[tuple[int, int]] = []

    def run(self, inputs, *, frames):
        self.asked.append((len(inputs["z"]), int(frames[0])))
        return self.network.run(inputs, frames=frames)


@pytest.fixture
def model(folder: Path) -> GansynthGenerator:
    found = load_generator(folder)
    assert isinstance(found, GansynthGenerator)
    assert isinstance(found, retimbre.Generator)
    return found


@pytest.fixture
def network(model: GansynthGenerator, monkeypatch) -> CountingNetwork:
    counting = CountingNetwork(model._network)
    monkeypatch.setattr(model, "_network", counting)
    return counting


def latents(*first: float) -> np.ndarray:
    z = np.zeros((len(first), 256))
    z[:, 0] = first
    return z


def envelope(n_held: int, n_release: int) -> np.ndarray:
    """GANSynth's: a linear attack of 10 ms inside the note, a linear release after it."""
    rise = np.minimum(np.arange(n_held) / 160, 1.0)
    return np.concatenate([rise, 1.0 - np.arange(n_release) / n_release])


def test_a_mel_model_is_known_by_its_representation(model: GansynthGenerator) -> None:
    assert (model.name, model.sample_rate, model.clip_rate) == ("imported", 16000, 44100)
    assert (model.latent_dim, model.pitch_range) == (256, PITCH_RANGE)
    assert not model.has_velocity


def test_whole_notes_are_the_networks_image_as_sound(model: GansynthGenerator, network) -> None:
    z = latents(0.0, 1.0, 0.0)
    waves = model.generate_samples_from_z(z, np.array([60, 60, 60]))
    assert waves.shape == (3, 64000)
    assert waves.dtype == np.float32
    images = model.generate_specgrams(z[:2], np.array([60, 60]))
    expected = melspec.specgrams_to_waves(melspec.denormalize(images))
    np.testing.assert_allclose(waves[:2], expected, atol=1e-6)
    np.testing.assert_array_equal(waves[2], waves[0])
    assert np.abs(waves[1]).max() < 0.8 * np.abs(waves[0]).max()
    # The pair that came twice was made once.
    assert network.asked[0] == (2, 128)


def test_fewer_frames_are_the_first_of_all(model: GansynthGenerator) -> None:
    whole = model.generate_specgrams(latents(0.3), np.array([60]))
    some = model.generate_specgrams(latents(0.3), np.array([60]), 9)
    np.testing.assert_array_equal(some, whole[:, :9])
    assert model.generate_specgrams(latents(), np.zeros(0, int)).shape == (0, 128, 1024, 2)


def test_a_plain_note_is_gansynths_with_its_envelope(model: GansynthGenerator, network) -> None:
    notes = Notes([0.0], [0.5], [60], [100])
    (wave,) = model.play(latents(0.0), notes)
    assert network.asked == [(1, melspec.frames_for(12800))]
    (whole,) = model.generate_samples_from_z(latents(0.0), np.array([60]))
    expected = soxr.resample(whole[:12800] * envelope(8000, 4800), 16000, 44100)
    assert len(wave) == pytest.approx(0.8 * 44100, abs=2)
    np.testing.assert_allclose(wave, expected[: len(wave)], atol=2e-4 * np.abs(expected).max())


def test_notes_of_like_length_are_made_together(model: GansynthGenerator, network) -> None:
    lengths = np.array([0.1, 3.0, 0.12, 2.9, 0.1, 3.5, 0.11, 9.0])
    onsets = np.arange(8.0) * 10.0
    notes = Notes(onsets, onsets + lengths, np.full(8, 60), np.full(8, 80))
    waves = list(model.play(latents(*np.linspace(0, 1, 8)), notes))
    (n_short, short), (n_long, long) = network.asked
    assert (n_short, n_long) == (4, 4)
    assert short < 32
    assert long == 128
    for wave, length in zip(waves, lengths, strict=True):
        assert len(wave) == pytest.approx((length + 0.3) * 44100, abs=2)
        assert np.isfinite(wave).all()


def test_a_pair_is_made_once_as_long_as_the_longest_note_wants(
    model: GansynthGenerator, network
) -> None:
    notes = Notes([0.0, 1.0, 2.0], [0.2, 1.8, 2.1], [60, 60, 62], [80, 80, 80])
    waves = list(model.play(latents(0.2, 0.2, 0.2), notes))
    assert network.asked == [(2, melspec.frames_for(17600))]
    assert len(waves) == 3


def test_the_performance_is_kept(model: GansynthGenerator) -> None:
    notes = Notes([0.0], [2.0], [60], [100])
    bend = NoteCurve(np.full(201, 100.0), np.zeros(201))
    plain, bent = (
        next(iter(model.play(latents(0.0), notes, curves, expression=1.0)))
        for curves in (None, [bend])
    )
    for wave, pitch in ((plain, 60), (bent, 61)):
        middle = wave[20_000:60_000] * np.hanning(40_000)
        spectrum = np.abs(np.fft.rfft(middle, 1 << 20))
        peak = np.argmax(spectrum) * 44100 / (1 << 20)
        assert 1200 * np.log2(peak / float(midi_to_hz(pitch))) == pytest.approx(0.0, abs=6.0)


def still(n_frames: int, fall: float = 0.0) -> NoteCurve:
    """A performer's note at its pitch that falls by so many dB a second."""
    return NoteCurve(np.zeros(n_frames), -fall * 0.01 * np.arange(n_frames))


@pytest.mark.parametrize(("expression", "fall"), [(0.0, 8.69), (0.5, 14.34), (1.0, 20.0)])
def test_the_performers_level_is_followed(model: GansynthGenerator, expression, fall) -> None:
    notes = Notes([0.0], [2.0], [60], [100])
    (wave,) = model.play(latents(0.0), notes, [still(201, fall=20.0)], expression=expression)
    # The tone itself falls by 8.69 dB a second; half the expression goes half of the way.
    power = np.convolve(np.square(wave, dtype=np.float64), np.ones(2205), "same")
    levels = 10.0 * np.log10(power[round(0.3 * 44100) : round(1.8 * 44100)])
    assert levels[0] - levels[-1] == pytest.approx(1.5 * fall, abs=0.5)


@pytest.mark.parametrize(("expression", "release"), [(0.0, 0.3), (0.5, 0.18), (1.0, 0.06)])
def test_a_note_gives_way_to_the_next(model: GansynthGenerator, expression, release) -> None:
    notes = Notes([0.0, 0.5], [0.5, 1.0], [60, 62], [100, 100])
    curves = [still(51), still(51)]
    first, last = model.play(latents(0.0, 0.1), notes, curves, expression=expression)
    assert len(first) == pytest.approx((0.5 + release) * 44100, abs=2)
    assert len(last) == pytest.approx(0.8 * 44100, abs=2)


def test_play_reports_progress_and_timings(model: GansynthGenerator) -> None:
    seen, timings = [], {}
    notes = Notes([0.0, 1.0], [0.2, 1.2], [60, 62], [80, 80])
    progress = lambda done, total: seen.append((done, total))  # noqa: E731
    list(model.play(latents(0.1, 0.2), notes, progress=progress, timings=timings))
    assert seen == [(1, 2), (2, 2)]
    assert timings["generate"] > 0
    assert timings["synthesize"] > 0


def test_higher_notes_need_more_of_the_image() -> None:
    durations, releases = np.array([0.5, 0.5, 30.0]), np.full(3, 0.3)
    plain, octave, long = needed_frames(
        durations, releases, [np.ones(1), np.full(50, 2.0), np.ones(1)]
    )
    assert plain == melspec.frames_for(12800)
    assert octave > 1.5 * plain
    assert long == 128


def test_gansynths_models_have_neither_names_nor_ears(model: GansynthGenerator) -> None:
    with pytest.raises(ModelError, match="'imported' has no palette"):
        model.instruments  # noqa: B018
    with pytest.raises(ModelError, match="'imported' has no encoder"):
        model.encode(np.zeros(16000), 16000)


@pytest.mark.parametrize(
    ("z", "pitches", "match"),
    [
        (np.zeros((1, 100)), [60], r"shape \(n, 256\)"),
        (np.zeros((1, 256)), [85], r"plays MIDI 24\.\.84, given 85\.\.85"),
        (np.full((1, 256), np.inf), [60], "finite"),
        (np.zeros((2, 256)), [60, 60.7], r"whole MIDI numbers, given 60\.7\."),
        (np.zeros((1, 256)), [np.nan], "whole MIDI numbers, given nan"),
        (np.zeros((1, 256)), [np.inf], r"plays MIDI 24\.\.84, given inf"),
        (np.zeros((1, 256)), ["a"], "whole MIDI numbers, given 'a'"),
        (np.zeros((1, 256)), [True], "whole MIDI numbers, given True"),
    ],
)
def test_wrong_notes_are_refused(model: GansynthGenerator, z, pitches, match: str) -> None:
    for generate in (model.generate_samples_from_z, model.generate_specgrams):
        with pytest.raises(ParameterError, match=match):
            generate(z, np.array(pitches))


def test_whole_pitches_may_be_floats(model: GansynthGenerator) -> None:
    found = model.generate_specgrams(latents(0.3), np.array([60.0]), np.int32(2))
    np.testing.assert_array_equal(found, model.generate_specgrams(latents(0.3), [60], 2))


@pytest.mark.parametrize("n_frames", [0, 129, -1, 2.5, float("nan"), "2"])
def test_numbers_of_frames_that_no_image_has_are_refused(
    model: GansynthGenerator, n_frames
) -> None:
    for z in (latents(0.3), latents()):
        with pytest.raises(ParameterError, match=rf"1 to 128 whole frames, .*{n_frames!r}\."):
            model.generate_specgrams(z, np.full(len(z), 60), n_frames)


def test_a_network_of_the_other_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    image = np.zeros((128, 1024, 2))
    wrong = write_mel_model(tmp_path / "wrong", image, representation="harmonic")
    with pytest.raises(ModelFormatError, match="must turn z"):
        load_generator(wrong)
    with pytest.raises(ModelFormatError, match="must turn z"):
        HarmonicGenerator(read_config(folder))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"latent_dim": 128}, r"must turn z \(n, 128\)"),
        ({"pitch_range": [0, 127]}, r"MIDI 24\.\.84 .* MIDI 0\.\.127"),
        ({"pitch_range": [36, 96]}, r"MIDI 24\.\.84 .* MIDI 36\.\.96"),
        ({"sample_rate": 44100}, r"at 16000 Hz.* at 44100 Hz; get or import"),
    ],
)
def test_settings_that_are_not_the_networks_are_refused(folder, tmp_path, changes, match) -> None:
    shutil.copytree(folder, tmp_path / "other")
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "other" / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(ModelFormatError, match=match):
        load_generator(tmp_path / "other")


def test_a_melody_is_played_with_a_mel_model(folder: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.mid"
    retimbre.save_midi(song, Notes([0.0, 0.5], [0.4, 0.9], [60, 96], [90, 60]))
    result = retimbre.retimbre_file(song, model=folder, seed=3)
    assert result.sr == 44100
    assert result.notes.pitch.max() <= PITCH_RANGE[1]
    assert result.report.loudness == pytest.approx(-20.0, abs=0.01)
    again = retimbre.retimbre_file(song, model=folder, seed=3)
    np.testing.assert_array_equal(result.y, again.y)


def test_tied_notes_fade_in_without_an_attack_and_that_is_said(model, caplog) -> None:
    notes = Notes([0.0, 0.5], [0.5, 1.0], [60, 62], [100, 100])
    path = Instruments(latents(0.2, 0.2), np.array([0.0, 1.0]))
    with caplog.at_level("INFO", "retimbre"):
        tied = list(model.perform(Melody(notes, articulation=("struck", "tied")), path))
    assert "cannot join notes: 1 tied notes fade in" in caplog.text
    struck = list(model.perform(Melody(notes), path))
    assert [sound.start for sound in tied] == [0, 22050]
    np.testing.assert_array_equal(tied[0].y, struck[0].y)
    early = slice(0, 200)
    assert np.abs(tied[1].y[early]).max() < 0.2 * np.abs(tied[1].y).max()
    assert len(tied[1].y) == len(struck[1].y)
