"""Settings of runs that take seconds, and the state that a run carries from step to step."""

import numpy as np

from retimbre.train.config import TrainConfig

TINY = TrainConfig(
    total_notes=32,
    batch_size=8,
    channels=(8, 8, 8, 6, 6),
    latent_dim=16,
    # From 8 frames straight to 128, faded in: every kind of moment in four steps.
    stage_starts=(0, 16, 16, 16, 16),
    fade_notes=8,
    warmup_notes=8,
    decay_notes=0,
    mixed_precision=False,
    reconstruction_weight=100.0,
    adversarial_weight=0.5,
    pitch_weight=0.25,
    instrument_weight=2.0,
    path_weight=20.0,
    key_weight=10.0,
    n_held_out=1,
    sheet_notes=16,
)

TINY_MEL = TrainConfig(
    total_notes=64,
    batch_size=4,
    channels=(8, 8, 8, 8, 4, 4, 4),
    latent_dim=16,
    pitch_range=(24, 84),
    stage_starts=(0, 4, 16, 16, 16, 16, 16),
    fade_notes=8,
    warmup_notes=0,
    decay_notes=0,
    mixed_precision=False,
    representation="mel",
    adversarial="wgan_gp",
    equalised=True,
    adversarial_weight=1.0,
    pitch_weight=10.0,
    judge_pitch_weight=5.0,
    maker_momentum=0.0,
    adam_epsilon=1e-8,
    adam_restarts=True,
    ema_warmup=False,
)


def state_of(trainer):
    """Copy everything that a run carries from step to step."""
    optimizers = trainer.maker_optimizer.variables + trainer.judge_optimizer.variables
    networks = trainer.maker_variables + trainer.networks.discriminator_variables
    return [
        np.asarray(v).copy() for v in (*networks, *optimizers, *trainer.averages, trainer.n_seen)
    ]


def resolution_weights(stage, alpha, n_stages):
    """Return the weight of every resolution in the image, see `schedule.stage_at`."""
    weights = [0.0] * n_stages
    weights[max(stage - 1, 0)] = 1.0 - alpha
    weights[stage] = alpha
    return tuple(weights)
