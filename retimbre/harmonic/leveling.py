"""How loud a note is at each moment, and the gain that takes it to what is wanted.

What is wanted is a loudness of the note as a whole, from its velocity, and the course of the
performer's level. An instrument that is sustained follows this course; one that dies away keeps
its own, and can only be damped. Loudness is computed from the image, so that a note of an hour has
its gain before its first sample is made.
"""

import numpy as np

from retimbre._typing import Float32Array, FloatArray
from retimbre.expression import ATTACK_KEPT, boost, damp_level, smooth_level
from retimbre.harmonic.held import HeldNote
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    FRAME_TIMES,
    GROUP_EDGES,
    HOLD_SECONDS,
    LEVEL_FLOOR_DB,
    N_SINGLE,
    NOISE_FLOOR_DB,
)
from retimbre.harmonic.layout import BIN_COUNTS
from retimbre.metering.k_weighting import k_weight
from retimbre.types import HOP_SECONDS

LOUDNESS_SECONDS = 0.100
"""A note is as loud as its loudest stretch of this length."""

STRIKE_SECONDS = 0.100
"""How far a level rises in this time after a strike is not followed."""

SUSTAINED_DB, DYING_DB = 1.5, 4.0
"""An instrument that falls by less a second is sustained, one that falls by more dies away."""

DYING_ENTRY_SECONDS = 0.150

DECAY_START, DECAY_END = 0.10, 1.10
"""The fall is measured between these times after the loudest frame, in seconds."""

_SILENT_DB = -200.0
_WIDTHS = np.append(np.ones(N_SINGLE), np.diff(GROUP_EDGES))
_DOWN = np.log(10.0) / 10.0


def sustained_share(own_db: FloatArray) -> float:
    """Tell whether an instrument is sustained or dies away.

    Parameters
    ----------
    own_db : np.ndarray [shape=(128,), dB]
        The level of each frame of a note image.

    Returns
    -------
    share : float [0..1]
        1 for a violin that is bowed, 0 for a string that is plucked; between for what dies away
        slowly.
    """
    held = own_db[FRAME_TIMES <= HOLD_SECONDS - DECAY_END - 0.1]
    start = FRAME_TIMES[int(held.argmax())] + DECAY_START
    ends = np.interp([start, start + DECAY_END - DECAY_START], FRAME_TIMES, own_db)
    fall = float(ends[0] - ends[1]) / (DECAY_END - DECAY_START)
    return float(np.clip((DYING_DB - fall) / (DYING_DB - SUSTAINED_DB), 0.0, 1.0))


def attack_end(own_db: FloatArray) -> float:
    """Return when the attack of a note is over [seconds from the onset].

    Parameters
    ----------
    own_db : np.ndarray [shape=(128,), dB]
        The level of each frame of a note image.

    Returns
    -------
    seconds : float
        40 ms after the level is within 3 dB of the loudest of the first half second.
    """
    early = own_db[FRAME_TIMES <= 0.5]
    return float(FRAME_TIMES[int(np.argmax(early >= early.max() - 3.0))]) + ATTACK_KEPT


def tied_entry(own_db: FloatArray) -> float:
    """Return where in its image a note begins that is tied to another [seconds].

    After the attack; what dies away is bright for longer, and enters up to 150 ms later.
    """
    return attack_end(own_db) + DYING_ENTRY_SECONDS * (1.0 - sustained_share(own_db))


def loudness_of_frames(image: FloatArray, f0: float, sr: float) -> FloatArray:
    """Return how loud each frame of an image is.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
    f0 : float [Hz]
    sr : float [Hz]
        What lies above half of it is not heard.

    Returns
    -------
    loudness : np.ndarray [shape=(128,), dB re full scale]
        K-weighted as in ITU-R BS.1770-4: that of a 1 kHz sine of amplitude 1 is -3 + 0.7.
    """
    frequencies = f0 * BIN_PARTIALS
    weight = np.where(frequencies < 0.48 * sr, k_weight(frequencies), 0.0)
    heard = (0.5 * BIN_COUNTS * weight).astype(np.float32)
    density = (weight * _WIDTHS * f0 / (0.5 * sr)).astype(np.float32)
    power = _power(image[..., 0], LEVEL_FLOOR_DB) @ heard
    power += _power(image[..., 2], NOISE_FLOOR_DB) @ density
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-20)), np.float64)


def _power(level_db: FloatArray, floor_db: float) -> Float32Array:
    """Return powers; what lies on the floor is silence."""
    power = np.exp(level_db.astype(np.float32) * np.float32(_DOWN))
    return np.asarray(np.maximum(power - np.float32(10.0 ** (floor_db / 10.0)), 0.0), np.float32)


class NoteLevel:
    """The gain of one note.

    Parameters
    ----------
    held : HeldNote
        The image of the note's beginning.
    entry : float [seconds]
        Where in the image the note begins.
    duration : float [seconds]
    f0 : float [Hz]
        Of the note as a whole.
    level_db : np.ndarray [shape=(n_curve,), dB] or None
        The performer's level every 10 ms from the onset, if there is one to follow.
    amount : float [0..1]
        How much of it is followed.
    keeps_attack : bool
        Whether the first 40 ms keep the instrument's own course.
    loudness_db : float [dB re full scale] or None
        The loudness that the note is brought to; None leaves it as it is.
    sr : float [Hz]
    """

    def __init__(
        self,
        held: HeldNote,
        *,
        entry: float,
        duration: float,
        f0: float,
        level_db: FloatArray | None,
        amount: float,
        keeps_attack: bool,
        loudness_db: float | None,
        sr: float,
    ) -> None:
        grid = np.arange(int(np.ceil(duration / HOP_SECONDS - 1e-9)) + 1) * HOP_SECONDS
        own = held.read(held.own_level, grid + entry)
        self._loudest = float(own.max())
        self._kept = min(attack_end(held.own_level), STRIKE_SECONDS) if keeps_attack else 0.0
        self._amount = amount if level_db is not None else 0.0
        if self._amount > 0.0:
            assert level_db is not None
            self._share = sustained_share(held.own_level)
            self._target = smooth_level(level_db)
            if keeps_attack:
                _strike(self._target)
            wanted = np.interp(grid / HOP_SECONDS, np.arange(len(self._target)), self._target)
            self._damped = damp_level(wanted, own - self._loudest, amount=amount)
            kept = np.array([min(self._kept, float(grid[-1]))])
            self._at_attack = float(self._follow(kept, np.interp(kept, grid, own))[0])
        self._loudness_db = 0.0
        if loudness_db is not None:
            loudness = held.read(loudness_of_frames(held.image, f0, sr), grid + entry)
            reached = _loudest_stretch(loudness + self.gain(grid, own))
            self._loudness_db = loudness_db - reached if reached > _SILENT_DB else _SILENT_DB

    def follow(self, times: FloatArray, own_db: FloatArray) -> FloatArray:
        """Return the gain that follows the performer alone, as `gain` does otherwise."""
        if self._amount == 0.0:
            return np.zeros(len(times))
        followed = self._follow(times, own_db)
        return np.asarray(np.where(times < self._kept, self._at_attack, followed))

    def gain(self, times: FloatArray, own_db: FloatArray) -> FloatArray:
        """Return the gain of the note.

        Parameters
        ----------
        times : np.ndarray [shape=(n,), seconds from the onset]
        own_db : np.ndarray [shape=(n,), dB]
            The level that the sound has there by itself.

        Returns
        -------
        gain_db : np.ndarray [shape=(n,), dB]
        """
        return self.follow(times, own_db) + self._loudness_db

    def _follow(self, times: FloatArray, own_db: FloatArray) -> FloatArray:
        frames = times / HOP_SECONDS
        damped = np.interp(frames, np.arange(len(self._damped)), self._damped)
        if self._share == 0.0:
            return np.asarray(damped)
        target = np.interp(frames, np.arange(len(self._target)), self._target)
        followed = boost(self._amount * (target - (own_db - self._loudest)))
        return np.asarray(self._share * followed + (1.0 - self._share) * damped)


def _strike(target_db: FloatArray) -> None:
    """Let a level begin where its attack leads to, in place: the rise is the instrument's own."""
    peak = int(target_db[: round(STRIKE_SECONDS / HOP_SECONDS)].argmax())
    target_db[:peak] = target_db[peak]


def _loudest_stretch(loudness: FloatArray) -> float:
    """Return the loudest 100 ms of a course of loudness every 10 ms, in dB."""
    power = np.exp(_DOWN * loudness)
    n = round(LOUDNESS_SECONDS / HOP_SECONDS)
    if len(power) <= n:
        # What is shorter rings on in its release, half as loud.
        mean = (power.sum() + 0.3 * power[-1] * (n - len(power))) / n
        return float(10.0 * np.log10(max(mean, 1e-20)))
    sums = np.cumsum(np.append(0.0, power))
    return float(10.0 * np.log10(max(float((sums[n:] - sums[:-n]).max()) / n, 1e-20)))
