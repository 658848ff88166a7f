"""A little dataset whose features say whose they are."""

import numpy as np

from retimbre.train.data import shards
from retimbre.train.data.labels import NoteLabel

SETTINGS = {"sources": ["font"], "pitches": [60, 67], "velocities": [40, 60, 80]}


def write_dataset(folder, n_instruments=4, n_notes=8):
    """Write instruments of their own programs, names and sounds, on `n_notes` keys from 60.

    The first frame's first three values are program, pitch and velocity over 128. Every instrument
    has eight bins of its own that sound.
    """
    shards.write_settings(folder, SETTINGS)
    for pitch in range(60, 60 + n_notes):
        labels = [
            NoteLabel("font", 0, program, f"{chr(97 + program)} tone", pitch, 40 + 20 * (pitch % 3))
            for program in range(n_instruments)
        ]
        features = np.zeros((n_instruments, 128, 288), np.float16)
        features[:, :, :96] = -1.0
        for row, label in enumerate(labels):
            own = 8 * (label.program + 1)
            features[row, :, own : own + 8] = 0.5
            features[row, 0, :3] = np.array([label.program, pitch, label.velocity]) / 128
        shards.write_shard(folder, pitch, features, labels)
