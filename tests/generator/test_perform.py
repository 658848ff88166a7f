"""Melodies that are performed: ties, long notes, parts, and how loud notes are."""

import logging

import numpy as np
import pytest
from fake_models import write_model

from retimbre import load_generator
from retimbre.instrument import Instruments
from retimbre.metering.note import measure_loudness
from retimbre.mixing import mix_sounds, velocity_gain_db
from retimbre.settings.params import RenderParams
from retimbre.types import Melody, NoteCurve, Notes

SR = 44100


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_generator(str(write_model(tmp_path_factory.mktemp("models") / "fake")))


def path_of(model, n=2, seconds=20.0, *, alike=False):
    z = np.random.default_rng(3).standard_normal((n, model.latent_dim))
    z = np.repeat(z[:1], n, axis=0) if alike else z
    return Instruments(z, np.linspace(0.0, seconds, n))


def line(*articulation, seconds=0.5, velocity=100):
    n = len(articulation)
    onset = seconds * np.arange(n)
    notes = Notes(onset, onset + seconds, 60 + 2 * np.arange(n), np.full(n, velocity))
    return Melody(notes, articulation=articulation)


def mixed(model, melody, path, params=None, **given):
    sounds = list(model.perform(melody, path, params, **given))
    return sounds, mix_sounds(sounds, sr=SR, n_samples=round((melody.duration + 0.3) * SR))


def test_tied_notes_are_one_sound(model):
    path = path_of(model)
    apart, _ = mixed(model, line("struck", "struck", "struck"), path)
    joined, _ = mixed(model, line("struck", "tied", "tied"), path)
    assert [sound.start for sound in apart] == [0, SR // 2, SR]
    assert [sound.start for sound in joined] == [0]
    assert len(joined[0].y) == pytest.approx(1.8 * SR, abs=2)


@pytest.mark.parametrize(
    "params", [RenderParams(articulation="never"), RenderParams(expression=0.0)]
)
def test_plain_notes_are_all_struck(model, params):
    path = path_of(model)
    tied, _ = mixed(model, line("struck", "tied"), path, params)
    struck, _ = mixed(model, line("struck", "struck"), path, params)
    assert len(tied) == 2
    for one, other in zip(tied, struck, strict=True):
        np.testing.assert_array_equal(one.y, other.y)


def test_nothing_dips_or_clicks_where_notes_are_tied(model):
    path = path_of(model, alike=True)
    _, y = mixed(model, line("struck", "tied"), path)
    level = [np.abs(y[round(t * SR) : round((t + 0.02) * SR)]).max() for t in (0.3, 0.49, 0.7)]
    assert level[1] > 0.7 * min(level[0], level[2])
    bends = np.abs(np.diff(y, 3))
    join = slice(round(0.49 * SR), round(0.51 * SR))
    assert bends[join].max() < 2.0 * bends[round(0.6 * SR) : round(0.8 * SR)].max()


@pytest.mark.parametrize("velocity", [40, 90, 127])
def test_notes_are_as_loud_as_their_velocities_say(model, velocity):
    for sound in mixed(model, line("struck", "struck", velocity=velocity), path_of(model))[0]:
        loudness = measure_loudness(sound.y, sr=SR)
        assert loudness == pytest.approx(float(velocity_gain_db(velocity)), abs=1.0)


def test_a_long_note_goes_on_along_the_path(model):
    melody = Melody(Notes([0.0], [12.0], [60], [100]))
    path = path_of(model, seconds=12.0)
    _, changing = mixed(model, melody, path)
    ends = [
        mixed(model, melody, Instruments(path.z[[k, k]], np.array([0.0, 12.0])))[1] for k in (0, 1)
    ]

    def spectrum(y, second):
        part = y[round(second * SR) : round((second + 0.5) * SR)]
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        return 10 * np.log10([power[n * 125 : n * 125 + 20].max() + 1e-9 for n in range(1, 20)])

    def apart(one, first, other, second):
        return np.abs(spectrum(one, first) - spectrum(other, second)).mean()

    own = apart(ends[0], 11.0, ends[1], 11.0)
    assert own > 1.0
    assert apart(changing, 0.5, ends[0], 0.5) < 0.3 * own
    assert apart(changing, 11.4, ends[1], 11.4) < 0.3 * own


def test_a_part_has_the_samples_of_the_whole(model):
    melody, path = line(*["struck", "tied", "struck"] * 4), path_of(model)
    _, whole = mixed(model, melody, path)
    first, last = round(2.2 * SR), round(3.1 * SR)
    some = model.perform(melody, path, start=first / SR, stop=last / SR)
    part = mix_sounds(some, sr=SR, n_samples=len(whole), start=first, stop=last)
    np.testing.assert_array_equal(part, whole[first:last])


def test_loudness_is_followed_and_pitch_is_not(model):
    level = np.repeat([0.0, -12.0], 50)
    curve = NoteCurve(np.full(100, 100.0), level)
    melody = Melody(Notes([0.0], [1.0], [60], [100]), (curve,))
    params = RenderParams(pitch_expression=0.0)
    _, y = mixed(model, melody, path_of(model, alike=True), params)
    rms = [np.sqrt(np.mean(y[round(t * SR) : round((t + 0.1) * SR)] ** 2)) for t in (0.3, 0.8)]
    assert 20 * np.log10(rms[1] / rms[0]) == pytest.approx(-12.0, abs=1.5)
    spectrum = np.abs(np.fft.rfft(y[SR // 5 : SR // 2] * np.hanning(SR // 2 - SR // 5)))
    peak = np.fft.rfftfreq(SR // 2 - SR // 5, 1 / SR)[spectrum.argmax()]
    orders = peak / 261.63
    assert abs(orders - round(orders)) < 0.02 * orders


def test_progress_counts_notes(model):
    told = []
    list(
        model.perform(
            line("struck", "tied", "struck"),
            path_of(model),
            progress=lambda done, total: told.append((done, total)),
        )
    )
    assert told == [(2, 3), (3, 3)]


def test_nothing_is_said_while_notes_can_be_joined(model, caplog):
    with caplog.at_level(logging.INFO, "retimbre"):
        mixed(model, line("struck", "tied"), path_of(model))
    assert "join" not in caplog.text
