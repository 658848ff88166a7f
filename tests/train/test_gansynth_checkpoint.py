"""GANSynth's checkpoints are read as its training leaves them, once they have grown."""

import numpy as np
import pytest
from gansynth_files import AVERAGE, PREFIX, SETTINGS, write_checkpoint
from gansynth_reading import read, refused, without

from retimbre.train.gansynth.weights import MEL_PROG_HIRES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_the_averages_are_read_and_nothing_else(tmp_path, values):
    weights = read(write_checkpoint(tmp_path / "ck", values))
    assert set(weights.layers) == {
        *("1/conv0", "1/conv1", "2/conv0", "2/conv1", "3/conv0", "3/conv1", "3/to_rgb")
    }
    for layer, (kernel, bias) in weights.layers.items():
        scope = f"{PREFIX}{layer}"
        np.testing.assert_array_equal(kernel, values[f"{scope}/conv2d/kernel/{AVERAGE}"])
        np.testing.assert_array_equal(bias, values[f"{scope}/bias/{AVERAGE}"])
        assert kernel.dtype == bias.dtype == np.float32
    assert weights.images_seen == 11_000_000
    assert weights.checkpoint == "stage_00012/model.ckpt-11000000"


def test_kernels_are_scaled_by_their_inputs(tmp_path, values):
    weights = read(write_checkpoint(tmp_path / "ck", values))
    for layer, wanted in (
        ("1/conv0", np.sqrt(2 / (2 * 16 * 317))),
        ("1/conv1", np.sqrt(2 / (9 * 8))),
        ("3/conv0", np.sqrt(2 / (9 * 6))),
        ("3/to_rgb", np.sqrt(1 / 4)),
    ):
        kernel, bias = weights.folded(layer)
        np.testing.assert_allclose(kernel, wanted * weights.layers[layer][0], rtol=1e-12)
        np.testing.assert_array_equal(bias, weights.layers[layer][1])
        assert kernel.dtype == np.float64


def test_the_published_size_has_gansynths_parameters():
    shapes = MEL_PROG_HIRES.kernels().values()
    playing = sum(int(np.prod(shape)) + shape[-1] for shape in shapes)
    # All layers that give images, less those of the first six blocks.
    assert playing == 7_311_246 - (4 * (512 + 2) + (256 + 2) + (128 + 2))
    assert MEL_PROG_HIRES.image(7) == (128, 1024)


@pytest.mark.parametrize("root", ["./", "", "/cns/home/of/another/", "C:\\\\runs\\\\1\\\\"])
def test_the_checkpoint_is_found_beside_the_file_that_names_it(tmp_path, values, root):
    assert read(write_checkpoint(tmp_path / "ck", values, root=root)).images_seen == 11_000_000


def test_the_named_checkpoint_is_read_though_others_are_there(tmp_path, values):
    folder = write_checkpoint(tmp_path / "ck", values | {"global_step": np.int64(10_990_000)})
    write_checkpoint(folder, values)
    assert read(folder).images_seen == 11_000_000


def test_one_checkpoint_needs_no_file_that_names_it(tmp_path, values):
    folder = write_checkpoint(tmp_path / "ck", values, with_state=False)
    assert read(folder).images_seen == 11_000_000
    write_checkpoint(folder, values | {"global_step": np.int64(1)}, with_state=False)
    refused(folder, "several checkpoints", "keep only the last")


def test_a_stage_may_be_named_itself(tmp_path, values, monkeypatch):
    folder = write_checkpoint(tmp_path / "ck", values)
    assert read(folder / "stage_00012").images_seen == 11_000_000
    monkeypatch.chdir(folder / "stage_00012")
    assert read(type(folder)(".")).checkpoint == "stage_00012/model.ckpt-11000000"


def test_the_last_stage_that_has_a_checkpoint_is_read(tmp_path, values):
    folder = write_checkpoint(
        tmp_path / "ck", values | {"global_step": np.int64(9_600_000)}, stage=11
    )
    assert read(folder).checkpoint == "stage_00011/model.ckpt-9600000"
    write_checkpoint(folder, values)
    assert read(folder).checkpoint == "stage_00012/model.ckpt-11000000"


def test_the_last_resolution_must_be_faded_in(tmp_path, values):
    enough, less = (values | {"global_step": np.int64(n)} for n in (9_600_000, 9_599_999))
    assert read(write_checkpoint(tmp_path / "a", enough)).images_seen == 9_600_000
    folder = write_checkpoint(tmp_path / "b", less)
    refused(folder, "9,599,999 images", "still fading", "9,600,000")


def test_the_schedule_is_that_of_the_settings(tmp_path, values):
    short = SETTINGS | {"stable_stage_num_images": 10, "transition_stage_num_images": 20}
    enough, less = (values | {"global_step": np.int64(n)} for n in (180, 179))
    assert read(write_checkpoint(tmp_path / "a", enough, settings=short)).images_seen == 180
    refused(write_checkpoint(tmp_path / "b", less, settings=short), "fading")
    at_once = SETTINGS | {"train_progressive": False}
    assert read(write_checkpoint(tmp_path / "c", less, settings=at_once)).images_seen == 179
    for count, told in (("many", "'many'"), (10.5, "10.5"), (float("nan"), "nan"), (0, "as 0")):
        odd = SETTINGS | {"stable_stage_num_images": count}
        folder = write_checkpoint(tmp_path / f"d {told}", enough, settings=odd)
        refused(folder, told, "not a number of images; use the file")
    whole = SETTINGS | {"stable_stage_num_images": 10.0, "transition_stage_num_images": 20.0}
    assert read(write_checkpoint(tmp_path / "e", enough, settings=whole)).images_seen == 180


def test_a_schedule_that_is_not_told_is_not_guessed_to_be_short(tmp_path, values):
    untold = without(SETTINGS, "stable_stage_num_images", "transition_stage_num_images")
    assert read(write_checkpoint(tmp_path / "a", values, settings=untold)).images_seen
    early = values | {"global_step": np.int64(9_599_999)}
    refused(write_checkpoint(tmp_path / "b", early, settings=untold), "9,600,000")


def test_earlier_stages_have_fewer_resolutions(tmp_path, values):
    refused(write_checkpoint(tmp_path / "ck", values, stage=10), "stage 10", "stage 12")
