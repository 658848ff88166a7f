"""GANSynth's generator as a graph: its formulas, and exactly the frames that are asked for."""

import numpy as np
import pytest
from gansynth_files import AVERAGE, PREFIX, kernel_shapes, specgram, variables

from retimbre.io.networks import load_onnxruntime
from retimbre.train.gansynth.weights import GansynthWeights, NetworkSize

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PARITY = 1e-4
"""float32 against float64."""

CROPPING = 1e-6

CHANNELS = (12, 10, 8, 8, 6)
"""Five blocks: 32 frames of 256 bins."""

N_FRAMES = 32


@pytest.fixture(scope="module")
def values():
    return variables(CHANNELS)


@pytest.fixture(scope="module")
def weights(values):
    def read(scope):
        names = (f"{PREFIX}{scope}/{part}/{AVERAGE}" for part in ("conv2d/kernel", "bias"))
        return tuple(values[name] for name in names)

    layers = {scope: read(scope) for scope in kernel_shapes(CHANNELS)}
    return GansynthWeights(NetworkSize(CHANNELS), layers, "test", None)


@pytest.fixture(scope="module")
def play(weights):
    onnxruntime = load_onnxruntime()

    from retimbre.train.export.gansynth_graph import gansynth_graph

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    graph = gansynth_graph(weights).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def run(z, pitch, frames=N_FRAMES):
        inputs = {
            "z": np.asarray(z, np.float32),
            "pitch": np.asarray(pitch) - 24,
            "frames": np.array([frames]),
        }
        return session.run(None, inputs)[0]

    return run


@pytest.fixture(scope="module")
def notes():
    rng = np.random.default_rng(1)
    z = rng.standard_normal((4, 256)).astype(np.float32)
    # A blend of two z's is shorter, and the pitch beside it counts for more.
    z[3] *= 0.3
    return z, np.array([24, 53, 60, 84])


def test_the_graph_computes_gansynths_formulas(values, play, notes):
    found = play(*notes)
    assert found.shape == (4, N_FRAMES, 256, 2)
    assert found.dtype == np.float32
    for image, z, pitch in zip(found, *notes, strict=True):
        np.testing.assert_allclose(image, specgram(values, z, pitch, CHANNELS), atol=PARITY)
    # Images that hardly change would be equal for the wrong reasons.
    assert found.std(axis=(1, 2)).min() > 0.05


def test_the_formulas_written_out_compute_the_same(weights, values, notes):
    from retimbre.train.export.gansynth_graph import generate_specgrams

    z, pitch = notes
    found = generate_specgrams(weights, z, pitch - 24)
    for image, one, key in zip(found, z, pitch, strict=True):
        np.testing.assert_allclose(image, specgram(values, one, key, CHANNELS), atol=PARITY)


@pytest.mark.parametrize("frames", range(1, N_FRAMES + 1))
def test_the_frames_asked_for_are_the_first_of_all(play, notes, frames):
    some = play(*notes, frames)
    assert some.shape == (4, frames, 256, 2)
    np.testing.assert_allclose(some, play(*notes)[:, :frames], rtol=0, atol=CROPPING)


@pytest.mark.parametrize(("asked", "given"), [(-3, 1), (0, 1), (33, 32), (1000, 32)])
def test_other_numbers_of_frames_are_the_nearest(play, notes, asked, given):
    np.testing.assert_array_equal(play(*notes, asked), play(*notes, given))


def test_notes_do_not_depend_on_each_other(play, notes):
    z, pitch = notes
    one_by_one = [play(z[k : k + 1], pitch[k : k + 1], 9)[0] for k in range(4)]
    np.testing.assert_allclose(play(z, pitch, 9), one_by_one, rtol=0, atol=CROPPING)


def test_both_inputs_count(play, notes):
    z, pitch = notes
    whole = play(z, pitch)
    assert np.abs(play(z[::-1], pitch) - whole).max() > 0.1
    assert np.abs(play(z, pitch[::-1]) - whole).max() > 0.1


def test_no_notes_give_no_images(play):
    assert play(np.zeros((0, 256)), np.zeros(0, np.int64), 7).shape == (0, 7, 256, 2)


def test_a_z_of_nothing_is_played(values, play):
    found = play(np.zeros((1, 256)), [60])[0]
    np.testing.assert_allclose(found, specgram(values, np.zeros(256), 60, CHANNELS), atol=PARITY)


def test_quarters_convolve_as_the_doubled_image(rng):
    from gansynth_files import same, valid

    from retimbre.train.export.gansynth_graph import quarter_kernels

    kernel, image = rng.standard_normal((3, 3, 5, 4)), rng.standard_normal((6, 7, 5))
    wanted = valid(same(np.kron(image, np.ones((2, 2, 1)))), kernel)
    quarters = valid(same(image), quarter_kernels(kernel)).reshape(7, 8, 2, 2, 4)
    found = quarters.transpose(0, 2, 1, 3, 4).reshape(14, 16, 4)[1:-1, 1:-1]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
