"""Octave errors put into the pitch of known waveforms come out right; right pitches stay."""

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.pitch.octaves import correct_octaves

SR = 16000
N_FRAMES = 101


def tone(f0: np.ndarray | float, partials: dict[int, float], *, noise: float = 0.0) -> np.ndarray:
    """One second of harmonics with given amplitudes."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(f0, SR)) / SR
    y = sum(a * np.sin(k * phase + k) for k, a in partials.items())
    return np.asarray(y) + noise * np.random.default_rng(0).standard_normal(SR)


VOICE = {1: 0.5, 2: 0.6, 3: 0.3, 4: 0.2, 5: 0.1}
TWANG = {1: 0.01, 2: 0.1, 3: 0.3, 4: 1.0, 5: 0.3, 6: 0.1}
"""A plucked string with hardly any fundamental and a strong fourth partial."""


@pytest.mark.parametrize("partials", [{1: 0.5}, VOICE, TWANG, {1: 0.1, 2: 0.8, 3: 0.2}])
@pytest.mark.parametrize("f0", [62.3, 110.0, 234.5, 440.0, 1046.5])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_right_pitches_stay(f0: float, partials: dict[int, float], noise: float) -> None:
    given = np.full(N_FRAMES, f0)
    assert np.array_equal(correct_octaves(tone(f0, partials, noise=noise), SR, given), given)


@pytest.mark.parametrize("factor", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("f0", [110.0, 234.5, 311.1])
def test_a_partial_taken_for_the_pitch_is_moved_down(f0: float, factor: float) -> None:
    fixed = correct_octaves(tone(f0, TWANG), SR, np.full(N_FRAMES, f0 * factor))
    assert np.allclose(fixed[5:-5], f0)


@pytest.mark.parametrize("factor", [2.0, 3.0])
@pytest.mark.parametrize("f0", [180.0, 311.1, 700.0])
def test_a_subharmonic_is_moved_up(f0: float, factor: float) -> None:
    fixed = correct_octaves(tone(f0, VOICE), SR, np.full(N_FRAMES, f0 / factor))
    assert np.allclose(fixed[5:-5], f0)


def test_only_the_wrong_stretch_is_moved() -> None:
    given = np.full(N_FRAMES, 220.0)
    given[40:52] = 440.0
    fixed = correct_octaves(tone(220.0, VOICE), SR, given)
    assert np.allclose(fixed, 220.0)


def test_vibrato_and_slides_stay() -> None:
    t = np.arange(SR) / SR
    for cents in (80 * np.sin(2 * np.pi * 6 * t), 700 * t):
        f0 = 220 * 2 ** (cents / 1200)
        given = f0[np.minimum(np.arange(N_FRAMES) * SR // 100, SR - 1)]
        assert np.array_equal(correct_octaves(tone(f0, VOICE), SR, given), given)


def test_noise_and_silence_stay() -> None:
    given = np.linspace(80.0, 900.0, N_FRAMES)
    given[30:40] = np.nan
    for y in (np.random.default_rng(1).standard_normal(SR), np.zeros(SR), np.zeros(0)):
        assert np.array_equal(correct_octaves(y, SR, given), given, equal_nan=True)
    assert len(correct_octaves(np.zeros(0), SR, np.zeros(0))) == 0


def test_nothing_is_moved_out_of_the_range() -> None:
    given = np.full(N_FRAMES, 440.0)
    fixed = correct_octaves(tone(110.0, TWANG), SR, given, fmin=150.0)
    assert np.array_equal(fixed, given)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    y, given = tone(220.0, TWANG), np.full(N_FRAMES, 880.0)
    whole = correct_octaves(y, SR, given)
    monkeypatch.setattr("retimbre.pitch.octaves._BLOCK_FRAMES", 7)
    assert np.array_equal(correct_octaves(y, SR, given), whole)


def test_bad_parameters_and_unchanged_input() -> None:
    given = np.full(3, 440.0)
    given.setflags(write=False)
    correct_octaves(np.zeros(600), SR, given)
    for y, sr, f0 in (
        (np.zeros((2, 9)), SR, given),
        (np.zeros(9), 0, given),
        (np.zeros(9), SR, [[440.0]]),
    ):
        with pytest.raises(ParameterError, match="mono audio"):
            correct_octaves(y, sr, f0)
