"""Settings: what can be, what is kept, what is refused in a sentence."""

import json
from dataclasses import asdict, replace

import pytest

from retimbre.errors import ModelFormatError, ParameterError
from retimbre.train.config import CONFIGS, TrainConfig, find_config

OLDER = {"total_notes": 480000, "batch_size": 32, "channels": [320, 320, 256, 256, 224], "seed": 3}


def test_settings_survive_their_file(tmp_path):
    config = TrainConfig(total_notes=640, channels=(8, 8, 8, 4, 4), seed=3, adversarial="wgan_gp")
    config.save(tmp_path / "config.json")
    assert TrainConfig.load(tmp_path / "config.json") == config


def test_settings_that_an_older_file_lacks_have_their_defaults(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(OLDER))
    config = TrainConfig.load(tmp_path / "config.json")
    assert config == TrainConfig(total_notes=480_000, seed=3)
    assert (config.representation, config.adversarial) == ("harmonic", "non_saturating")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"zzz": 1}', "No setting named 'zzz'; check"),
        ('{"n_held_oot": 1}', "'n_held_oot'. Did you mean n_held_out"),
        ('{"batch_size": "32"}', "batch_size cannot be '32'"),
        ('{"batch_size": 6}', "multiple of 4"),
        ("[1, 2]", "no training settings"),
        ("{", "no training settings"),
        ('{"base": "big"}', "base 'big'; use one of harmonic, "),
        ('{"stage_starts": [0, 1, 2, 3, 4, 5, 6]}', 'set "base" to "harmonic"'),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, text, match):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelFormatError, match=match):
        TrainConfig.load(tmp_path / "config.json")


def test_a_file_may_say_which_configuration_it_changes(tmp_path):
    (tmp_path / "mine.json").write_text('{"base": "mel_prog_hires", "batch_size": 16}')
    expected = replace(CONFIGS["mel_prog_hires"], batch_size=16)
    assert find_config(str(tmp_path / "mine.json")) == expected


def test_a_file_changes_the_configuration_that_is_meant(tmp_path):
    (tmp_path / "mine.json").write_text('{"n_held_out": 4}')
    expected = replace(CONFIGS["fine_tune"], n_held_out=4)
    assert find_config(str(tmp_path / "mine.json"), "fine_tune") == expected


@pytest.mark.parametrize(
    ("own", "asked", "expected"),
    [
        (None, None, True),
        (False, None, False),
        (None, "float32", False),
        (True, "float32", False),
        (False, "auto", True),
    ],
)
def test_a_precision_is_chosen_where_nobody_says_one(monkeypatch, own, asked, expected):
    from retimbre.train import framework

    monkeypatch.setattr(framework, "gpu_has_bfloat16", lambda: True)
    settings = TrainConfig(mixed_precision=own)
    assert settings.settled(asked) == replace(settings, mixed_precision=expected)


def test_what_learns_after_the_discriminators_warm_up_has_one_of_its_own():
    config = replace(
        CONFIGS["fine_tune"],
        peak_learning_rate=1.0, warmup_notes=100, judge_warmup_notes=300, decay_notes=0,
    )  # fmt: skip
    rates = [config.moment(n).learning_rate for n in (0, 50, 100, 299, 300, 350, 400)]
    assert rates == pytest.approx([0.1, 0.55, 1.0, 1.0, 0.1, 0.55, 1.0])
    assert [config.is_judged(n) for n in (0, 299, 300)] == [False, False, True]
    assert TrainConfig().is_judged(0)


def test_a_fine_tune_has_all_resolutions_and_comes_down_at_its_end():
    config = CONFIGS["fine_tune"]
    assert config.n_grown == 0
    assert {config.moment(n).stage for n in (0, config.total_notes)} == {4}
    assert not config.moment(0).is_fading
    assert config.moment(60_000).learning_rate < CONFIGS["harmonic"].peak_learning_rate
    last = config.moment(config.total_notes).learning_rate
    assert last == pytest.approx(0.02 * config.peak_learning_rate)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"batch_size": 6}, "multiple of 4, given 6"),
        ({"channels": (8, 8)}, "needs 5 channels"),
        ({"representation": "mel"}, "needs 7 channels"),
        ({"representation": "linear"}, "representation 'linear'; use harmonic or mel"),
        ({"adversarial": "hinge"}, "adversarial loss 'hinge'"),
        ({"stage_starts": (0, 3, 2, 4, 5)}, "in order from 0"),
        ({"stage_starts": (1, 2, 3, 4, 5)}, "in order from 0"),
        ({"total_notes": 1}, "at least one batch"),
        ({"pitch_range": (80, 60)}, "range of pitches"),
        ({"min_signal": 1.5}, "min_signal must be between 0 and 1, given 1.5"),
        ({"seed": -1}, "seed must not be negative"),
        ({"seed": 2**31}, "below 2147483648, given 2147483648"),
        ({"seed": 1.5}, "seed cannot be 1.5"),
        ({"mixed_precision": 1}, "mixed_precision cannot be 1"),
        ({"begun_from": None}, "begun_from cannot be None"),
        ({"peak_learning_rate": float("nan")}, "peak_learning_rate"),
    ],
)
def test_impossible_settings_are_refused(wrong, match):
    with pytest.raises(ParameterError, match=match):
        TrainConfig(**wrong)


def test_configurations_have_names(tmp_path):
    assert find_config("harmonic") == TrainConfig()
    assert find_config("mel_prog_hires").representation == "mel"
    CONFIGS["harmonic"].save(tmp_path / "mine.json")
    assert find_config(str(tmp_path / "mine.json")) == TrainConfig()
    known = "use harmonic, harmonic_short, fine_tune, mel_prog_hires, or a JSON file"
    with pytest.raises(ParameterError, match=f"No configuration named 'big'; {known}"):
        find_config("big")


def test_the_mel_configuration_is_gansynths():
    config = CONFIGS["mel_prog_hires"]
    stable = 800_000
    assert asdict(config) == {
        "representation": "mel", "adversarial": "wgan_gp", "equalised": True,
        "total_notes": 11_000_000, "batch_size": 8, "latent_dim": 256, "pitch_range": (24, 84),
        # min(4096 / 2^b, 256) for blocks 1 to 7.
        "channels": tuple(min(4096 // 2**block, 256) for block in range(1, 8)),
        # Every resolution but the first fades in for as long as it then stays.
        "stage_starts": (0, *((2 * block - 1) * stable for block in range(1, 7))),
        "fade_notes": stable,
        "peak_learning_rate": 8e-4, "warmup_notes": 0, "decay_notes": 0, "judge_rate": 1.0,
        "maker_momentum": 0.0, "adam_epsilon": 1e-8, "adam_restarts": True,
        "maker_clip": 0.0, "judge_clip": 0.0,
        "adversarial_weight": 1.0, "pitch_weight": 10.0, "judge_pitch_weight": 10.0,
        "gradient_penalty_weight": 10.0, "drift_weight": 0.001, "instance_noise": 0.0,
        "ema_decay": 0.999, "ema_warmup": False,
        # What GANSynth has not, and what is a matter of the machine.
        "reconstruction_weight": 100.0, "instrument_weight": 1.0, "path_weight": 0.0,
        "key_weight": 0.0, "r1_weight": 4.0,
        "min_signal": 0.85, "n_held_out": 0, "mixed_precision": None, "seed": 0,
        "sheet_notes": 20_000, "judge_warmup_notes": 0, "begun_from": "",
    }  # fmt: skip
    assert config.moment(9_600_000 - 1).is_fading
    assert not config.moment(9_600_000).is_fading
    assert {config.moment(n).learning_rate for n in (0, 5_000_000, 10_999_999)} == {8e-4}
