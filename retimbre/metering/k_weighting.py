"""K weighting: how a head and an ear weigh frequencies, by ITU-R BS.1770-4.

A section is a digital filter of second order: ``(b0, b1, b2), (a0, a1, a2)`` with ``a0 = 1``.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray

STANDARD_SR = 48_000
"""The standard gives its filters at this rate [Hz]."""

Section = tuple[tuple[float, float, float], tuple[float, float, float]]

SHELF: Section = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
"""The standard's first section: 4 dB more above some 1.7 kHz, as a head has it."""

HIGH_PASS: Section = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
"""The standard's second section: less and less below some 40 Hz."""

_HIGHEST_CORNER = 0.45
"""A corner stays below this frequency [cycles per sample], at rates under 4 kHz."""


@lru_cache(maxsize=8)
def k_sections(sr: float) -> tuple[Section, Section]:
    """Return the two filters at a rate.

    Each is taken back to its analogue prototype by the bilinear transform, and from there to the
    rate, so that its corner stays where it is. At 48 kHz they are the standard's own.

    Parameters
    ----------
    sr : float [Hz, > 0]

    Returns
    -------
    shelf, high_pass : Section

    References
    ----------
    .. [1] ITU-R BS.1770-4, annex 1, tables 1 and 2.
    """
    return _at_rate(SHELF, sr), _at_rate(HIGH_PASS, sr)


def _at_rate(section: Section, sr: float) -> Section:
    numerator, denominator = map(_prototype, section)
    # The prototype turns at p = j tan(pi f / sr), where its denominator has no real part.
    at_standard = math.sqrt(denominator[0] / denominator[2])
    corner = math.atan(at_standard) / math.pi * STANDARD_SR / sr
    ratio = at_standard / math.tan(math.pi * min(corner, _HIGHEST_CORNER))
    b, a = (_digital((c0, c1 * ratio, c2 * ratio**2)) for c0, c1, c2 in (numerator, denominator))
    return (b[0] / a[0], b[1] / a[0], b[2] / a[0]), (1.0, a[1] / a[0], a[2] / a[0])


def _prototype(c: tuple[float, float, float]) -> tuple[float, float, float]:
    """Write a polynomial of ``1 / z = (1 - p) / (1 + p)`` as one of p, times ``(1 + p)**2``."""
    return c[0] + c[1] + c[2], 2.0 * (c[0] - c[2]), c[0] - c[1] + c[2]


def _digital(c: tuple[float, float, float]) -> tuple[float, float, float]:
    """Undo `_prototype`."""
    return (c[0] + c[1] + c[2]) / 4.0, (c[0] - c[2]) / 2.0, (c[0] - c[1] + c[2]) / 4.0


def k_weight(frequency: npt.ArrayLike) -> FloatArray:
    """Return how much the power at a frequency counts for loudness.

    Parameters
    ----------
    frequency : array_like [Hz]
        Above 24 kHz as there.

    Returns
    -------
    weight : np.ndarray [same shape]
        1.17 at 1 kHz: what the two filters have at 48 kHz.
    """
    z = np.exp(-2j * np.pi * np.minimum(frequency, STANDARD_SR / 2) / STANDARD_SR)
    gains = [np.polyval(b[::-1], z) / np.polyval(a[::-1], z) for b, a in (SHELF, HIGH_PASS)]
    return np.asarray(np.abs(gains[0] * gains[1]) ** 2)
