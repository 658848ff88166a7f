"""An even pace on the way from one instrument to the next.

Nothing asks a generator to change evenly along a slerp: it stays at one instrument for long, and is
at the other a hundredth of the way later. So the way is the slerp's and its pace is not: some
points of it are played, and each stretch gets as much of the time as the sound changes on it
(`even_out`).
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.instrument import Instruments
from retimbre.latent import slerp
from retimbre.types import Notes

LONG_NOTE_SECONDS = 1.5
"""Notes of so many seconds go on along the way between instruments while they last."""

N_POINTS = 9
"""So many points of a slerp are played first, evenly spaced."""

N_ROUNDS = 3
"""So many times the stretches on which much changes are halved."""

SMALL_SHARE = 1.0 / 16.0
"""Stretches with more than this share of the change are halved, in each round."""

SLERP_SHARE = 0.01
"""What of the time is the slerp's own, so that points between which nothing changes stay apart."""


class PlayLevels(Protocol):
    """What tells how alike sounds are."""

    def __call__(self, z: FloatArray, *, pitch: int) -> FloatArray:
        """Return the levels (n, n_values) in dB of latents (n, latent_dim) at one MIDI pitch."""


def even_out(instruments: Instruments, notes: Notes, play: PlayLevels) -> Instruments:
    """Place more latents between instruments, so that notes on the way change evenly.

    Parameters
    ----------
    instruments : Instruments
    notes : Notes
        Between which instruments none of them begins, or goes on for long, is left as it is. The
        change is that at the median pitch of those that do.
    play : callable
        See `PlayLevels`.

    Returns
    -------
    path : Instruments
        Without names, since most of them are on the way; the instruments are where they were.
    """
    z, times, places = [instruments.z[:1]], [instruments.times[:1]], [instruments.places[:1]]
    for i, (start, end) in enumerate(zip(instruments.times, instruments.times[1:], strict=False)):
        # Notes that begin there, and long ones that go on there.
        begun = np.where(notes.duration < LONG_NOTE_SECONDS, start, -np.inf)
        on_way = (notes.onset > begun) & (notes.onset < end) & (notes.offset > start)
        if on_way.any():
            pitch = round(float(np.median(notes.pitch[on_way])))
            fractions, changed = walk(
                instruments.z[i], instruments.z[i + 1], partial(play, pitch=pitch)
            )
            z.append(slerp(instruments.z[i], instruments.z[i + 1], fractions[1:-1]))
            times.append(start + (end - start) * changed[1:-1])
            places.append(instruments.places[i] + fractions[1:-1])
        z.append(instruments.z[i + 1 : i + 2])
        times.append(instruments.times[i + 1 : i + 2])
        places.append(instruments.places[i + 1 : i + 2])
    return Instruments(
        np.concatenate(z),
        np.concatenate(times),
        corrections=instruments.corrections,
        places=np.concatenate(places),
    )


def walk(
    start: FloatArray, end: FloatArray, levels: Callable[[FloatArray], FloatArray]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return points of a slerp, and the share of the whole change that lies before each.

    Parameters
    ----------
    start, end : np.ndarray [shape=(latent_dim,)]
    levels : callable
        As `PlayLevels`, at some pitch.

    Returns
    -------
    fractions : np.ndarray [shape=(n,), 0..1, ascending]
    changed : np.ndarray [shape=(n,), 0..1, ascending]
        The fractions themselves where nothing changes.
    """
    fractions = np.linspace(0.0, 1.0, N_POINTS)
    played = levels(slerp(start, end, fractions))
    for _ in range(N_ROUNDS):
        steps = _steps(played)
        large = np.flatnonzero(steps > SMALL_SHARE * steps.sum())
        if not len(large):
            break
        middles = 0.5 * (fractions[large] + fractions[large + 1])
        fractions = np.insert(fractions, large + 1, middles)
        played = np.insert(played, large + 1, levels(slerp(start, end, middles)), axis=0)
    way = np.concatenate([[0.0], np.cumsum(_steps(played))])
    if not way[-1] > 0.0:
        return fractions, fractions
    return fractions, (1.0 - SLERP_SHARE) * way / way[-1] + SLERP_SHARE * fractions


def _steps(played: FloatArray) -> npt.NDArray[np.float64]:
    """Return the rms change from each sound to the next [shape=(n - 1,), dB]."""
    changes = np.diff(played.astype(np.float64), axis=0)
    return np.asarray(np.sqrt(np.mean(np.square(changes), axis=1)))
