"""Small checkpoints of GANSynth, read by the importer, and the sentences that refuse them."""

import json
import re

import pytest
from gansynth_files import AVERAGE, PREFIX, SMALL

from retimbre.errors import ModelFormatError
from retimbre.train.gansynth.checkpoint import read_checkpoint
from retimbre.train.gansynth.weights import NetworkSize

SIZE = NetworkSize(channels=SMALL)
KERNEL = f"{PREFIX}2/conv1/conv2d/kernel/{AVERAGE}"
RGB_BIAS = f"{PREFIX}3/to_rgb/bias/{AVERAGE}"


def read(folder):
    return read_checkpoint(folder, SIZE)


def refused(folder, *parts, reader=read):
    """See that a checkpoint is refused in one sentence that holds all the parts; return it."""
    with pytest.raises(ModelFormatError) as caught:
        reader(folder)
    message = str(caught.value)
    for part in parts:
        assert part in message
    assert re.fullmatch(r"[^\n]+\.", message)
    return message


def without(values, *names):
    return {name: value for name, value in values.items() if name not in names}


def with_settings(folder, settings):
    folder.mkdir(exist_ok=True)
    (folder / "experiment.json").write_text(
        settings if isinstance(settings, str) else json.dumps(settings)
    )
    return folder
