"""Checkpoints of GANSynth that lack something or are damaged are refused by name."""

import os
import sys

import numpy as np
import pytest
from gansynth_files import AVERAGE, JUDGE, PREFIX, SETTINGS, SMALL, variables, write_checkpoint
from gansynth_reading import KERNEL, RGB_BIAS, read, refused, with_settings, without

from retimbre.errors import ModelNotFoundError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_folder_without_checkpoint_is_refused(tmp_path):
    with_settings(tmp_path, SETTINGS)
    (tmp_path / "stage_00012").mkdir()
    (tmp_path / "stage_old").mkdir()
    with pytest.raises(ModelNotFoundError, match=r"contains no checkpoint .*; get or unpack"):
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
    with pytest.raises(ModelNotFoundError, match="contains no checkpoint"):
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
        "moving averages",
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
    refused(folder, "not finite", RGB_BIAS)


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
    refused(folder, "not floats", f"{RGB_BIAS} {told}")


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
