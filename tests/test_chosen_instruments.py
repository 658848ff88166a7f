"""Random, saved and given instruments in lists, through the pipeline."""

from dataclasses import replace

import numpy as np
import pytest
from fake_models import write_model

import retimbre
from retimbre import pipeline
from retimbre.errors import ModelError, ParameterError, ReadError
from retimbre.generator.folder import read_config
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.instrument import Correction, Instrument, Instruments
from retimbre.latent import FIRST_ANCHOR, random_z
from retimbre.settings.params import TimbreParams
from retimbre.timbre import check_timbre, choose_path, heard_names


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "fake")


@pytest.fixture(scope="module")
def model(folder):
    return HarmonicGenerator(read_config(folder))


@pytest.fixture
def choose(model):
    return lambda given, **more: choose_path(TimbreParams(instruments=given, **more), model)


@pytest.fixture
def path(model, rng):
    """A path of three instruments, of which the middle one has a correction."""
    correction = Correction([60.0], [1.0], np.ones((1, 6)), np.zeros((1, 6)))
    return Instruments(
        rng.standard_normal((3, 256)), [0.0, 1.5, 4.0], ("Flute", "random:7", "z"),
        (None, correction, None), model=model.fingerprint,
    )  # fmt: skip


# Random ones


def test_random_ones_are_drawn_by_the_seed_and_differ(choose):
    names = choose("random,Flute,random", seed=3).names
    assert names == choose("random,Flute,random", seed=3).names
    assert names[1] == "Flute"
    assert len({names[0], names[2], *choose("random,random", seed=4).names}) == 4
    # What is asked for by its number is not drawn as well.
    assert choose(f"{names[0]},random", seed=3).names == (names[0], names[2])


def test_a_number_is_its_instrument_whatever_the_seed(choose):
    for seed in (1, 2):
        np.testing.assert_array_equal(choose("Flute,random:7", seed=seed).z[1], random_z(7))
    names = choose("random@1,random@2", seed=5).names
    again = choose([f"{names[0]}@1", f"{names[1]}@2"], seed=6)
    assert again.names == names
    assert again.times == (1.0, 2.0)


def test_one_random_instrument_plays_alone(melody, fake_parts):
    result = pipeline.retimbre_file(melody, instruments="random", seed=1)
    (name,) = result.report.instrument_names
    assert result.report.heard_names == [name]
    assert result.report.instruments == 1
    again = pipeline.retimbre_file(melody, instruments=name, seed=1)
    np.testing.assert_array_equal(again.y, result.y)


def test_what_is_reported_asks_for_the_same(melody, fake_parts):
    drawn = pipeline.retimbre_file(melody, seed=1)
    assert len(drawn.report.instrument_names) == 2
    again = pipeline.retimbre_file(melody, seed=1, instruments=drawn.report.instrument_names)
    np.testing.assert_array_equal(again.y, drawn.y)


def test_a_random_instrument_needs_no_palette(tmp_path):
    deaf = HarmonicGenerator(read_config(write_model(tmp_path / "deaf", parts=())))
    assert choose_path(TimbreParams(instruments="random:7"), deaf).names == ("random:7",)
    with pytest.raises(ModelError, match="no palette"):
        choose_path(TimbreParams(instruments='"random"'), deaf)


# Files


def test_a_saved_path_is_played_again_to_the_byte(melody, fake_parts, tmp_path):
    for k, asked in enumerate((None, "Flute,random", "Flute@0.1,random@1,Cello@1.3")):
        first = pipeline.retimbre_file(melody, seed=3, instruments=asked)
        file = tmp_path / f"{k}.json"
        retimbre.save_instruments(file, first.instruments)
        for given in (str(file), file, [file], first.instruments):
            again = pipeline.retimbre_file(melody, seed=3, instruments=given)
            np.testing.assert_array_equal(again.y, first.y)
            assert again.instruments.names == first.instruments.names
            assert again.instruments.model == "fake"


def test_a_path_alone_has_its_times_and_corrections(choose, path, tmp_path):
    retimbre.save_instruments(tmp_path / "p.json", path)
    for given in (path, tmp_path / "p.json"):
        placed = choose(given).over(100.0)
        np.testing.assert_array_equal(placed.times, path.times)
        np.testing.assert_array_equal(placed.z, path.z)
        assert [c is None for c in placed.corrections] == [True, False, True]


def test_a_path_in_a_list_gives_its_instruments_without_times(choose, path, tmp_path):
    retimbre.save_instruments(tmp_path / "p.json", path)
    for given in ([path, "Cello"], f"{tmp_path / 'p.json'},Cello"):
        placed = choose(given).over(9.0)
        assert placed.names == ("Flute", "random:7", "z", "Cello")
        np.testing.assert_allclose(placed.times, np.linspace(FIRST_ANCHOR, 9.0, 4))
        assert placed.corrections[1] is not None
        np.testing.assert_array_equal(placed.z[:3], path.z)


def test_a_path_at_a_time_must_be_of_one_instrument(choose, path, tmp_path):
    retimbre.save_instruments(tmp_path / "p.json", path)
    with pytest.raises(ParameterError, match=r"p\.json contains 3 instruments .* its @2\.5"):
        choose(f"Flute@0,{tmp_path / 'p.json'}@2.5")
    one = Instruments(path.z[:1], [7.0], ("random:7",))
    retimbre.save_instruments(tmp_path / "one.json", one)
    assert choose(f"Flute@0,{tmp_path / 'one.json'}@2.5").times == (0.0, 2.5)
    assert choose(tmp_path / "one.json").times == (7.0,)


def test_a_saved_instrument_is_played_by_its_file(choose, tmp_path, rng):
    z = rng.standard_normal(256)
    retimbre.save_instrument(tmp_path / "my oboe.json", Instrument(z, "takes"))
    found = choose(f"Flute@0,{tmp_path / 'my oboe.json'}@2")
    assert found.names == ("Flute", str(tmp_path / "my oboe.json"))
    np.testing.assert_array_equal(found.z[1], z)


def test_files_and_sizes_are_checked_without_the_networks(folder, tmp_path, path):
    retimbre.save_instruments(tmp_path / "p.json", path)
    small = replace(path, z=np.ones((3, 5)))
    retimbre.save_instruments(tmp_path / "small.json", small)
    check_timbre(TimbreParams(model=str(folder), instruments=tmp_path / "p.json"))
    for given in (tmp_path / "small.json", small, Instrument(np.ones(5), "it"), np.ones((2, 5))):
        with pytest.raises(ParameterError, match=r"256 numbers, given .* with a z of 5; take one"):
            check_timbre(TimbreParams(model=str(folder), instruments=given))
    with pytest.raises(ReadError, match=r"nowhere\.json does not exist"):
        check_timbre(TimbreParams(model=str(folder), instruments="nowhere.json"))
    with pytest.raises(ParameterError, match="beyond 1000"):
        check_timbre(TimbreParams(model=str(folder), instruments=np.full(256, 1e30)))


def test_another_models_path_is_told_once(choose, path, tmp_path, caplog, model):
    choose(path)
    assert not caplog.records
    retimbre.save_instruments(tmp_path / "p.json", replace(path, model="fake 0123456789ab"))
    choose([tmp_path / "p.json", Instrument(np.ones(256), "Horn", model="other 12")])
    told = [record.getMessage() for record in caplog.records]
    assert [line.split(" was made with the model ")[1] for line in told] == [
        f"{made} and will sound different with {model.fingerprint}."
        for made in ("fake 0123456789ab", "other 12")
    ]


def test_a_recording_in_a_list_is_told_of_the_other_option(choose, melody):
    with pytest.raises(ParameterError, match=r"melody\.wav is a file, .* use --like"):
        choose(str(melody))


# Arrays


def test_z_is_taken_in_every_shape(choose, rng):
    z = rng.standard_normal((3, 256))
    np.testing.assert_array_equal(choose(z[0]).z, z[:1])
    np.testing.assert_array_equal(choose(z).z, z)
    np.testing.assert_array_equal(choose(list(z)).z, z)
    mixed = choose([z[0], "random:7", Instrument(z[1], "Horn"), "flute"])
    assert mixed.names == ("z", "random:7", "Horn", "Flute")
    np.testing.assert_array_equal(mixed.z[:3], [z[0], random_z(7), z[1]])


def test_a_part_in_what_is_heard_is_found_among_thousands():
    n = 20_000
    path = Instruments(np.ones((n, 1)), np.arange(n), tuple(map(str, range(n))))
    assert heard_names(path, np.array([5.5, 9000.0])) == ("5", "6", "8999", "9000", "9001")
