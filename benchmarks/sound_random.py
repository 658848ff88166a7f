"""Random instruments against real ones: how varied, how alike in kind."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sound_metrics import (
    count_different_bins,
    count_in_bins,
    fit_bins,
    level_distances,
    mean_nearest,
    mean_of_pairs,
    random_frames,
)
from sound_models import SoundModel, draw_z, generate_levels
from sound_notes import RealNotes
from sound_table import Row

from retimbre.harmonic.image import LEVEL_FLOOR_DB

FloatArray = npt.NDArray[np.floating[Any]]

PITCH = 60
N_BINS = 50
P = 0.05
FLOORS = (LEVEL_FLOOR_DB, -60.0)


@dataclass(frozen=True)
class Spread:
    """How far apart instruments are at one pitch, in dB.

    Attributes
    ----------
    real, random, named : float
        Mean distance of two real instruments, two random ones, two of the palette.
    real_to_real, random_to_real, real_to_random : float
        Mean distance to the nearest (another one, among real ones).
    """

    real: float
    random: float
    named: float
    real_to_real: float
    random_to_real: float
    real_to_random: float

    @property
    def ratio(self) -> float:
        """The diversity of random instruments: 1 where they are as varied as real ones."""
        return self.random / self.real


def measure_spread(
    model: SoundModel, real: RealNotes, *, n: int, seed: int, floor_db: float
) -> Spread:
    """Compare notes at MIDI 60 of trained, random and named instruments.

    Parameters
    ----------
    model : SoundModel
    real : RealNotes
    n : int
        Random instruments.
    seed : int
    floor_db : float [dB]
        See `sound_metrics.level_distances`.
    """
    rng = np.random.default_rng([seed, 3])
    notes = real.at_pitch(real.trained, PITCH, rng)
    truth = real.levels(notes)
    velocities = rng.choice(notes.velocities, n)
    random = generate_levels(model, draw_z(model, n, rng), np.full(n, PITCH), velocities)
    z = model.palette.z
    named_velocities = rng.choice(notes.velocities, len(z))
    named = generate_levels(model, z, np.full(len(z), PITCH), named_velocities)

    def between(a: FloatArray, b: FloatArray) -> FloatArray:
        return level_distances(a, b, PITCH, floor_db=floor_db)

    own, across = between(truth, truth), between(random, truth)
    return Spread(
        mean_of_pairs(own),
        mean_of_pairs(between(random, random)),
        mean_of_pairs(between(named, named)),
        mean_nearest(own, is_own=True),
        mean_nearest(across),
        mean_nearest(across.T),
    )


def spread_rows(model: SoundModel, real: RealNotes, *, n: int, seed: int) -> list[Row]:
    """Measure the diversity of random instruments, down to the floor and of what is audible."""
    rows = []
    for floor_db in FLOORS:
        found = measure_spread(model, real, n=n, seed=seed, floor_db=floor_db)
        rows.append(
            Row(
                f"diversity of random instruments at MIDI {PITCH}, levels above {floor_db:.0f} dB",
                f"{found.ratio:.2f}",
                ">= 0.9",
                f"mean distance of two: random {found.random:.1f}, named {found.named:.1f}, real "
                f"{found.real:.1f} dB; to the nearest: random to real {found.random_to_real:.1f}, "
                f"real to random {found.real_to_random:.1f}, real to real "
                f"{found.real_to_real:.1f} dB",
            )
        )
    return rows


@dataclass(frozen=True)
class BinCounts:
    """Statistically different bins, of 50, against one set of real notes.

    Attributes
    ----------
    random : int
        Random instruments at the pitches and velocities of the real notes.
    same_instruments : int
        Other notes of the same instruments.
    named : int
        The palette's instruments.
    """

    random: int
    same_instruments: int
    named: int


def measure_bins(model: SoundModel, real: RealNotes, *, n: int, seed: int) -> BinCounts:
    """Count the statistically different bins of frames of `n` notes a set."""
    rng = np.random.default_rng([seed, 4])
    notes = real.draw(real.trained, 2 * n, rng)
    order = rng.permutation(len(notes))
    half = len(notes) // 2
    reference, others = notes.at(order[:half]), notes.at(order[half:])
    z = draw_z(model, half, rng)
    named = model.palette.z[rng.integers(len(model.palette.z), size=half)]
    pitches, velocities = reference.pitches, reference.velocities
    frames = random_frames(real.levels(reference), rng)
    centres = fit_bins(frames, N_BINS, seed=seed)
    counts = count_in_bins(frames, centres)

    def different(levels: FloatArray) -> int:
        found = count_in_bins(random_frames(levels, rng), centres)
        return count_different_bins(counts, found, p=P)

    return BinCounts(
        different(generate_levels(model, z, pitches, velocities)),
        different(real.levels(others)),
        different(generate_levels(model, named, pitches, velocities)),
    )


def different_halves(real: RealNotes, *, n: int, seed: int, splits: int = 5) -> float:
    """Return the mean number of bins in which two halves of the real instruments differ."""
    found = []
    for split in range(splits):
        rng = np.random.default_rng([seed, 5, split])
        order = rng.permutation(real.trained).tolist()
        half = len(order) // 2
        sets = [real.draw(part, n, rng) for part in (order[:half], order[half:])]
        frames = [random_frames(real.levels(notes), rng) for notes in sets]
        centres = fit_bins(frames[0], N_BINS, seed=seed)
        counts = [count_in_bins(points, centres) for points in frames]
        found.append(count_different_bins(counts[0], counts[1], p=P))
    return float(np.mean(found))


def bin_rows(model: SoundModel, real: RealNotes, *, n: int, seed: int) -> list[Row]:
    """Measure the statistically different bins, with what real notes give."""
    found = measure_bins(model, real, n=n, seed=seed)
    halves = different_halves(real, n=n, seed=seed)
    return [
        Row(
            f"statistically different bins of {N_BINS}, p = {P}, random instruments",
            f"{found.random}",
            "<= 15",
            f"one random frame of each of {n} notes a set, levels above -60 dB; other notes of "
            f"the same real instruments {found.same_instruments}, other real instruments (two "
            f"halves, mean of 5) {halves:.1f}, named instruments {found.named}",
        )
    ]
