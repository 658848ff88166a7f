"""Measure the sound of a model: `python benchmarks/sound.py`; of a run: `... --run runs/NAME`.

Everything is compared with real notes: those of a data set (`retimbre dataset build`), rendered
again from their SoundFonts where raw sound is needed. Instruments are *seen* if the palette has
them and *unseen* if the training's split held them out, with all their twins. With ``--run`` one
line says how a training run does at its last checkpoint, in about a minute.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sound_baselines import baseline_rows
from sound_fad import MusicnnMissingError, fad_rows
from sound_like import like_rows
from sound_models import ExportedModel, place_of
from sound_morphs import path_rows
from sound_notes import RealNotes, Renderer
from sound_pitch import pitch_rows
from sound_random import bin_rows, measure_bins, measure_spread, spread_rows
from sound_reconstruction import (
    brightness_rows,
    measure_noise,
    noise_rows,
    rebuild,
    reconstruction_rows,
    texture_rows,
)
from sound_record import record
from sound_sheet import make_sheet
from sound_speed import cost_rows
from sound_table import Row, to_markdown

from retimbre.errors import ParameterError
from retimbre.generator.folder import find_model
from retimbre.harmonic.image import LEVEL_FLOOR_DB
from retimbre.train.data.dataset import Dataset

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FAILURES = HERE / "sound_pitch_failures.csv"
SHEET = ROOT / "docs" / "sound.png"

Part = Callable[[], list[Row]]


def main() -> None:
    """Measure a model and write the section "Sound", or print a line about a run."""
    arguments = _parse_arguments()
    dataset = Dataset(arguments.dataset)
    if arguments.run is not None:
        print(evaluate_run(arguments.run, dataset, seed=arguments.seed))
        return
    folder = find_model(arguments.model)
    model = ExportedModel(folder)
    real = split_notes(model, dataset)
    parts = _parts(model, folder, real, arguments)
    chosen = arguments.only or list(parts)
    rows = []
    for name in chosen:
        start = time.perf_counter()
        found = parts[name]()
        rows += found
        print(to_markdown(found), f"({name}: {time.perf_counter() - start:.0f} s)", file=sys.stderr)
    print(to_markdown(rows))
    if arguments.writes:
        record(rows, model, real, folder / "MODEL_CARD.md", seed=arguments.seed)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="default", help="a model's name or folder")
    parser.add_argument("--dataset", type=Path, default=ROOT / "datasets" / "soundfonts")
    parser.add_argument("--recordings", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--run", type=Path, help="evaluate a training run, in one line")
    parser.add_argument("--sheet", type=Path, default=SHEET, help="where the spectrograms go")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these, printed only")
    parser.add_argument("--update", action="store_true", help="write what --only measures")
    parser.add_argument("--quick", action="store_true", help="of fewer notes, printed only")
    parser.add_argument("--musicnn-python", default=sys.executable, help="has musicnn installed")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.writes = not arguments.quick and (arguments.only is None or arguments.update)
    return arguments


PARTS = (
    "reconstruction",
    "baselines",
    "pitch",
    "diversity",
    "bins",
    "fad",
    "slerp",
    "like",
    "cost",
    "noise",
    "texture",
    "brightness",
    "sheet",
)


def _parts(
    model: ExportedModel, folder: Path, real: RealNotes, arguments: argparse.Namespace
) -> dict[str, Part]:
    """Return the measurements by name, in the order of the table."""
    seed, share = arguments.seed, 10 if arguments.quick else 1
    renderer, failures = Renderer(), FAILURES if arguments.writes else None

    def fad() -> list[Row]:
        python = arguments.musicnn_python
        try:
            return fad_rows(model, real, renderer, python, n=2000 // share, seed=seed)
        except MusicnnMissingError as error:
            return [
                Row("FAD of random instruments to real notes", "not measured", "<= 2", f"{error}")
            ]

    def like() -> list[Row]:
        rows = like_rows(model, arguments.recordings)
        if not rows:
            print(f"{arguments.recordings} holds no recordings; their rows are left out.")
        return rows

    def sheet() -> list[Row]:
        if not (arguments.writes or arguments.only):
            return []
        make_sheet(arguments.sheet, model, real, renderer, seed=seed)
        return []

    measures: tuple[Part, ...] = (
        lambda: reconstruction_rows(model, real, renderer, n=200 // share, seed=seed),
        lambda: baseline_rows(real, n=100 // share, seed=seed),
        lambda: pitch_rows(model, real, renderer, failures, n=500 // share, seed=seed),
        lambda: spread_rows(model, real, n=300, seed=seed),
        lambda: bin_rows(model, real, n=2000, seed=seed),
        fad,
        lambda: path_rows(model, n=200 // share, seed=seed),
        like,
        lambda: cost_rows(model, folder),
        lambda: noise_rows(model, real, n=100, seed=seed),
        lambda: texture_rows(model, real, renderer, n=100 // share, seed=seed),
        lambda: brightness_rows(model, real),
        sheet,
    )
    return dict(zip(PARTS, measures, strict=True))


def split_notes(model: ExportedModel, dataset: Dataset) -> RealNotes:
    """Tell the seen instruments, which the palette has, from those that training held out.

    Raises
    ------
    ParameterError
        If the data set has none of the one or of the other: it is not the model's.
    """
    held_out = [i for i, key in enumerate(dataset.instruments) if key in model.held_out]
    known = {place_of(key) for key in model.palette.keys}
    trained = [i for i, key in enumerate(dataset.instruments) if place_of(key) in known]
    if not trained or len(held_out) < len(model.held_out) or not held_out:
        raise ParameterError(
            f"The data set is not that of the model {model.name!r}: of it {len(trained)} "
            f"instruments are in the palette and {len(held_out)} of {len(model.held_out)} were "
            "held out; name the model's with --dataset."
        )
    return RealNotes(dataset, trained, held_out)


def evaluate_run(run: Path, dataset: Dataset, *, seed: int) -> str:
    """Return a line about a training run's last checkpoint: reconstruction, diversity, NDB."""
    # TensorFlow reads it when it is imported; its greetings would hide the line.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from sound_run import TrainingRun

    model = TrainingRun(run, dataset)
    real = RealNotes(dataset, model.trained, model.held_out)
    errors = {}
    for name, instruments in (("unseen", real.held_out), ("seen", real.trained)):
        sources, targets = real.draw_pairs(instruments, 192, np.random.default_rng([seed, 1]))
        for what, notes in (("cross", targets), ("same", sources)):
            found = rebuild(model, real, sources, notes)
            errors[f"{name} {what}"] = float(np.nanmean(found.separated))
    spread = measure_spread(model, real, n=192, seed=seed, floor_db=LEVEL_FLOOR_DB)
    bins = measure_bins(model, real, n=1500, seed=seed)
    noise = measure_noise(model, real, real.held_out, n=128, seed=seed)
    told = ", ".join(f"{name} {value:.2f}" for name, value in errors.items())
    return (
        f"{model.name} at {model.n_seen}: level error {told} dB, unseen noise "
        f"{noise.mean():+.1f} dB (size {np.abs(noise).mean():.1f}); diversity random "
        f"{spread.ratio:.2f} named {spread.named / spread.real:.2f} (nearest: random-real "
        f"{spread.random_to_real:.1f}, real-random {spread.real_to_random:.1f}, real-real "
        f"{spread.real_to_real:.1f} dB); NDB random {bins.random}, named {bins.named}, real "
        f"{bins.same_instruments} of 50"
    )


if __name__ == "__main__":
    main()
