"""Where the figures of the sound are kept: RESULTS.md and the model's card."""

from collections.abc import Sequence
from pathlib import Path

from results import RESULTS, merge_rows, read_section, write_section
from sound_models import ExportedModel
from sound_notes import RealNotes
from sound_table import Row, to_markdown

SECTION = "Sound"
INTRODUCTION = """\
Model `{model}` after {n_seen:,} notes: {named} named instruments. Real notes are those of {trained}
presets that it was trained on (seen) and of {held_out} whose families were held out (unseen).
Levels are dB re the loudest frame of a note; an error is the mean over the points of the real
note's level image within 60 dB of its loudest, then over notes. Random instruments are z ~ N(0, I),
which the model takes for blends of a few named ones. Written by `python benchmarks/sound.py`, seed
{seed}."""

CARD_HEAD = """\
After {n_seen:,} notes, measured by `benchmarks/sound.py`. What the figures mean:
`docs/sound.md`; remarks on each: `benchmarks/RESULTS.md`, section "Sound".

| figure | measured | target |
|---|---|---|
"""


def record(
    rows: Sequence[Row],
    model: ExportedModel,
    real: RealNotes,
    card: Path,
    *,
    seed: int,
    results: Path = RESULTS,
) -> None:
    """Put rows into the section "Sound" and into the figures of the model's card.

    Rows of the same model and seed that were measured before are kept, those of others are not.

    Parameters
    ----------
    rows : sequence of Row
    model : ExportedModel
    real : RealNotes
    card : Path
        MODEL_CARD.md of the model.
    seed : int
    results : Path
    """
    head = INTRODUCTION.format(
        model=model.name,
        n_seen=model.n_seen,
        named=len(model.palette.names),
        trained=len(real.trained),
        held_out=len(real.held_out),
        seed=seed,
    )
    merge_rows(SECTION, head, to_markdown(rows), path=results)
    table = [line for line in read_section(SECTION, path=results).splitlines() if line[:1] == "|"]
    figures = "\n".join(" |".join(line.split(" |")[:3]) + " |" for line in table[2:])
    write_section("Figures", CARD_HEAD.format(n_seen=model.n_seen) + figures, path=card)
