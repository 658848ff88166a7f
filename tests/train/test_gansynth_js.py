"""Weights of Magenta.js are read as TensorFlow.js reads them, and damaged ones refused."""

import json

import gansynth_reading
import numpy as np
import pytest
from gansynth_files import AVERAGE, PREFIX, write_js
from gansynth_reading import RGB_BIAS, SIZE

from retimbre.train.gansynth.magenta_js import MANIFEST, read_js_weights

ROUNDING = {None: 0.0, "float16": 1e-3, "uint16": 1e-4, "uint8": 2e-2}
"""How far quantised weights may lie from the others: half a step of their range."""


def read(folder):
    return read_js_weights(folder, SIZE)


def refused(folder, *parts):
    gansynth_reading.refused(folder, *parts, reader=read)


def change(folder, edit):
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    edit(manifest[0])
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("dtype", [None, "float16", "uint16", "uint8"])
@pytest.mark.parametrize("n_shards", [1, 4])
def test_weights_are_turned_back(tmp_path, values, dtype, n_shards):
    expected = write_js(tmp_path, values, dtype=dtype, n_shards=n_shards)
    weights = read(tmp_path)
    assert len(weights.layers) == 7
    for layer, pair in weights.layers.items():
        for value, part in zip(pair, ("conv2d/kernel", "bias"), strict=True):
            name = f"{PREFIX}{layer}/{part}/{AVERAGE}"
            np.testing.assert_allclose(value, expected[name], rtol=1e-6, atol=1e-7)
            near = ROUNDING[dtype] * max(np.ptp(values[name]), 1.0)
            np.testing.assert_allclose(value, values[name], rtol=0, atol=near)
            assert value.dtype == np.float32
    assert (weights.images_seen, weights.checkpoint) == (None, MANIFEST)


def test_several_groups_are_one_set(tmp_path, values):
    write_js(tmp_path, values, n_shards=1)
    shard = "group1-shard1of1"
    groups = json.loads((tmp_path / MANIFEST).read_text())
    content, entries = (tmp_path / shard).read_bytes(), groups[0]["weights"]
    n = 4 * sum(int(np.prod(entry["shape"])) for entry in entries[:3])
    (tmp_path / shard).write_bytes(content[:n])
    (tmp_path / "second").write_bytes(content[n:])
    groups = [
        {"paths": [shard], "weights": entries[:3]},
        {"paths": ["second"], "weights": entries[3:]},
    ]
    (tmp_path / MANIFEST).write_text(json.dumps(groups))
    bias = read(tmp_path).layers["3/to_rgb"][1]
    np.testing.assert_array_equal(bias, values[RGB_BIAS])


def test_the_images_seen_are_told_if_they_are_known(tmp_path, values):
    write_js(tmp_path, values)
    last = tmp_path / "group1-shard3of3"
    last.write_bytes(last.read_bytes() + np.array(11_000_000, "<i4").tobytes())
    entry = {"name": "global_step", "shape": [], "dtype": "int32"}
    change(tmp_path, lambda group: group["weights"].append(entry))
    assert read(tmp_path).images_seen == 11_000_000


def test_missing_weights_are_named(tmp_path, values):
    write_js(tmp_path, {name: value for name, value in values.items() if name != RGB_BIAS})
    refused(tmp_path, "lacks variables", RGB_BIAS)


def test_other_shapes_are_refused(tmp_path, values):
    write_js(tmp_path, values | {RGB_BIAS: np.zeros(3)})
    refused(tmp_path, "has shape (3,) and not (2,)")


def test_values_that_are_no_numbers_are_refused(tmp_path, values):
    write_js(tmp_path, values | {RGB_BIAS: np.array([0.0, np.nan])})
    refused(tmp_path, "not finite", RGB_BIAS)


def test_shards_must_be_whole(tmp_path, values):
    write_js(tmp_path, values)
    last = tmp_path / "group1-shard3of3"
    content = last.read_bytes()
    last.write_bytes(content[:-5])
    refused(tmp_path, "bytes of weights", "get them again")
    last.write_bytes(content + b"x")
    refused(tmp_path, "bytes of weights")
    last.unlink()
    refused(tmp_path, "'group1-shard3of3', which cannot be read")


def test_files_outside_the_folder_are_not_read(tmp_path, values):
    folder = tmp_path / "js"
    write_js(folder, values, n_shards=1)
    (folder / "group1-shard1of1").rename(tmp_path / "secret")
    change(folder, lambda group: group.update(paths=["../secret"]))
    refused(folder, "'../secret' outside its folder; get the weights again")


@pytest.mark.parametrize(
    ("entry", "wanted", "also"),
    [
        ({"dtype": "string"}, "as 'string'", "unknown type"),
        ({"dtype": "int32"}, "not floats", "is int32"),
        (
            {"dtype": "int32", "quantization": {"dtype": "uint8", "scale": 1, "min": 0}},
            "('int32') as 'uint8'",
            "unknown type",
        ),
        ({"shape": [-1]}, "not a manifest of weights", "a shape as [-1]); get"),
        ({"shape": [8.0]}, "not a manifest of weights", "a shape as [8.0]"),
        ({"shape": "8"}, "not a manifest of weights", "a shape as '8'"),
        ({"quantization": {"dtype": "int4", "scale": 1, "min": 0}}, "as 'int4'", "unknown type"),
        ({"quantization": {"dtype": "float32"}}, "as 'float32'", "unknown type"),
        ({"quantization": {"dtype": "uint8"}}, "not a manifest of weights", "lacks 'scale'"),
        ({"shape": None}, "not a manifest of weights", "None"),
        ({"shape": ["many"]}, "not a manifest of weights", "many"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path, values, entry, wanted, also):
    write_js(tmp_path, values)
    change(tmp_path, lambda group: group["weights"][0].update(entry))
    refused(tmp_path, MANIFEST, wanted, also)


@pytest.mark.parametrize(
    ("step", "dtype", "told"),
    [
        (np.nan, "float32", "nan"),
        (-5, "int32", "-5"),
        (2.5, "float32", "2.5"),
        (1, "complex64", "1"),
    ],
)
def test_a_number_of_images_that_is_none_is_refused(tmp_path, values, step, dtype, told):
    write_js(tmp_path, values)
    last = tmp_path / "group1-shard3of3"
    last.write_bytes(last.read_bytes() + np.array(step, dtype).tobytes())
    entry = {"name": "global_step", "shape": [], "dtype": dtype}
    change(tmp_path, lambda group: group["weights"].append(entry))
    refused(tmp_path, "gives global_step as", told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "",
            "not a manifest of weights (Expecting value: line 1 column 1 (char 0)); get it again.",
        ),
        ("3", "not a manifest of weights; get it again."),
        ('[{"paths": []}]', "not a manifest of weights (it lacks 'weights'); get it again."),
        ("[[]]", "not a manifest of weights; get it again."),
        ('{"weights": []}', "not a manifest of weights; get it again."),
        ("{}", "lacks variables of GANSynth's generator"),
    ],
)
def test_other_manifests_are_refused(tmp_path, text, told):
    (tmp_path / MANIFEST).write_text(text)
    refused(tmp_path, MANIFEST, told)
