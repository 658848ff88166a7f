"""The restructured network gives the numbers of the network as written."""

from functools import lru_cache

import crepe_as_written
import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.pitch.crepe.first_layer import measure_frames
from retimbre.pitch.crepe.network import CrepeNetwork, count_frames, load_network
from retimbre.pitch.crepe.threads import open_workspace
from retimbre.pitch.crepe.weights import ConvWeights, CrepeWeights, load_weights

SR = 16000

# Largest difference of any activation; 1e-4 is asked, rounding in float32 leaves 2e-6.
TOLERANCE = 1e-5


def harmonic_tone(f0, seconds, n_partials=8):
    t = np.arange(round(seconds * SR)) / SR
    return sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, n_partials + 1)) * 0.3


@lru_cache(maxsize=1)
def frames_of_all_kinds():
    """Name -> one frame of 1024 samples."""
    rng = np.random.default_rng(7)
    tone = harmonic_tone(220.0, 0.064)
    noise = rng.standard_normal(1024)
    return {
        "low tone": harmonic_tone(41.2, 0.064),
        "tone": tone,
        "high tone": harmonic_tone(1900.0, 0.064, n_partials=3),
        "noise": 0.1 * noise,
        "tone in noise": tone + 0.1 * noise,
        "silence": np.zeros(1024),
        "constant": np.full(1024, 0.25),
        "clipped": np.clip(20.0 * tone, -1.0, 1.0),
        "offset": 0.9 + 0.001 * tone,
        "very quiet": 1e-5 * tone,
        "onset": np.where(np.arange(1024) < 700, 1e-4, 1.0) * tone,
        "click": np.eye(1, 1024, 500)[0],
    }


def test_frames_match_the_tiny_network_as_written():
    frames = np.stack(list(frames_of_all_kinds().values())).astype(np.float32)
    expected = crepe_as_written.activation(frames, load_weights("tiny"))
    difference = np.abs(load_network("tiny").activation(frames) - expected).max(axis=1)
    assert difference.max() < TOLERANCE, dict(zip(frames_of_all_kinds(), difference, strict=True))


def test_frames_match_the_full_network_as_written():
    kinds = frames_of_all_kinds()
    frames = np.stack([kinds[k] for k in ("tone in noise", "onset", "silence")]).astype(np.float32)
    expected = crepe_as_written.activation(frames, load_weights("full"))
    assert np.abs(load_network("full").activation(frames) - expected).max() < TOLERANCE
    assert expected.max() > 0.5  # the comparison sees a pitch, not only a floor


def test_any_weights_match_the_network_as_written():
    """Scales of both signs, large shifts: nothing rests on what the original weights look like."""
    rng = np.random.default_rng(11)
    channels, taps = (1, 6, 4, 4, 4, 6, 8), (512, 64, 64, 64, 64, 64)
    convs = tuple(
        ConvWeights(
            kernel=float32(rng.standard_normal((n, c_in, c_out)) / np.sqrt(n * c_in)),
            bias=float32(rng.standard_normal(c_out)),
            scale=float32(rng.standard_normal(c_out)),
            shift=float32(rng.standard_normal(c_out)),
        )
        for n, c_in, c_out in zip(taps, channels, channels[1:], strict=False)
    )
    dense = float32(rng.standard_normal((4 * channels[-1], 360)) / 8)
    weights = CrepeWeights(convs, dense, float32(rng.standard_normal(360)))
    frames = float32(rng.standard_normal((5, 1024)) * 0.1)
    signal = float32(rng.standard_normal(2000) * 0.1)
    network = CrepeNetwork(weights)
    expected = crepe_as_written.activation(frames, weights)
    assert np.abs(network.activation(frames) - expected).max() < TOLERANCE
    expected = crepe_as_written.activation(cut_frames(signal), weights)
    assert np.abs(whole_signal(network, signal) - expected).max() < TOLERANCE


def test_overlapping_frames_match_separate_frames():
    """Tones, leaps of level and of offset, silence, and noise, over more than one block."""
    rng = np.random.default_rng(3)
    signal = np.concatenate(
        [
            harmonic_tone(220.0, 0.5),
            1e-4 * harmonic_tone(330.0, 0.3),
            0.5 + 1e-3 * harmonic_tone(110.0, 0.2),
            np.zeros(SR // 5),
            np.clip(20.0 * harmonic_tone(440.0, 0.2), -1.0, 1.0),
            0.2 * rng.standard_normal(SR // 4),
        ]
    ).astype(np.float32)
    network = load_network("tiny")
    frames = cut_frames(signal)
    assert measure_frames(signal).is_offset.any()  # the case that cannot share is among them
    assert len(frames) > 128
    difference = np.abs(whole_signal(network, signal) - network.activation(frames))
    assert difference.max() < TOLERANCE


def test_first_frame_is_centred_on_the_first_sample():
    signal = float32(harmonic_tone(300.0, 0.1))
    frame = np.concatenate([np.zeros(512), signal[:512]])
    expected = crepe_as_written.activation(frame[None], load_weights("tiny"))
    first = whole_signal(load_network("tiny"), signal)[:1]
    assert np.abs(first - expected).max() < TOLERANCE


@pytest.mark.parametrize(
    ("n_samples", "n_frames"), [(0, 1), (1, 1), (159, 1), (160, 2), (16000, 101)]
)
def test_last_partial_hop_counts(n_samples, n_frames):
    assert count_frames(n_samples) == n_frames


def test_unwanted_frames_do_not_change_wanted_ones():
    signal = float32(harmonic_tone(250.0, 3.0))
    network = load_network("tiny")
    whole = whole_signal(network, signal)
    wanted = np.zeros(len(whole), dtype=bool)
    wanted[[5, 40, 290]] = True
    blocks = list(network.activations_of(signal, wanted))
    assert [start for start, _ in blocks] == [0, 128, 256]
    some = np.concatenate([activation for _, activation in blocks])
    assert some.shape == whole.shape
    assert np.abs(some[wanted] - whole[wanted]).max() < 1e-6
    assert not some[128:256].any()


def test_number_of_threads_does_not_matter(monkeypatch):
    signal = float32(harmonic_tone(250.0, 0.3))
    network = load_network("tiny")
    results = []
    for n_threads in (1, 3):
        monkeypatch.setattr(
            "retimbre.pitch.crepe.network.open_workspace", lambda n=n_threads: open_workspace(n)
        )
        results.append(whole_signal(network, signal))
    np.testing.assert_array_equal(*results)


def test_read_only_frames_are_accepted():
    frames = float32([frames_of_all_kinds()["tone"]])
    frames.setflags(write=False)
    assert load_network("tiny").activation(frames).shape == (1, 360)


def test_no_frames_give_no_activations():
    assert load_network("tiny").activation(np.zeros((0, 1024))).shape == (0, 360)


@pytest.mark.parametrize("shape", [(1024,), (2, 1000), (1, 1024, 1)])
def test_frames_of_another_shape_are_refused(shape):
    with pytest.raises(ParameterError, match=r"shape \(n, 1024\)"):
        load_network("tiny").activation(np.zeros(shape))


def whole_signal(network, signal):
    wanted = np.ones(count_frames(len(signal)), dtype=bool)
    return np.concatenate([block for _, block in network.activations_of(signal, wanted)])


def cut_frames(signal):
    padded = np.pad(signal, (512, 1024))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::160]
    return frames[: count_frames(len(signal))]


def float32(array):
    return np.asarray(array, dtype=np.float32)
