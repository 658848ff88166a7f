"""How a note sounds when it is played harder or softer.

How hard a note is struck changes its timbre and not only its level. A note has the image of its
own velocity and that of a softer one; while the performer plays below the note's own level, the
softer takes over, as far as the law of velocities says: half the velocity is 12 dB down.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from retimbre._typing import FloatArray, IntArray
from retimbre.expression import HOLD_END, UNSTRETCHED_SECONDS, follow_level
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    FRAME_TIMES,
    HOLD_SECONDS,
    LEVEL_FLOOR_DB,
    NOISE_FLOOR_DB,
)
from retimbre.harmonic.layout import BIN_COUNTS, instrument_level

DEFAULT_VELOCITY = 100
"""Of a note of which nothing is said."""

VELOCITY_STEP = 8
"""Notes whose velocities round to the same multiple share their image."""

SOFTEST = 20
"""No softer image is made to fade towards."""

PLAIN_VELOCITY = 80
"""At which an instrument has the spectrum that its model gives it."""

BRIGHTNESS_DB = 0.1
"""So many dB an octave above the fundamental for each dB that a note is louder.

Many sampled instruments only change their level with the velocity, and so would a model that was
trained on them; this makes all of them do what most instruments do."""


def brighten(images: FloatArray, velocities: IntArray) -> FloatArray:
    """Tilt the spectra of notes by how hard they are played.

    Partial k gets ``0.1 log2(k)`` dB for every dB that the note is louder than one of velocity
    80, by the law of velocities (40 log10 of their ratio); the noise around it as much.

    Parameters
    ----------
    images : np.ndarray of float32 [shape=(n, 128, 96, 4)]
        The loudest frame of each at 0 dB.
    velocities : np.ndarray of int [shape=(n,), 1..127]

    Returns
    -------
    tilted : np.ndarray of float32 [shape=(n, 128, 96, 4)]
        Each as loud in its loudest frame as it was; silence is silent.
    """
    louder_db = 40.0 * np.log10(np.asarray(velocities) / PLAIN_VELOCITY)
    gain = (BRIGHTNESS_DB * louder_db[:, None] * np.log2(BIN_PARTIALS)).astype(np.float32)
    level = images[..., 0]
    tilted = level + gain[:, None, :]
    gain = gain[:, None, :] - (_loudest_db(tilted) - _loudest_db(level))[:, None, None]
    out = images.copy()
    for channel, floor in ((0, LEVEL_FLOOR_DB), (2, NOISE_FLOOR_DB)):
        part = images[..., channel]
        out[..., channel] = np.where(part > floor, np.maximum(part + gain, floor), floor)
    return out


def _loudest_db(level: FloatArray) -> FloatArray:
    """Return the level of all partials in the loudest frame of each note [shape=(n,), dB]."""
    power = np.exp(level * np.float32(np.log(10.0) / 10.0)) @ BIN_COUNTS.astype(np.float32)
    return np.asarray(10.0 * np.log10(power.max(axis=1)))


def image_velocities(velocities: IntArray, *, with_softer: bool) -> IntArray:
    """Return the velocities at which the images of notes are made.

    Parameters
    ----------
    velocities : np.ndarray of int [shape=(n,), 1..127]
    with_softer : bool
        Whether the notes have level curves to follow.

    Returns
    -------
    layers : np.ndarray of int64 [shape=(n, 1) or (n, 2), 1..127]
        In steps of 8: the note's own and, at its side, half of it, 20 at least.

    Examples
    --------
    >>> image_velocities(np.array([100, 30, 3, 127]), with_softer=True).tolist()
    [[96, 48], [32, 20], [8, 8], [127, 64]]
    """
    own = np.clip(VELOCITY_STEP * np.rint(np.asarray(velocities) / VELOCITY_STEP), 8, 127)
    softer = np.minimum(np.maximum(np.rint(own / 2), SOFTEST), own)
    layers = [own, softer] if with_softer else [own]
    return np.stack(layers, axis=1).astype(np.int64)


def soften_notes(
    images: Iterable[Sequence[FloatArray]],
    velocities: IntArray,
    durations: FloatArray,
    level_curves: Sequence[FloatArray | None],
    *,
    expression: float,
) -> Iterator[FloatArray]:
    """Soften notes along their level curves, each when it is asked for.

    Parameters
    ----------
    images : iterable of sequence of np.ndarray [shape=(128, 96, 4)]
        For each note the image at its own velocity and, as the last, the softer one.
    velocities : np.ndarray of int [shape=(n_notes, n_layers)]
        Of those images.
    durations : np.ndarray [shape=(n_notes,), seconds]
    level_curves : sequence of np.ndarray or None [dB]
        One per note, every 10 ms.
    expression : float [0..1]
        How much the curves are followed.

    Yields
    ------
    image : np.ndarray [shape=(128, 96, 4)]
        One per note; its own image where there is no curve or nothing softer.
    """
    notes = zip(images, velocities, durations, level_curves, strict=True)
    for layers, struck, duration, curve in notes:
        if curve is None or struck[0] == struck[-1]:
            yield layers[0]
            continue
        yield soften(
            layers[0],
            layers[-1],
            curve,
            span_db=float(40.0 * np.log10(struck[0] / struck[-1])),
            duration=float(duration),
            amount=expression,
        )


def soften(
    image: FloatArray,
    softer: FloatArray,
    level_db: FloatArray,
    *,
    span_db: float,
    duration: float,
    amount: float = 1.0,
) -> FloatArray:
    """Let a softer image take over where a note is turned down.

    Parameters
    ----------
    image, softer : np.ndarray [shape=(128, 96, 4)]
        The note at its own velocity and at a lower one, each with its loudest frame at 0 dB.
    level_db : np.ndarray [shape=(n_curve,), dB]
        The performer's level every 10 ms from the onset.
    span_db : float [dB, > 0]
        How far apart the two velocities lie: so far below the note's own level the softer
        image stands alone.
    duration : float [seconds, > 0]
        Of the note.
    amount : float [0..1]
        How much the curve is followed.

    Returns
    -------
    blended : np.ndarray of float32 [shape=(128, 96, 4)]

    Notes
    -----
    What counts is how far the performer's level lies under the level that the instrument has at
    that moment by itself: a string that dies away grows dull on its own. The first 40 ms keep the
    instrument's attack, as they do in level. A note longer than the image is stretched over it,
    as its slow changes are when it is played.
    """
    heard = np.flatnonzero(max(min(duration, HOLD_SECONDS), 1e-9) > FRAME_TIMES)
    own_db = instrument_level(image)[heard]
    gain_db = follow_level(level_db, own_db, _note_times(duration)[heard], amount=amount)
    # What is not heard before the release goes on from there.
    gain_db = np.pad(gain_db, (0, len(FRAME_TIMES) - len(heard)), mode="edge")
    share = np.clip(-gain_db / span_db, 0.0, 1.0).astype(np.float32)[:, None, None]
    return np.asarray(image + share * (softer - image))


def _note_times(duration: float) -> FloatArray:
    """Return the time in a note at which each held frame of its image is heard."""
    if duration <= HOLD_SECONDS:
        return FRAME_TIMES
    start = UNSTRETCHED_SECONDS
    stretch = (duration - start) / (HOLD_END - start)
    stretched = np.minimum(start + (FRAME_TIMES - start) * stretch, duration)
    return np.where(start > FRAME_TIMES, FRAME_TIMES, stretched)
