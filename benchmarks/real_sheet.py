"""Draw recorded notes beside what `--like` makes of another note of the same instrument.

    python benchmarks/real_sheet.py FOLDER sheet.png [--model NAME]

FOLDER is as in `real_instruments`. In each row: the note that was heard, the recording of the note
that is wanted, and what is played at its key by the z alone and with the correction.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from real_instruments import play
from real_notes import SR, level_error, read_takes
from sound_sheet import log_spectrogram

import retimbre
from retimbre.generator.harmonic import HarmonicGenerator

SHOWN_SECONDS = 2.6
RANGE_DB = 70.0


def main() -> None:
    """Draw a sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    generator = retimbre.load_generator(arguments.model)
    assert isinstance(generator, HarmonicGenerator)
    folders = sorted(path for path in arguments.folder.iterdir() if path.is_dir())
    figure, axes = plt.subplots(len(folders), 4, figsize=(16, 2.6 * len(folders)), squeeze=False)
    for row, folder in zip(axes, folders, strict=True):
        takes = read_takes(folder)
        heard, wanted = takes[len(takes) // 2], takes[len(takes) // 2 + 1]
        own = generator.hear([(heard.y, SR, folder.name)], name=folder.name)
        (plain,) = play(generator, replace(own, correction=None), [wanted.pitch])
        (corrected,) = play(generator, own, [wanted.pitch])
        panels = [
            (f"{folder.name}, heard: {heard.pitch}", heard.y),
            (f"wanted: {wanted.pitch}", wanted.y),
            (f"z alone: {level_error(plain, wanted):.1f} dB", plain),
            (f"with correction: {level_error(corrected, wanted):.1f} dB", corrected),
        ]
        for axis, (title, y) in zip(row, panels, strict=True):
            level = log_spectrogram(np.asarray(y)[: round(SHOWN_SECONDS * SR)])
            axis.imshow(level, origin="lower", aspect="auto", cmap="magma", vmin=-RANGE_DB, vmax=0)
            axis.set_title(title, fontsize=8)
            axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(arguments.sheet, dpi=60)


if __name__ == "__main__":
    main()
