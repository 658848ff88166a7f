"""Model folders with and without their parts, small enough for tests, and written in a moment.

The generator plays plain harmonic tones: partial k lies ``12 (1 - v) (k - 1)`` dB under the first
at velocity v (0..1), so that louder is brighter, and the first number of z moves all partials
beyond the third. The encoder answers with the direction in which the mean features lie.
"""

import hashlib
import json

import numpy as np
import pytest

from retimbre.harmonic.image import N_BINS, N_FEATURES, N_FRAMES

PITCH_RANGE = (36, 84)
LATENT_DIM = 256

DULLER_DB = 12.0
"""How far each partial lies under the one before at velocity 0; 0 at 127."""

TIMBRE_DB = 20.0
"""How far the first number of z moves the partials beyond the third."""

OPSET, IR = 17, 8


def floats(name, array):
    from onnx import numpy_helper

    return numpy_helper.from_array(np.asarray(array, np.float32), name)


def ints(name, array):
    from onnx import numpy_helper

    return numpy_helper.from_array(np.asarray(array, np.int64), name)


def network(inputs, outputs, nodes, constants):
    """Put a graph together; ends are (name, type, shape)."""
    from onnx import TensorProto, helper

    ends = [
        [helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)
         for name, kind, shape in part]
        for part in (inputs, outputs)
    ]  # fmt: skip
    made = [
        helper.make_node(kind, ins, outs, **attributes) for kind, ins, outs, attributes in nodes
    ]
    graph = helper.make_graph(made, "fake", *ends, initializer=constants)
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR).SerializeToString()


def generator_graph(*, with_velocity=True):
    """Write a generator whose features answer to z and to velocity."""
    base = np.full((N_FRAMES, N_FEATURES), -1.0)
    base[:, :20] = 1.0
    base[:, N_BINS : N_BINS + 48] = 0.0
    by_z = np.zeros((1, N_FEATURES))
    by_z[:, 3:20] = TIMBRE_DB / 45.0
    by_softness = np.zeros((1, N_FEATURES))
    by_softness[:, :20] = -DULLER_DB / 45.0 * np.arange(20)
    inputs = [("z", "FLOAT", ["n", LATENT_DIM]), ("pitch", "INT64", ["n"])]
    nodes = [
        ("Slice", ["z", "zero", "one", "one"], ["first"], {}),
        ("Tanh", ["first"], ["tilt"], {}),
        ("Unsqueeze", ["tilt", "one"], ["tilt3"], {}),
        ("Mul", ["tilt3", "by_z"], ["timbre"], {}),
        ("Add", ["base", "timbre"], ["plain" if with_velocity else "features"], {}),
    ]
    if with_velocity:
        inputs.append(("velocity", "FLOAT", ["n"]))
        nodes += [
            ("Sub", ["full", "velocity"], ["softness"], {}),
            ("Unsqueeze", ["softness", "last_two"], ["softness3"], {}),
            ("Mul", ["softness3", "by_softness"], ["dull"], {}),
            ("Add", ["plain", "dull"], ["features"], {}),
        ]
    constants = [
        floats("base", base), floats("by_z", by_z), ints("zero", [0]), ints("one", [1]),
    ]  # fmt: skip
    if with_velocity:
        constants += [
            floats("full", [1.0]), floats("by_softness", by_softness), ints("last_two", [1, 2]),
        ]  # fmt: skip
    return network(inputs, [("features", "FLOAT", ["n", N_FRAMES, N_FEATURES])], nodes, constants)


def encoder_graph():
    """Write an encoder: the mean over the frames, its first 256 numbers, made rms 1."""
    inputs = [("features", "FLOAT", ["n", N_FRAMES, N_FEATURES]), ("pitch", "INT64", ["n"])]
    nodes = [
        ("ReduceMean", ["features"], ["mean"], {"axes": [1], "keepdims": 0}),
        ("Slice", ["mean", "zero", "dim", "axis"], ["some"], {}),
        ("ReduceL2", ["some"], ["length"], {"axes": [1], "keepdims": 1}),
        ("Div", ["some", "length"], ["unit"], {}),
        ("Mul", ["unit", "radius"], ["z"], {}),
    ]
    constants = [
        ints("zero", [0]), ints("dim", [LATENT_DIM]), ints("axis", [1]),
        floats("radius", [np.sqrt(LATENT_DIM)]),
    ]  # fmt: skip
    return network(inputs, [("z", "FLOAT", ["n", LATENT_DIM])], nodes, constants)


NAMES = ("Flute", "Cello", "Glass Harmonics", "Grand Piano", "Electric Piano 1", "Électro-Basse")


def palette_table(names=NAMES, latent_dim=LATENT_DIM):
    """Return a palette as its JSON holds it: instruments whose first number tells them apart."""
    rng = np.random.default_rng(5)
    rows = []
    for k, name in enumerate(names):
        z = rng.standard_normal(latent_dim)
        z[0] = k - 2.0
        rows.append(
            {
                "name": name, "z": z.tolist(), "brightness": 500.0 + 250.0 * k,
                "attack": 0.02 * k, "decay": float(k % 3 * 12), "noisiness": -60.0 + 5.0 * k,
                "range": [36 + k, 84 + k], "source": "fake.sf2", "bank": 0, "program": k,
                "licence": "MIT",
            }
        )  # fmt: skip
    return {"instruments": rows}


def write_model(folder, *, with_velocity=True, parts=("encoder", "palette"), palette=None):
    """Write a model folder."""
    pytest.importorskip("onnx")
    folder.mkdir(parents=True)
    files = {"generator": ("generator.onnx", generator_graph(with_velocity=with_velocity))}
    if "encoder" in parts:
        files["encoder"] = ("encoder.onnx", encoder_graph())
    if "palette" in parts:
        table = palette_table() if palette is None else palette
        files["palette"] = ("palette.json", json.dumps(table).encode())
    config = {
        "format_version": 2, "representation": "harmonic", "sample_rate": 44100,
        "latent_dim": LATENT_DIM, "pitch_range": list(PITCH_RANGE), "notes_seen": 0,
    }  # fmt: skip
    for part, (name, content) in files.items():
        (folder / name).write_bytes(content)
        config |= {part: name, f"{part}_sha256": hashlib.sha256(content).hexdigest()}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def change_config(folder, **changes):
    """Change settings of a model folder; None takes one away."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: v for key, v in config.items() if v is not None}))


def replace_file(folder, part, content):
    """Put other content into a model folder's file, under its right checksum."""
    config = json.loads((folder / "config.json").read_text())
    (folder / config[part]).write_bytes(content)
    change_config(folder, **{f"{part}_sha256": hashlib.sha256(content).hexdigest()})
