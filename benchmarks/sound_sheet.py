"""A sheet of spectrograms: random instruments, a morph, real notes and reconstructions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sound_models import ExportedModel, SoundModel, draw_z, generate_images
from sound_morphs import play_morph
from sound_notes import NoteSet, RealNotes, Renderer

from retimbre.harmonic.image import NOTE_SECONDS, SAMPLE_RATE
from retimbre.harmonic.synthesis import synthesize_plain

FloatArray = npt.NDArray[np.floating[Any]]

COLUMNS = 8
PITCH = 60
VELOCITY = 80
MORPH_NAMES = ("Flute", "Cello")
"""From and to, where the palette has them."""

LOW_HZ, HIGH_HZ = 100.0, 16000.0
BINS_PER_OCTAVE = 36
N_FFT = 8192
HOP = 1024
RANGE_DB = 70.0


class Panel(NamedTuple):
    """A titled sound."""

    title: str
    wave: FloatArray


def log_spectrogram(y: FloatArray, sr: float = SAMPLE_RATE) -> FloatArray:
    """Return a spectrogram on a logarithmic frequency axis.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
    sr : float [Hz]

    Returns
    -------
    level : np.ndarray [shape=(n_bins, n_frames), dB re its loudest point]
        36 bins an octave from 100 Hz to 16 kHz; each is the strongest line of the Hann-windowed
        spectrum within half a bin, or the nearest one.
    """
    padded = np.pad(y, (N_FFT // 2, N_FFT // 2))
    starts = np.arange(0, len(y), HOP)
    frames = padded[starts[:, None] + np.arange(N_FFT)] * np.hanning(N_FFT)
    magnitude = np.abs(np.fft.rfft(frames, axis=1))
    n_bins = round(BINS_PER_OCTAVE * np.log2(HIGH_HZ / LOW_HZ))
    edges = LOW_HZ * 2.0 ** ((np.arange(n_bins + 1) - 0.5) / BINS_PER_OCTAVE) * N_FFT / sr
    low = np.round(edges[:-1]).astype(int)
    high = np.maximum(np.round(edges[1:]).astype(int), low + 1)
    level = np.stack([magnitude[:, a:b].max(axis=1) for a, b in zip(low, high, strict=True)])
    return np.asarray(20.0 * np.log10(np.maximum(level / max(level.max(), 1e-9), 1e-6)))


def _play(model: SoundModel, z: FloatArray, notes: NoteSet | None = None) -> list[FloatArray]:
    n = len(z)
    pitches = np.full(n, PITCH) if notes is None else notes.pitches
    velocities = np.full(n, VELOCITY) if notes is None else notes.velocities
    images = generate_images(model, z, pitches, velocities)
    return [synthesize_plain(i, p) for i, p in zip(images, pitches.tolist(), strict=True)]


def random_panels(model: SoundModel, rng: np.random.Generator) -> list[Panel]:
    """Play random instruments."""
    waves = _play(model, draw_z(model, COLUMNS, rng))
    return [Panel(f"random {i + 1}", y) for i, y in enumerate(waves)]


def morph_panels(model: ExportedModel) -> list[Panel]:
    """Play notes between two instruments of the palette, as the main job does."""
    names = [name.lower() for name in model.palette.names]
    wanted = [name.lower() for name in MORPH_NAMES]
    ends = [names.index(w) if w in names else i for i, w in enumerate(wanted)]
    waves = _play(model, play_morph(model, model.palette.z[ends], COLUMNS))
    t = np.linspace(0.0, 1.0, COLUMNS)
    first, last = (model.palette.names[i] for i in ends)
    titles = [first, *(f"{100 * value:.0f} %" for value in t[1:-1]), last]
    return [Panel(title, y) for title, y in zip(titles, waves, strict=True)]


def real_panels(
    model: SoundModel, real: RealNotes, renderer: Renderer, rng: np.random.Generator
) -> tuple[list[Panel], list[Panel]]:
    """Play notes of unseen presets, and the model's same notes, encoded at other pitches."""
    there = real.at_pitch(real.held_out, PITCH, rng)
    order = rng.permutation(len(there))
    programs = [real.label(row).program for row in there.rows[order].tolist()]
    # Twins of one program come last: eight different sounds say more.
    is_twin = [program in programs[:i] for i, program in enumerate(programs)]
    targets = there.at(order[np.argsort(is_twin, kind="stable")][:COLUMNS])
    keys = [real.dataset.instruments[i] for i in targets.instruments]
    sources = [_other_pitch(real, key, rng) for key in keys]
    notes = real.set_of(np.array(sources), targets.instruments)
    z = model.encode(real.features(notes), notes.pitches)
    labels = [real.label(row) for row in targets.rows.tolist()]
    played = _play(model, z, targets)
    return (
        [Panel(label.name.strip(), renderer.wave(label)) for label in labels],
        [
            Panel(f"heard at MIDI {pitch}", y)
            for pitch, y in zip(notes.pitches.tolist(), played, strict=True)
        ],
    )


def _other_pitch(real: RealNotes, key: Any, rng: np.random.Generator) -> int:
    """Draw a note of an instrument, 3 to 12 semitones away where there is one."""
    rows = real.dataset.notes_of[key]
    away = np.abs(real.dataset.pitches[rows] - PITCH)
    near = rows[(away >= 3) & (away <= 12)]
    return int(rng.choice(near if len(near) else rows))


def draw_sheet(path: Path, rows: Sequence[tuple[str, Sequence[Panel]]], title: str) -> None:
    """Draw rows of spectrograms into a PNG file.

    Parameters
    ----------
    path : Path
    rows : sequence of (str, sequence of Panel)
        What a row shows, and its sounds.
    title : str
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16.0, 2.3 * len(rows) + 0.8), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(len(rows), COLUMNS, sharex=True, sharey=True, squeeze=False)
    image = None
    for (name, panels), line in zip(rows, axes, strict=True):
        line[0].set_ylabel(f"{name}\nHz", fontsize=9)
        for ax in line[len(panels) :]:
            ax.set_axis_off()
        for panel, ax in zip(panels, line, strict=False):
            image = ax.imshow(
                log_spectrogram(panel.wave),
                origin="lower",
                aspect="auto",
                cmap="magma",
                vmin=-RANGE_DB,
                vmax=0.0,
                extent=(0.0, NOTE_SECONDS, np.log2(LOW_HZ), np.log2(HIGH_HZ)),
            )
            ax.set_title(panel.title, fontsize=8)
            ax.tick_params(labelsize=7)
            ticks = (125, 500, 2000, 8000)
            ax.set_yticks(np.log2(ticks), [f"{t}" for t in ticks])
    for ax in axes[-1]:
        ax.set_xlabel("s", fontsize=8)
    if image is not None:
        figure.colorbar(image, ax=axes, shrink=0.5, pad=0.01, label="dB")
    figure.savefig(path, dpi=80)


def make_sheet(
    path: Path, model: ExportedModel, real: RealNotes, renderer: Renderer, *, seed: int
) -> None:
    """Draw the sheet of a model."""
    rng = np.random.default_rng([seed, 10])
    truth, rebuilt = real_panels(model, real, renderer, rng)
    rows = [
        ("random", random_panels(model, rng)),
        ("a morph", morph_panels(model)),
        ("real, unseen", truth),
        ("reconstructed", rebuilt),
    ]
    draw_sheet(path, rows, f"{model.name}: notes at MIDI {PITCH}, held for 3 s, released for 1 s")
