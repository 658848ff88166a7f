"""Notes of the embedded model; velocity, with a network whose answer to it is known."""

import itertools

import numpy as np
import pytest
from fake_models import DULLER_DB, write_model

from retimbre.errors import ParameterError
from retimbre.generator import load_generator
from retimbre.generator.folder import model_folders, read_config
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.generator.score import draw_seeds
from retimbre.harmonic.image import bin_mask
from retimbre.instrument import Instruments
from retimbre.latent import get_z_notes
from retimbre.types import NoteCurve, Notes


@pytest.fixture(scope="module")
def generator() -> HarmonicGenerator:
    return load_generator()


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> HarmonicGenerator:
    return HarmonicGenerator(read_config(write_model(tmp_path_factory.mktemp("models") / "fake")))


def latents(n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, 256))


def melody(n: int, step: float = 0.2) -> Notes:
    onset = np.arange(n) * step
    return Notes(onset, onset + step, 60 + np.arange(n) % 12, np.full(n, 90))


class CountingNetwork:
    """Stands for the network and counts the notes it is asked for."""

    def __init__(self, network) -> None:
        self.network, self.rows = network, 0

    def run(self, inputs):
        self.rows += len(inputs["z"])
        return self.network.run(inputs)


@pytest.fixture
def counted(generator: HarmonicGenerator, monkeypatch: pytest.MonkeyPatch) -> CountingNetwork:
    network = CountingNetwork(generator._network)
    monkeypatch.setattr(generator, "_network", network)
    return network


def test_the_default_model_is_what_the_design_says(generator: HarmonicGenerator) -> None:
    assert (generator.name, generator.sample_rate, generator.latent_dim) == ("default", 44100, 256)
    low, high = generator.pitch_range
    assert low <= 24
    assert high >= 96
    assert load_generator("default") is generator
    assert load_generator(model_folders()["default"]) is generator


def test_whole_notes_sound_at_their_pitch(generator: HarmonicGenerator) -> None:
    pitches = np.array([48, 60, 72])
    waves = generator.generate_samples_from_z(latents(3), pitches)
    assert waves.shape == (3, 4 * 44100)
    assert waves.dtype == np.float32
    assert np.abs(waves).max() <= 1.0
    for wave, pitch in zip(waves, pitches, strict=True):
        held = wave[22050 : 22050 + 32768]
        spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held))))
        f0 = 440.0 * 2 ** ((pitch - 69) / 12)
        share = [spectrum[round(k * f0 * 32768 / 44100) + np.arange(-3, 4)] for k in range(1, 30)]
        assert np.sum(np.square(share)) > 0.5 * np.sum(np.square(spectrum))


def test_one_batch_or_many_give_the_same_images(generator: HarmonicGenerator) -> None:
    z, pitches = latents(70), np.arange(70) % 60 + 24
    whole = generator.generate_images(z, pitches)
    alone = generator.generate_images(z[40:41], pitches[40:41])
    np.testing.assert_allclose(whole.images[whole.index[40]], alone.images[0], atol=1e-3)


def test_identical_notes_are_generated_once(
    generator: HarmonicGenerator, counted: CountingNetwork
) -> None:
    z = np.repeat(latents(2), 3, axis=0)
    pitches = np.array([60, 60, 61, 60, 60, 60])
    found = generator.generate_images(z, pitches)
    assert counted.rows == len(found.images) == 3
    assert found.index[0] == found.index[1] != found.index[2]
    assert len(set(found.index[3:])) == 1


def test_a_long_melody_on_one_instrument_generates_each_key_once(
    generator: HarmonicGenerator, counted: CountingNetwork
) -> None:
    notes = melody(300, step=0.02)
    waves = generator.play(np.repeat(latents(1), 300, axis=0), notes)
    assert sum(1 for _ in waves) == 300
    assert counted.rows == 12


def test_notes_are_as_long_as_they_are_held(generator: HarmonicGenerator) -> None:
    notes = Notes([0.0, 0.1, 1.0], [0.05, 0.9, 7.0], [60, 64, 67], [90, 90, 90])
    lengths = [len(wave) / 44100 for wave in generator.play(latents(3), notes)]
    np.testing.assert_allclose(lengths, notes.duration + 0.3, atol=1e-3)


def test_the_same_seed_gives_the_same_samples(generator: HarmonicGenerator) -> None:
    notes, z = melody(4), latents(4)
    curves = [NoteCurve(np.linspace(-50, 50, 20), np.linspace(-6, 0, 20))] * 4
    first, again, other = (
        np.concatenate(list(generator.play(z, notes, curves, seed=seed))) for seed in (1, 1, 9)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_note_of_one_id_sounds_the_same_beside_any_others(generator: HarmonicGenerator) -> None:
    notes, z = melody(5), latents(5)
    curves = [NoteCurve(np.linspace(-50, 50, 20), np.linspace(-6, 0, 20))] * 5
    ids = np.array([7, 2**40, 0, 11, 9])
    waves = list(generator.play(z, notes, curves, ids=ids, expression=0.0))
    some = np.array([1, 3, 4])
    part = Notes(*(getattr(notes, name)[some] for name in ("onset", "offset", "pitch", "velocity")))
    alone = list(generator.play(z[some], part, curves[:3], ids=ids[some], expression=0.0))
    for k, wave in zip(some, alone, strict=True):
        np.testing.assert_array_equal(waves[k], wave)
    placed = list(generator.play(z, notes, curves, expression=0.0))
    named = list(generator.play(z, notes, curves, ids=np.arange(5), expression=0.0))
    for one, other, by_id in zip(placed, named, waves, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.abs(one - by_id).max() > 1e-3


def test_seeds_are_those_of_the_ids() -> None:
    seeds = draw_seeds(5, np.array([3, 0]), 2)
    wanted = [
        np.random.SeedSequence(5, spawn_key=(k,)).generate_state(1, np.uint64) for k in (3, 0)
    ]
    np.testing.assert_array_equal(seeds, np.concatenate(wanted))
    assert draw_seeds(5, np.arange(0), 0).shape == (0,)


@pytest.mark.parametrize("ids", [[0], [0, -1], [0.0, 1.0], [[0, 1]], ["a", "b"]])
def test_wrong_ids_are_refused(generator: HarmonicGenerator, ids) -> None:
    with pytest.raises(ParameterError, match="one id each, a whole number from 0 on"):
        list(generator.play(latents(2), melody(2), ids=np.array(ids)))


def test_neighbouring_seeds_share_no_noise(generator: HarmonicGenerator) -> None:
    # The same note twice: only the seeds tell them apart.
    notes = Notes([0.0, 0.3], [0.2, 0.5], [60, 60], [90, 90])
    z = np.repeat(latents(1), 2, axis=0)
    waves = [wave for seed in (4, 5) for wave in generator.play(z, notes, seed=seed)]
    for one, other in itertools.combinations(waves, 2):
        assert len(one) == len(other)
        assert np.abs(one - other).max() > 1e-3


def pace(generator: HarmonicGenerator, onset: np.ndarray, path: Instruments) -> float:
    """Return the largest step of the level image at MIDI 62 over the mean one."""
    found = generator.generate_images(get_z_notes(onset, path), np.full(len(onset), 62))
    levels = found.images[found.index, :, :, 0][..., bin_mask(62)].astype(np.float64)
    steps = np.sqrt(np.mean(np.diff(levels, axis=0) ** 2, axis=(1, 2)))
    return float(steps.max() / steps.mean())


def test_morphs_are_even(generator: HarmonicGenerator) -> None:
    onset = np.linspace(0.0, 10.0, 41)
    notes = Notes(onset, onset + 0.2, np.full(41, 62), np.full(41, 100))
    pairs = itertools.pairwise(generator.instruments.values())
    of_pairs = (Instruments(np.stack(pair), np.array([0.0, 10.0])) for pair in pairs)
    sudden = (ends for ends in of_pairs if pace(generator, onset, ends) > 3.2)
    for ends in (next(sudden), next(sudden)):
        path = generator.even_path(ends, notes)
        np.testing.assert_array_equal(path.z[[0, -1]], ends.z)
        assert pace(generator, onset, path) <= 2.6


def test_play_reports_progress_and_timings(generator: HarmonicGenerator) -> None:
    seen: list[tuple[int, int]] = []
    timings: dict[str, float] = {}
    progress = lambda done, total: seen.append((done, total))  # noqa: E731
    list(generator.play(latents(3), melody(3), progress=progress, timings=timings))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert timings["generate"] > 0
    assert timings["synthesize"] > 0


def brightness(wave: np.ndarray, pitch: int) -> float:
    """Return the level of the third partial over that of the first [dB]."""
    f0 = 440.0 * 2 ** ((pitch - 69) / 12)
    t = np.arange(len(wave)) / 44100
    window = np.hanning(len(wave))
    first, third = (abs(wave @ (window * np.exp(-2j * np.pi * k * f0 * t))) for k in (1, 3))
    return float(20.0 * np.log10(third / first))


def dull(velocity: float) -> float:
    """Return what `brightness` is of the fake network's notes at a velocity [dB]."""
    louder_db = 40.0 * np.log10(velocity / 80.0)
    return -2.0 * DULLER_DB * (1.0 - velocity / 127.0) + 0.1 * louder_db * np.log2(3.0)


Z0 = np.zeros((1, 256))


@pytest.mark.parametrize("velocity", [1, 64, 127])
def test_velocity_is_a_condition(fake: HarmonicGenerator, velocity: int) -> None:
    image = fake.generate_images(Z0, np.array([60]), [velocity]).images[0]
    assert image[50, 2, 0] - image[50, 0, 0] == pytest.approx(dull(velocity), abs=1e-3)
    wave = fake.generate_samples_from_z(Z0, np.array([60]), velocity)[0]
    assert brightness(wave[22050:88200], 60) == pytest.approx(dull(velocity), abs=0.3)


def test_velocity_is_100_unless_it_is_given(fake: HarmonicGenerator) -> None:
    image = fake.generate_images(Z0, np.array([60])).images[0]
    assert image[50, 2, 0] - image[50, 0, 0] == pytest.approx(dull(100), abs=1e-3)


def test_notes_that_differ_in_velocity_alone_are_generated_apart(
    fake: HarmonicGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = CountingNetwork(fake._network)
    monkeypatch.setattr(fake, "_network", network)
    found = fake.generate_images(np.zeros((4, 256)), np.full(4, 60), [80, 90, 80, 90])
    assert network.rows == len(found.images) == 2
    assert found.index[0] == found.index[2] != found.index[1] == found.index[3]


def test_velocities_change_nothing_in_a_model_without(tmp_path) -> None:
    plain = HarmonicGenerator(read_config(write_model(tmp_path / "plain", with_velocity=False)))
    found = plain.generate_images(np.zeros((2, 256)), np.full(2, 60), [1, 127])
    assert len(found.images) == 1
    notes = Notes([0.0, 1.0], [0.5, 1.5], [60, 60], [20, 120])
    curves = [NoteCurve(np.zeros(51), np.linspace(0.0, -30.0, 51))] * 2
    assert [len(wave) for wave in plain.play(np.zeros((2, 256)), notes, curves)]


@pytest.mark.parametrize(
    ("velocities", "match"),
    [([0], "1..127, given 0"), ([128], "given 128"), ([64, 64], "shape"), ([np.nan], "given nan")],
)
def test_wrong_velocities_are_refused(fake: HarmonicGenerator, velocities, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        fake.generate_images(Z0, np.array([60]), velocities)


def test_louder_notes_are_brighter(fake: HarmonicGenerator) -> None:
    notes = Notes([0.0, 1.0, 2.0], [0.9, 1.9, 2.9], [60, 60, 60], [40, 80, 120])
    waves = fake.play(np.zeros((3, 256)), notes)
    found = [brightness(wave[8820:35280], 60) for wave in waves]
    np.testing.assert_allclose(found, [dull(v) for v in (40, 80, 120)], atol=0.4)


@pytest.mark.parametrize(("expression", "down_db"), [(1.0, 12.0), (0.5, 6.0), (0.0, 0.0)])
def test_a_note_gets_duller_while_it_is_played_softer(
    fake: HarmonicGenerator, expression: float, down_db: float
) -> None:
    # 12 dB down from the middle on: by the law of velocities half of 120, linear in dB between.
    level = np.repeat([0.0, -12.0], 100)
    notes = Notes([0.0], [2.0], [60], [120])
    curves = [NoteCurve(np.zeros(200), level)]
    (wave,) = fake.play(Z0, notes, curves, expression=expression)
    loud, soft = (brightness(wave[a : a + 26460], 60) for a in (13230, 57330))
    assert loud == pytest.approx(dull(120), abs=0.4)
    share = down_db / (40.0 * np.log10(2.0))
    assert soft == pytest.approx((1 - share) * dull(120) + share * dull(60), abs=0.4)


def test_the_image_keeps_its_level_while_it_gets_duller(fake: HarmonicGenerator) -> None:
    """The level curve is followed once, by the gain: the softer image is as loud itself."""
    level = np.repeat([0.0, -12.0], 100)
    (wave,) = fake.play(Z0, Notes([0.0], [2.0], [60], [120]), [NoteCurve(np.zeros(200), level)])
    loud, soft = (np.sqrt(np.mean(wave[a : a + 26460] ** 2)) for a in (13230, 57330))
    assert 20.0 * np.log10(loud / soft) == pytest.approx(12.0, abs=0.5)


def test_no_notes_give_no_waves(generator: HarmonicGenerator) -> None:
    assert list(generator.play(np.zeros((0, 256)), Notes.empty())) == []
    assert generator.generate_samples_from_z(np.zeros((0, 256)), np.zeros(0, int)).shape[0] == 0


@pytest.mark.parametrize(
    ("z", "pitches", "match"),
    [
        (np.zeros((2, 100)), [60, 61], r"shape \(n, 256\)"),
        (np.zeros((2, 256)), [60], "n pitches"),
        (np.full((1, 256), np.nan), [60], "finite"),
        (np.zeros((1, 256)), [3], r"plays MIDI \d+\.\.\d+"),
    ],
)
def test_wrong_notes_are_refused(generator: HarmonicGenerator, z, pitches, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        generator.generate_images(z, np.array(pitches))
