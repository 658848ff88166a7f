"""One note out of a recording: found, tuned, straightened, completed."""

import logging

import numpy as np
import pytest
from fake_models import write_model
from fakes import fake_estimate_pitch

from retimbre import pitch
from retimbre.errors import AudioError, NoPitchError, ParameterError
from retimbre.generator.folder import read_config
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.harmonic.image import FRAME_TIMES, N_FEATURES, N_FRAMES
from retimbre.like.hearing import LONGEST_SECONDS, hear_notes
from retimbre.units import midi_to_hz

SR = 44100
RANGE = (48, 84)
PARTIALS = 16
SLOPE_DB = -5.0
"""Each partial lies so much under the one before."""

HELD = (FRAME_TIMES > 0.06) & (FRAME_TIMES < 2.9)
AUDIBLE = 12


@pytest.fixture
def quick(monkeypatch):
    """Read pitch off zero crossings: the first partial of these notes is the strongest."""
    monkeypatch.setattr(pitch, "estimate_pitch", fake_estimate_pitch)


def hear_note(y, sr, **options):
    """Return the clearest note."""
    return hear_notes(y, sr, **options)[0]


def tone(midi, seconds, *, amplitude=0.3, sr=SR, vibrato=0.0, fade=0.004):
    """Sound a note of 16 partials, 5 dB from one to the next; vibrato in semitones."""
    t = np.arange(round(seconds * sr)) / sr
    f0 = midi_to_hz(midi + vibrato * np.sin(2.0 * np.pi * 5.0 * t))
    turns = np.cumsum(f0) / sr
    level = np.clip(np.minimum(t, t[::-1]) / fade, 0.0, 1.0)
    wave = sum(
        10.0 ** (SLOPE_DB * (k - 1) / 20.0) * np.sin(2.0 * np.pi * k * turns)
        for k in range(1, PARTIALS + 1)
    )
    return amplitude * level * wave / 2.0


def silence(seconds, sr=SR):
    return np.zeros(round(seconds * sr))


def hear(*parts, sr=SR, **options):
    return hear_note(np.concatenate(parts), sr, **({"pitch_range": RANGE} | options))


def check_spectrum(image, atol=0.5, partials=AUDIBLE):
    """See that the partials lie 5 dB from one to the next in all held frames."""
    level = image[HELD, :partials, 0] - image[HELD, :1, 0]
    wanted = np.broadcast_to(SLOPE_DB * np.arange(partials), level.shape)
    np.testing.assert_allclose(level, wanted, atol=atol)


@pytest.mark.parametrize("sr", [22050, 44100, 96000])
@pytest.mark.parametrize("cents", [-30.0, 0.0, 45.0])
def test_a_note_is_tuned_to_its_key(quick, sr, cents):
    midi = 57 + cents / 100.0
    note = hear(silence(0.3, sr), tone(midi, 3.5, sr=sr), silence(0.3, sr), sr=sr)
    assert note.pitch == 57
    assert note.cents == pytest.approx(cents, abs=5.0)
    assert note.onset == pytest.approx(0.3, abs=0.011)
    assert note.seconds == pytest.approx(3.5, abs=0.05)
    assert note.features.shape == (N_FRAMES, N_FEATURES)
    assert np.abs(note.features).max() <= 1.0
    check_spectrum(note.image)
    # In tune: partial k sounds at k f0, to a cent.
    deviation = np.median(note.image[HELD, :6, 1], axis=0) / np.arange(1, 7)
    np.testing.assert_allclose(deviation, 0.0, atol=6e-4)


@pytest.mark.parametrize("seconds", [0.35, 0.6, 1.5, 3.1, 6.0])
def test_a_note_of_any_length_is_held_for_three_seconds(quick, seconds):
    note = hear(silence(0.2), tone(60, seconds), silence(0.2))
    assert note.seconds == pytest.approx(seconds, abs=0.05)
    check_spectrum(note.image)
    loudest = note.image[..., 0].max(axis=1)
    assert loudest[HELD].min() > loudest.max() - 1.5
    assert loudest[-1] < loudest.max() - 60.0


def test_vibrato_is_straightened(quick):
    note = hear(silence(0.2), tone(60, 3.5, vibrato=0.7), silence(0.2))
    assert note.pitch == 60
    middle = note.image[(FRAME_TIMES > 0.2) & (FRAME_TIMES < 2.8)]
    level = np.median(middle[:, :AUDIBLE, 0] - middle[:, :1, 0], axis=0)
    np.testing.assert_allclose(level, SLOPE_DB * np.arange(AUDIBLE), atol=1.0)
    # A vibrato of 70 cents is a deviation of 0.04 f0; what is left of it is a tenth.
    assert np.std(middle[:, 0, 1]) < 0.004


def test_the_rooms_noise_is_no_part_of_the_timbre(quick, rng):
    """50 dB under the note, which hides the higher partials and fills the gaps between all."""
    clean = np.concatenate([silence(0.5), tone(60, 1.5), silence(0.5)])
    noisy = clean + 1e-3 * rng.standard_normal(len(clean))
    # The fake ear takes the loudest noise for a tone.
    wanted, found = (hear_note(y, SR, pitch_range=RANGE) for y in (clean, noisy))
    rows = (FRAME_TIMES > 0.1) & (FRAME_TIMES < 1.3)
    check_spectrum(found.image, atol=2.0, partials=9)
    silent = slice(PARTIALS + 4, 60)
    level, noise = (found.image[rows, silent, k].mean() for k in (0, 2))
    assert level < -75.0
    # The room's variance is 45 dB under the note's power.
    assert noise < -65.0
    assert wanted.seconds == pytest.approx(found.seconds, abs=0.05)


def test_channels_are_averaged_and_the_input_stays(quick):
    y = np.concatenate([silence(0.2), tone(60, 1.0)])
    stereo = np.stack([y, y])
    stereo.setflags(write=False)
    found = hear_note(stereo, SR, pitch_range=RANGE)
    np.testing.assert_array_equal(found.features, hear_note(y, SR, pitch_range=RANGE).features)


def test_of_several_notes_the_clearest_is_taken(quick, caplog):
    parts = [
        tone(72, 0.4), silence(0.1), tone(60, 0.9), silence(0.1), tone(55, 1.0, amplitude=0.2),
    ]  # fmt: skip
    with caplog.at_level(logging.INFO, logger="retimbre"):
        note = hear(*parts, source="tune.wav")
    assert note.pitch == 60
    assert note.onset == pytest.approx(0.5, abs=0.011)
    assert note.seconds == pytest.approx(0.9, abs=0.05)
    assert "tune.wav: using the note at 0.50 s (clearest of 3): C4" in caplog.text
    check_spectrum(note.image)


@pytest.mark.parametrize(
    ("midi", "told"),
    [(59.997, "C4 +0 cents, 262 Hz"), (60.25, "C4 +25 "), (59.75, "C4 -25 ")],
)
def test_the_note_that_is_taken_is_told_with_its_tuning(quick, caplog, midi, told):
    with caplog.at_level(logging.INFO, logger="retimbre"):
        hear(silence(0.2), tone(midi, 1.0), source="note.wav")
    assert f": {told}" in caplog.text


def test_of_a_long_recording_the_first_minute_is_heard(quick, caplog):
    y = np.concatenate([tone(60, 0.5), silence(LONGEST_SECONDS), tone(72, 3.0)])
    assert hear(y, source="long.wav").pitch == 60
    assert "long.wav: using only the first 60 s." in caplog.text


@pytest.mark.parametrize(
    ("y", "kind", "match"),
    [
        (tone(60, 0.2), AudioError, r"tune\.wav is only 0\.20 s long.* 0\.3 s"),
        (silence(1.0), NoPitchError, r"tune\.wav is silent"),
        (np.zeros(0), ParameterError, "shape"),
        (np.zeros((2, 2, 2)), ParameterError, "shape"),
        (np.full(SR, np.nan), ParameterError, "finite"),
        (tone(90, 1.0), ParameterError, r"note in tune\.wav is MIDI 90 .* model's 48\.\.84"),
        (tone(44, 1.0), ParameterError, "is MIDI 44"),
    ],
)
def test_what_has_no_timbre_is_told(quick, y, kind, match):
    with pytest.raises(kind, match=match):
        hear_note(y, SR, pitch_range=RANGE, source="tune.wav")


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ParameterError, match="sample rate must be > 0"):
        hear_note(np.zeros(1000), 0, pitch_range=RANGE)


def test_noise_has_no_note(rng):
    """CREPE itself listens."""
    with pytest.raises(
        NoPitchError, match=r"No note that is held for 0\.3 s was found in the recording"
    ):
        hear_note(0.1 * rng.standard_normal(SR // 2), SR, pitch_range=RANGE)


def test_crepe_hears_what_was_played():
    found = hear(silence(0.2), tone(50.2, 0.8, vibrato=0.3), silence(0.2))
    assert found.pitch == 50
    assert found.cents == pytest.approx(20.0, abs=8.0)
    assert found.onset == pytest.approx(0.2, abs=0.011)


def test_the_encoders_answer_is_refined_through_the_generator(quick, tmp_path):
    """A palette shows the way to a sound that is nearer to the one heard."""
    sound = tone(60.0, 1.0)
    refined = HarmonicGenerator(read_config(write_model(tmp_path / "named"))).encode(sound, SR)
    plain = HarmonicGenerator(read_config(write_model(tmp_path / "plain", parts=("encoder",))))
    rough = plain.encode(sound, SR)
    heard = hear_note(sound, SR, pitch_range=RANGE).image[..., 0]
    audible = heard >= heard.max() - 60.0
    made = plain.generate_images(np.stack([rough, refined]), [60, 60], [80, 80])
    errors = np.abs(made.images[made.index, ..., 0] - heard)[:, audible].mean(axis=1)
    assert errors[1] < errors[0] - 1.0


def test_one_timbre_has_one_place_and_another_has_another(quick, tmp_path):
    generator = HarmonicGenerator(read_config(write_model(tmp_path / "fake")))
    z = generator.encode(tone(60.3, 1.0), SR)
    assert z.shape == (256,)
    assert z.dtype == np.float32
    again = generator.encode(np.concatenate([silence(0.5), 0.2 * tone(60.1, 2.0)]), SR)
    other = generator.encode(0.2 * np.sin(2.0 * np.pi * 261.6 * np.arange(SR) / SR), SR)
    cosine = [z @ one / np.linalg.norm(z) / np.linalg.norm(one) for one in (again, other)]
    assert cosine[0] > 0.995 > cosine[1] + 0.02
