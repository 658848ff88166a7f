"""GANSynth's checkpoints are read as its training leaves them, and others refused by name."""

import json
import os
import re
import sys

import numpy as np
import pytest
from gansynth_files import AVERAGE, JUDGE, PREFIX, SETTINGS, SMALL, variables, write_checkpoint

from retimbre.errors import ModelFormatError, ModelNotFoundError
from retimbre.train.gansynth_checkpoint import CHECKED, REQUIRED, read_checkpoint
from retimbre.train.gansynth_weights import MEL_PROG_HIRES, NetworkSize

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SIZE = NetworkSize(channels=SMALL)
KERNEL = f"{PREFIX}2/conv1/conv2d/kernel/{AVERAGE}"
RGB_BIAS = f"{PREFIX}3/to_rgb/bias/{AVERAGE}"


@pytest.fixture
def values():
    return variables(SMALL)


def read(folder):
    return read_checkpoint(folder, SIZE)


def refused(folder, *parts):
    """See that a checkpoint is refused in one sentence that holds all the parts."""
    with pytest.raises(ModelFormatError) as caught:
        read(folder)
    message = str(caught.value)
    for part in parts:
        assert part in message
    assert re.fullmatch(r"[^\n]+\.", message)
    return message


def without(values, *names):
    return {name: value for name, value in values.items() if name not in names}


# What is read


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
    refused(folder, "several checkpoints", "keep the last one alone")


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


# Growth


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
        refused(folder, told, "no number of images; use the file")
    whole = SETTINGS | {"stable_stage_num_images": 10.0, "transition_stage_num_images": 20.0}
    assert read(write_checkpoint(tmp_path / "e", enough, settings=whole)).images_seen == 180


def test_a_schedule_that_is_not_told_is_not_guessed_to_be_short(tmp_path, values):
    untold = without(SETTINGS, "stable_stage_num_images", "transition_stage_num_images")
    assert read(write_checkpoint(tmp_path / "a", values, settings=untold)).images_seen
    early = values | {"global_step": np.int64(9_599_999)}
    refused(write_checkpoint(tmp_path / "b", early, settings=untold), "9,600,000")


def test_earlier_stages_have_fewer_resolutions(tmp_path, values):
    refused(write_checkpoint(tmp_path / "ck", values, stage=10), "stage 10", "stage 12")


# Settings

OTHERS = {
    "fmap_base": 512, "fmap_max": 128, "start_height": 4, "start_width": 8, "g_fn": "wave",
    "simple_arch": True, "latent_vector_size": 128, "kernel_size": 5, "fmap_decay": 2.0,
    "num_resolutions": 6, "scale_mode": "H", "scale_base": 4, "to_rgb_activation": "linear",
    "data_type": "linear", "audio_length": 32000, "sample_rate": 44100,
    "data_normalizer": "specgrams_freq_normalizer", "mag_normalizer_a": 0.0661372,
    "mag_normalizer_b": 0.0, "p_normalizer_a": 1.0, "p_normalizer_b": 0.1,
    "train_min_pitch": 36, "train_max_pitch": 96, "train_time_limit": 3600,
}  # fmt: skip


def with_settings(folder, settings):
    folder.mkdir(exist_ok=True)
    (folder / "experiment.json").write_text(
        settings if isinstance(settings, str) else json.dumps(settings)
    )
    return folder


def test_every_setting_that_is_checked_is_tried():
    assert set(OTHERS) == {*REQUIRED, *CHECKED}
    own = SETTINGS | {"train_min_pitch": 24, "train_max_pitch": 84}
    assert {name: own[name] for name in OTHERS} == REQUIRED | CHECKED


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_another_setting_is_refused_by_name(tmp_path, name):
    folder = with_settings(tmp_path, SETTINGS | {name: OTHERS[name]})
    refused(folder, "mel_prog_hires", f"{name} is {OTHERS[name]!r} and not ")


def test_three_other_settings_are_named_and_the_rest_counted(tmp_path):
    message = refused(with_settings(tmp_path, SETTINGS | OTHERS), "and 21 more")
    assert "4096, fmap_max is 128 and not 256, start_height is 4 and not 2, and 21" in message


def test_a_single_last_name_is_not_withheld(tmp_path):
    folder = with_settings(tmp_path, without(SETTINGS, *REQUIRED))
    refused(folder, "lacks fmap_base, fmap_max, start_height, start_width, without which")


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_settings_without_which_gansynth_takes_another_network_must_be_there(tmp_path, name):
    refused(with_settings(tmp_path, without(SETTINGS, name)), f"lacks {name}, ")


def test_all_others_may_be_missing(tmp_path, values):
    assert read(write_checkpoint(tmp_path / "ck", values, settings=REQUIRED)).images_seen
    whole = {name: float(value) for name, value in REQUIRED.items()}
    assert read(write_checkpoint(tmp_path / "floats", values, settings=whole)).images_seen


def test_the_pitches_of_another_dataset_must_be_told(tmp_path, values):
    own = SETTINGS | {"dataset_name": "my_sounds"}
    refused(with_settings(tmp_path, own), "'my_sounds'", "train_min_pitch")
    refused(with_settings(tmp_path, SETTINGS | {"train_meta_path": "x"}), "train_max_pitch")
    told = own | {"train_min_pitch": 24, "train_max_pitch": 84}
    assert read(write_checkpoint(tmp_path / "ck", values, settings=told)).images_seen


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{", "); get it again."),
        ("", "); get it again."),
        ("\ud800", "); get it again."),
        ("[]", "use the file that the training wrote."),
        ('"x"', "use the file that the training wrote."),
    ],
)
def test_settings_that_are_no_object_are_refused(tmp_path, text, wanted):
    (tmp_path / "experiment.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(tmp_path, "experiment.json", wanted)


def test_a_folder_without_settings_is_told_what_is_missing(tmp_path):
    with pytest.raises(
        ModelNotFoundError, match=r"There is no .*experiment\.json, .*; get it from"
    ):
        read(tmp_path)


# Checkpoints


def test_a_folder_without_checkpoint_is_refused(tmp_path):
    with_settings(tmp_path, SETTINGS)
    (tmp_path / "stage_00012").mkdir()
    (tmp_path / "stage_old").mkdir()
    with pytest.raises(ModelNotFoundError, match=r"holds no checkpoint .*; get or unpack it"):
        read(tmp_path)


def test_a_named_checkpoint_must_be_there(tmp_path, values):
    folder = write_checkpoint(tmp_path / "ck", values)
    inside = folder / "stage_00012"
    os.remove(inside / "model.ckpt-11000000.index")
    refused(
        folder, "names model.ckpt-11000000, but model.ckpt-11000000.index is not beside it; get"
    )
    (inside / "checkpoint").write_text("nothing")
    refused(folder, "does not name a checkpoint; get it again")


def test_what_is_refused_by_name_needs_no_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    folder = with_settings(tmp_path, "{")
    refused(folder, "experiment.json")
    with_settings(tmp_path, SETTINGS)
    (folder / "stage_00012").mkdir()
    with pytest.raises(ModelNotFoundError, match="holds no checkpoint"):
        read(folder)
    (folder / "stage_00012" / "model.ckpt-1.index").touch()
    with pytest.raises(ModelNotFoundError, match="Importing needs the package tensorflow"):
        read(folder)


def test_missing_variables_are_named(tmp_path, values):
    gone = [key for key in values if "block_2" in key and AVERAGE in key and "to_rgb" not in key]
    raw = [key.removesuffix(f"/{AVERAGE}") for key in gone]
    folder = write_checkpoint(tmp_path / "ck", without(values, *gone, *raw))
    message = refused(folder, "lacks variables", KERNEL, "; get it again, or")
    assert message.count(AVERAGE) == 4
    rest = write_checkpoint(
        tmp_path / "rest", without(values, RGB_BIAS, RGB_BIAS[: -len(AVERAGE) - 1])
    )
    assert "more" not in refused(rest, RGB_BIAS)


def test_variables_without_averages_are_not_taken_for_them(tmp_path, values):
    averages = [key for key in values if key.endswith(AVERAGE)]
    folder = write_checkpoint(tmp_path / "ck", without(values, *averages))
    refused(
        folder,
        "lacks the moving averages",
        "which are what GANSynth plays",
        "and 11 more)",
        "; import",
    )


def test_variables_that_do_not_play_may_be_missing(tmp_path, values):
    kept = {key: v for key, v in values.items() if key.endswith(AVERAGE) or key == "global_step"}
    kept = {key: v for key, v in kept.items() if "1/to_rgb" not in key and "2/to_rgb" not in key}
    assert read(write_checkpoint(tmp_path / "ck", kept)).images_seen == 11_000_000


def test_other_shapes_are_refused(tmp_path, values):
    other = values | {KERNEL: np.zeros((3, 3, 6, 5), np.float32)}
    folder = write_checkpoint(tmp_path / "ck", other)
    refused(folder, KERNEL, "has shape (3, 3, 6, 5) and not (3, 3, 6, 6)")


def test_a_block_too_many_is_refused(tmp_path, values):
    larger = variables((*SMALL, 2))
    folder = write_checkpoint(tmp_path / "ck", larger)
    refused(folder, "more than the 3 blocks", f"{PREFIX}4/")
    # One variable tells already, and in a discriminator there may be any.
    one = f"{PREFIX}4/to_rgb/bias/{AVERAGE}"
    refused(write_checkpoint(tmp_path / "one", values | {one: larger[one]}), f"({one})")
    other = {f"{JUDGE}4/conv0/bias": np.zeros(2, np.float32)}
    read(write_checkpoint(tmp_path / "judge", values | other))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path, values, bad):
    spoilt = values[RGB_BIAS].copy()
    spoilt[1] = bad
    folder = write_checkpoint(tmp_path / "ck", values | {RGB_BIAS: spoilt})
    refused(folder, "no finite numbers", RGB_BIAS)


@pytest.mark.parametrize(
    ("bias", "told"),
    [
        (np.array([b"a", b"b"]), "is object"),
        (np.array([1, 2]), "is int64"),
        (np.array([1 + 1j, 2]), "is complex128"),
        (np.array([True, False]), "is bool"),
    ],
    ids=["strings", "integers", "complex", "truths"],
)
def test_weights_that_are_no_floats_are_refused(tmp_path, values, bias, told):
    folder = write_checkpoint(tmp_path / "ck", values | {RGB_BIAS: bias})
    refused(folder, "other types than floats", f"{RGB_BIAS} {told}")


def test_weights_of_more_bits_are_rounded(tmp_path, values):
    wide = values[RGB_BIAS].astype(np.float64) + 1e-12
    kernel, bias = read(write_checkpoint(tmp_path / "ck", values | {RGB_BIAS: wide})).layers[
        "3/to_rgb"
    ]
    np.testing.assert_array_equal(bias, values[RGB_BIAS])
    assert kernel.dtype == bias.dtype == np.float32


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (np.array(b"many"), "b'many'"),
        (np.float32(np.nan), "nan"),
        (np.float64(np.inf), "inf"),
        (np.float64(11_000_000.5), "11000000.5"),
        (np.int64(-1), "-1"),
        (np.complex64(11_000_000), "11000000"),
    ],
    ids=["string", "nan", "inf", "half", "negative", "complex"],
)
def test_a_number_of_images_that_is_none_is_refused(tmp_path, values, step, told):
    folder = write_checkpoint(tmp_path / "ck", values | {"global_step": step}, name="model.ckpt-1")
    refused(folder, "model.ckpt-1", "gives global_step as", told)


def test_the_number_of_images_must_be_there(tmp_path, values):
    folder = write_checkpoint(tmp_path / "ck", without(values, "global_step"))
    refused(folder, "lacks global_step")


@pytest.mark.parametrize("end", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("damage", ["missing", "empty", "short", "changed"])
def test_damaged_files_are_refused(tmp_path, values, end, damage):
    folder = write_checkpoint(tmp_path / "ck", values)
    path = folder / "stage_00012" / f"model.ckpt-11000000.{end}"
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage in ("empty", "short"):
        path.write_bytes(content[: len(content) // 2 if damage == "short" else 0])
    else:
        for at in range(0, len(content), 64):
            content[at] ^= 0xFF
        path.write_bytes(content)
    is_named = (end, damage) == ("index", "missing")
    parts = ["is not beside it; get"] if is_named else ["cannot be read", "); get it again."]
    refused(folder, "model.ckpt-11000000", *parts)


def test_only_the_first_sentence_of_tensorflow_is_told(tmp_path, values):
    folder = write_checkpoint(tmp_path / "ck", values)
    path = folder / "stage_00012" / "model.ckpt-11000000.index"
    content = bytearray(path.read_bytes())
    content[0] ^= 0xFF
    path.write_bytes(content)
    message = refused(folder, "Unable to read file", "); get it again.")
    assert "Perhaps" not in message


def test_nothing_is_written_into_the_checkpoint(tmp_path, values):
    folder = write_checkpoint(tmp_path / "ck", values)
    before = sorted(folder.rglob("*"))
    read(folder)
    assert sorted(folder.rglob("*")) == before
