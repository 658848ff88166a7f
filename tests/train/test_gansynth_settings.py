"""Checkpoints of other settings than those of GANSynth's published model are refused by name."""

import pytest
from gansynth_files import SETTINGS, write_checkpoint
from gansynth_reading import read, refused, with_settings, without

from retimbre.errors import ModelNotFoundError
from retimbre.train.gansynth.checkpoint import CHECKED, REQUIRED

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

OTHERS = {
    "fmap_base": 512, "fmap_max": 128, "start_height": 4, "start_width": 8, "g_fn": "wave",
    "simple_arch": True, "latent_vector_size": 128, "kernel_size": 5, "fmap_decay": 2.0,
    "num_resolutions": 6, "scale_mode": "H", "scale_base": 4, "to_rgb_activation": "linear",
    "data_type": "linear", "audio_length": 32000, "sample_rate": 44100,
    "data_normalizer": "specgrams_freq_normalizer", "mag_normalizer_a": 0.0661372,
    "mag_normalizer_b": 0.0, "p_normalizer_a": 1.0, "p_normalizer_b": 0.1,
    "train_min_pitch": 36, "train_max_pitch": 96, "train_time_limit": 3600,
}  # fmt: skip


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
    refused(folder, "lacks fmap_base, fmap_max, start_height, start_width, which")


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
    with pytest.raises(ModelNotFoundError, match=r"experiment\.json .*is missing; get it from"):
        read(tmp_path)
