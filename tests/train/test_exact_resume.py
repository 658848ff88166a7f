"""A run as it is shipped, traced and in bfloat16, is resumed bit by bit."""

import shutil
from dataclasses import replace

import numpy as np
from tiny_runs import TINY, state_of

# From 8 frames to 16 from the first note on: there is one step to trace, which takes longest.
SHIPPED = replace(
    TINY,
    mixed_precision=True,
    path_weight=0.0,
    stage_starts=(0, 0, *[1000] * 3),
    fade_notes=64,
    sheet_notes=0,
)


def test_a_traced_run_in_bfloat16_goes_on_exactly(notes, tmp_path):
    import tensorflow as tf

    from retimbre.train.run.loop import train

    assert not tf.config.functions_run_eagerly()
    whole, died = tmp_path / "whole", tmp_path / "died"

    def die(status):
        # What is on disk now is what is left of a machine that dies now.
        if status.n_seen == 24:
            shutil.copytree(whole, died)

    expected = train(whole, notes, SHIPPED, checkpoint_minutes=0.0, progress=die)
    told = []
    found = train(died, notes, SHIPPED, resume=True, progress=told.append)
    assert [status.n_seen for status in told] == [24, 32]
    assert all(status.moment.is_fading for status in told)
    for variable, wanted in zip(state_of(found), state_of(expected), strict=True):
        np.testing.assert_array_equal(variable, wanted)
