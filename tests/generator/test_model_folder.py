"""What is taken as a model folder, and what is refused in a sentence."""

import json
from pathlib import Path

import pytest
from fake_models import (
    LATENT_DIM,
    NAMES,
    PITCH_RANGE,
    change_config,
    network,
    palette_table,
    replace_file,
    write_model,
)

import retimbre
from retimbre.errors import ModelError, ModelFormatError, ModelNotFoundError
from retimbre.generator import folder, load_generator
from retimbre.generator.folder import find_model, model_folders, open_encoder, read_config
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.harmonic.image import N_FEATURES, N_FRAMES


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def plain_model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "plain", with_velocity=False, parts=())


def test_settings_of_a_model_are_read(model: Path) -> None:
    config = read_config(model)
    assert (config.name, config.sample_rate, config.latent_dim) == ("model", 44100, LATENT_DIM)
    assert config.pitch_range == PITCH_RANGE
    assert set(config.files) == {"generator", "encoder", "palette"}


def test_a_model_may_have_a_generator_only(plain_model: Path) -> None:
    generator = HarmonicGenerator(read_config(plain_model))
    assert not generator.has_velocity
    with pytest.raises(ModelError, match="'plain' has no palette of named instruments; choose one"):
        generator.instruments  # noqa: B018
    with pytest.raises(ModelError, match="'plain' has no encoder for recorded"):
        generator.encode([0.0], 44100)


@pytest.mark.parametrize("parts", [(), ("encoder", "palette")])
def test_what_is_opened_is_a_generator(tmp_path: Path, parts: tuple[str, ...]) -> None:
    found = load_generator(write_model(tmp_path / "any", parts=parts))
    assert isinstance(found, retimbre.Generator)
    assert isinstance(found, retimbre.HarmonicGenerator)
    assert not isinstance(found, retimbre.GansynthGenerator)
    assert isinstance(load_generator("default"), retimbre.Generator)


def test_settings_are_read_once_for_each_load(model: Path, monkeypatch) -> None:
    read, asked = folder._read_json, []
    monkeypatch.setattr(folder, "_read_json", lambda path: [asked.append(path), read(path)][1])
    first = load_generator(model)
    assert len(asked) == 1
    assert load_generator(model) is first
    assert len(asked) == 2
    change_config(model, pitch_range=[40, 80])
    changed = load_generator(model)
    assert (changed is first, changed.pitch_range) == (False, (40, 80))


def test_encoder_and_palette_are_read_when_they_are_needed(model: Path) -> None:
    (model / "encoder.onnx").unlink()
    (model / "palette.json").write_text("{")
    generator = HarmonicGenerator(read_config(model))
    with pytest.raises(ModelFormatError, match=r"palette .*palette\.json is damaged"):
        generator.instruments  # noqa: B018
    with pytest.raises(ModelFormatError, match=r"encoder .*encoder\.onnx is missing"):
        generator.encode([0.0], 44100)


def test_embedded_models_are_known_by_name() -> None:
    assert find_model("default") == model_folders()["default"].resolve()


@pytest.mark.parametrize("name", ["nonesuch", "nul\0l", "x" * 5000])
def test_an_unknown_model_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="use one of default"):
        load_generator(name)


def test_a_damaged_network_is_refused(model: Path) -> None:
    network_file = model / "generator.onnx"
    network_file.write_bytes(network_file.read_bytes()[:-10])
    with pytest.raises(ModelFormatError, match="wrong checksum"):
        load_generator(model)


def test_a_missing_network_is_refused(model: Path) -> None:
    (model / "generator.onnx").unlink()
    with pytest.raises(ModelFormatError, match="is missing"):
        load_generator(model)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format_version": 99}, "format 99"),
        ({"format_version": [2]}, r"format \[2\]"),
        ({"format_version": True}, "format True"),
        ({"representation": "melspec"}, "'melspec'"),
        ({"pitch_range": None}, "lacks pitch_range"),
        ({"encoder_sha256": None}, "lacks encoder_sha256"),
        ({"palette_sha256": None}, "lacks palette_sha256"),
        ({"pitch_range": 5}, "pitch_range .*, not 5"),
        ({"pitch_range": [21]}, "pitch_range .* must be"),
        ({"pitch_range": [108, 21]}, "pitch_range .* must be"),
        ({"pitch_range": ["21", "108"]}, "pitch_range .* must be"),
        ({"sample_rate": 0}, "sample_rate .* must be a whole number above 0, not 0"),
        ({"latent_dim": "many"}, "latent_dim .* must be"),
        ({"latent_dim": True}, "latent_dim .* must be"),
        ({"generator": 3}, "generator .* must be a file name"),
        ({"generator_sha256": []}, "generator_sha256 .* must be"),
        ({"palette": 3}, "palette .* must be a file name"),
        ({"latent_dim": 100}, r"z \(n, 100\).* z tensor\(float\) \['n', 256\]"),
    ],
)
def test_a_config_of_another_kind_is_refused(model: Path, change: dict, match: str) -> None:
    change_config(model, **change)
    with pytest.raises(ModelFormatError, match=match):
        load_generator(model)


@pytest.mark.parametrize(("text", "match"), [("{", "as JSON"), ("[]", "lacks sample_rate")])
def test_a_config_that_is_no_json_is_refused(model: Path, text: str, match: str) -> None:
    (model / "config.json").write_text(text)
    with pytest.raises(ModelFormatError, match=match):
        load_generator(model)


@pytest.mark.parametrize("graph", [b"", b"no protobuf", "half"], ids=["empty", "text", "half"])
@pytest.mark.parametrize("part", ["generator", "encoder"])
def test_a_network_that_is_none_is_refused(model: Path, part: str, graph: bytes | str) -> None:
    whole = (model / f"{part}.onnx").read_bytes()
    replace_file(model, part, whole[: len(whole) // 2] if isinstance(graph, str) else graph)
    with pytest.raises(ModelFormatError, match="ONNX Runtime"):
        open_encoder(read_config(model)) if part == "encoder" else load_generator(model)


Z = ("z", "FLOAT", ["n", LATENT_DIM])
PITCH = ("pitch", "INT64", ["n"])
VELOCITY = ("velocity", "FLOAT", ["n"])
PLAIN = ("features", "FLOAT", ["n", N_FRAMES])
FEATURES = ("features", "FLOAT", ["n", N_FRAMES, N_FEATURES])


def blank(inputs, outputs) -> bytes:
    """Write a network of given ends that never looks at its inputs."""
    from fake_models import ints

    (name, _, shape) = outputs[0]
    nodes = [
        ("Shape", [inputs[0][0]], ["notes"], {"start": 0, "end": 1}),
        ("Concat", ["notes", "rest"], ["size"], {"axis": 0}),
        ("ConstantOfShape", ["size"], [name], {}),
    ]
    return network(inputs, outputs, nodes, [ints("rest", shape[1:])])


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ([("z", "FLOAT", ["n", 64]), PITCH, VELOCITY], FEATURES),
        ([("z", "FLOAT", [8, 256]), PITCH, VELOCITY], FEATURES),
        ([("z", "FLOAT16", ["n", 256]), PITCH, VELOCITY], FEATURES),
        ([Z, VELOCITY], FEATURES),
        ([Z, PITCH], PLAIN),
        ([Z, ("pitch", "INT64", ["n", 1]), VELOCITY], FEATURES),
        ([Z, PITCH, ("velocity", "INT64", ["n"])], FEATURES),
        ([Z, PITCH, VELOCITY, ("more", "FLOAT", ["n"])], FEATURES),
        ([Z, PITCH, VELOCITY], ("features", "FLOAT", ["n", 64, N_FEATURES])),
        ([Z, PITCH, VELOCITY], PLAIN),
        ([Z, PITCH, VELOCITY], ("other", "FLOAT", ["n", N_FRAMES, N_FEATURES])),
    ],
)
def test_a_generator_of_another_shape_is_refused(model: Path, inputs, output) -> None:
    replace_file(model, "generator", blank(inputs, [output]))
    wanted = r"must turn z \(n, 256\) and pitch \(n\).* into features \(n, 128, 288\)"
    with pytest.raises(ModelFormatError, match=wanted):
        load_generator(model)


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ([PLAIN, PITCH], Z),
        ([FEATURES], Z),
        ([FEATURES, PITCH, VELOCITY], Z),
        ([FEATURES, PITCH], ("z", "FLOAT", ["n", 64])),
    ],
)
def test_an_encoder_of_another_shape_is_refused(model: Path, inputs, output) -> None:
    replace_file(model, "encoder", blank(inputs, [output]))
    with pytest.raises(ModelFormatError, match=r"encoder .* must turn features \(n, 128, 288\)"):
        open_encoder(read_config(model))


def test_networks_of_the_right_shape_are_taken(model: Path, plain_model: Path) -> None:
    replace_file(model, "generator", blank([Z, PITCH, VELOCITY], [FEATURES]))
    replace_file(model, "encoder", blank([FEATURES, PITCH], [Z]))
    replace_file(plain_model, "generator", blank([Z, PITCH], [FEATURES]))
    assert load_generator(model).latent_dim == LATENT_DIM
    assert open_encoder(read_config(model)) is not None
    assert load_generator(plain_model).latent_dim == LATENT_DIM


# The palette


def test_palette_is_read_as_it_was_written(model: Path) -> None:
    palette = HarmonicGenerator(read_config(model)).instruments
    assert list(palette) == list(NAMES)
    wanted = palette_table()["instruments"][2]
    found = palette.describe("Glass Harmonics")
    assert found.z.tolist() == pytest.approx(wanted["z"])
    for name in ("brightness", "attack", "decay", "noisiness", "source", "program", "licence"):
        assert getattr(found, name) == wanted[name]
    assert list(found.range) == wanted["range"]


def test_palette_needs_only_what_describes_the_sound(model: Path) -> None:
    table = palette_table()
    for row in table["instruments"]:
        for name in ("source", "bank", "program", "licence"):
            del row[name]
    replace_file(model, "palette", json.dumps(table).encode())
    found = HarmonicGenerator(read_config(model)).instruments.describe("Flute")
    assert (found.source, found.bank, found.program, found.licence) == ("", -1, -1, "unknown")


def with_change(**changes):
    table = palette_table()
    table["instruments"][1] |= changes
    return table


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ([], "a list 'instruments'"),
        ({}, "a list 'instruments'"),
        ({"instruments": {}}, "a list 'instruments'"),
        ({"instruments": []}, "at least one entry"),
        ({"instruments": ["Flute"]}, "Instrument 0 .* must be an object, not 'Flute'"),
        (with_change(name="Flute"), "two instruments named 'Flute'"),
        (with_change(name=""), "Instrument 1 .* name must be a name .*, not ''"),
        (with_change(name=7), "name must be a name"),
        (with_change(z=[1.0] * 255), "z must be 256 finite numbers"),
        (with_change(z=[0.0] * 256), "not all 0"),
        (with_change(z=["1"] * 256), "z must be 256 finite numbers"),
        (with_change(z=None), "z must be 256 finite numbers"),
        (with_change(z=[float("nan")] * 256), "z must be 256 finite numbers"),
        (with_change(brightness="high"), "brightness must be a finite number, not 'high'"),
        (with_change(decay=float("inf")), "decay must be a finite number, not inf"),
        (with_change(attack=None), "attack must be a finite number, not None"),
        (with_change(noisiness=True), "noisiness must be a finite number"),
        (with_change(range=[84, 36]), "range must be"),
        (with_change(range=[36, 200]), "range must be"),
        (with_change(bank="0"), "bank must be a whole number"),
        (with_change(licence=1), "licence must be a text"),
    ],
)
def test_a_palette_of_another_kind_is_refused(model: Path, table, match: str) -> None:
    replace_file(model, "palette", json.dumps(table).encode())
    with pytest.raises(ModelFormatError, match=match):
        HarmonicGenerator(read_config(model)).instruments  # noqa: B018


def test_a_palette_that_is_no_json_is_refused(model: Path) -> None:
    replace_file(model, "palette", b"\xff{")
    with pytest.raises(ModelFormatError, match="JSON"):
        HarmonicGenerator(read_config(model)).instruments  # noqa: B018
