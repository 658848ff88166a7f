"""A model folder like an imported one; its network knows one image, dimmed by the first of z."""

import hashlib
import json

import numpy as np
import pytest
from fake_models import LATENT_DIM, floats, ints, network

PITCH_RANGE = (24, 84)
DIMMER = 0.05
"""How much lower the normalised log power is for z[0] = 1."""


def generator_graph(image):
    """Write a network that gives the first frames of an image (128, 1024, 2) at any pitch."""
    by_z = np.zeros((1, 1, 1, 2))
    by_z[..., 0] = -DIMMER
    inputs = [
        ("z", "FLOAT", ["n", LATENT_DIM]), ("pitch", "INT64", ["n"]), ("frames", "INT64", [1]),
    ]  # fmt: skip
    nodes = [
        ("Slice", ["z", "zero", "one", "one"], ["first"], {}),
        ("Unsqueeze", ["first", "last_two"], ["first4"], {}),
        ("Mul", ["first4", "by_z"], ["dimmer"], {}),
        ("Slice", ["image", "zero", "frames", "zero"], ["some"], {}),
        ("Cast", ["pitch"], ["pitch_f"], {"to": 1}),
        ("Mul", ["pitch_f", "nothing"], ["no_pitch"], {}),
        ("Unsqueeze", ["no_pitch", "last_three"], ["no_pitch4"], {}),
        ("Add", ["dimmer", "no_pitch4"], ["change"], {}),
        ("Add", ["some", "change"], ["specgrams"], {}),
    ]
    constants = [
        floats("image", image), floats("by_z", by_z), floats("nothing", 0.0), ints("zero", [0]),
        ints("one", [1]), ints("last_two", [2, 3]), ints("last_three", [1, 2, 3]),
    ]  # fmt: skip
    graph = network(inputs, [("specgrams", "FLOAT", ["n", "frames", 1024, 2])], nodes, constants)
    return told(graph, pitches="MIDI 24..84")


def told(graph, **properties):
    """Let a network tell something of itself."""
    import onnx

    model = onnx.load_from_string(graph)
    onnx.helper.set_model_props(model, properties)
    return model.SerializeToString()


def write_mel_model(folder, image, **changes):
    """Write a model folder of GANSynth's representation."""
    pytest.importorskip("onnx")
    folder.mkdir(parents=True)
    graph = generator_graph(image)
    (folder / "generator.onnx").write_bytes(graph)
    config = {
        "format_version": 2, "representation": "mel", "sample_rate": 16000,
        "latent_dim": LATENT_DIM, "pitch_range": list(PITCH_RANGE), "generator": "generator.onnx",
        "generator_sha256": hashlib.sha256(graph).hexdigest(),
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder
