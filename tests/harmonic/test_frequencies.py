"""From bins to a grid over frequency, and back."""

import numpy as np
import pytest

from retimbre.harmonic import frequencies
from retimbre.harmonic.frequencies import bins_to_grid, grid_to_bins
from retimbre.harmonic.image import BIN_PARTIALS, bin_mask
from retimbre.units import midi_to_hz

GRID = frequencies.FREQUENCIES
PITCHES = np.array([21, 48, 60, 83, 108])


def curve(hertz):
    """Linear over octaves, so that linear interpolation is exact."""
    return 5.0 - 6.0 * np.log2(hertz / 440.0)


def test_the_grid_covers_all_that_is_heard() -> None:
    assert GRID[0] == pytest.approx(float(midi_to_hz(21)))
    assert GRID[-1] > 22_050.0
    np.testing.assert_allclose(GRID[8:] / GRID[:-8], 2.0)


@pytest.mark.parametrize("pitch", PITCHES)
def test_a_curve_is_read_at_the_frequencies_of_the_bins(pitch: int) -> None:
    (matrix,) = grid_to_bins(np.array([pitch]))
    mask = bin_mask(pitch)
    hertz = float(midi_to_hz(pitch)) * BIN_PARTIALS[mask]
    np.testing.assert_allclose((curve(GRID) @ matrix)[mask], curve(hertz), atol=1e-3)
    # Beyond the grid the curve goes on as it ends.
    np.testing.assert_allclose(matrix.sum(axis=0), 1.0, atol=1e-5)


@pytest.mark.parametrize("pitch", PITCHES)
def test_bins_are_spread_over_the_grid_where_they_can_sound(pitch: int) -> None:
    (matrix,), (is_sounding,) = bins_to_grid(np.array([pitch]))
    f0, mask = float(midi_to_hz(pitch)), bin_mask(pitch)
    highest = f0 * BIN_PARTIALS[mask][-1]
    assert not is_sounding[0.9 * f0 > GRID].any()
    assert not is_sounding[1.1 * highest < GRID].any()
    between = (f0 <= GRID) & (highest >= GRID)
    assert is_sounding[between].all()
    levels = np.where(mask, curve(f0 * BIN_PARTIALS), 1e6)
    spread = levels @ matrix
    # Bins lie evenly in Hz at the bottom, so a line over octaves bends a little between them.
    np.testing.assert_allclose(spread[between], curve(GRID)[between], atol=0.6)
    assert (spread[~is_sounding] == 0.0).all()


def test_a_pitch_without_partials_below_nyquist_is_silent() -> None:
    matrices, is_sounding = bins_to_grid(np.array([140]))
    assert not is_sounding.any()
    assert (matrices == 0.0).all()
