"""Checkpoints of GANSynth, as its training and Magenta.js leave them, with random weights.

Names, shapes and settings are written down here once more, from what GANSynth's training does, and
so is its generator: nothing is taken from the importer.
"""

import json

import numpy as np
import pytest

CHANNELS = (256, 256, 256, 256, 128, 64, 32)
SMALL = (8, 6, 4)
"""Three blocks, for checks that need no more."""

PREFIX = "Generator/progressive_gan_generator/progressive_gan_block_"
JUDGE = "Discriminator/progressive_gan_discriminator/progressive_gan_block_"
TRAINING = "progressive_gan_train_ops"
AVERAGE = "ExponentialMovingAverage"

SETTINGS = {
    "adam_beta1": 0.0, "adam_beta2": 0.99, "audio_length": 64000, "batch_size_schedule": [8],
    "d_fn": "specgram", "data_normalizer": "specgrams_prespecified_normalizer",
    "data_type": "mel", "dataset_name": "nsynth_tfds", "debug_hook": False,
    "discriminator_ac_loss_weight": 10.0, "discriminator_learning_rate": 0.0008,
    "fake_batch_size": 61, "fmap_base": 4096, "fmap_decay": 1.0, "fmap_max": 256,
    "g_fn": "specgram", "gen_gl_consistency_loss_weight": 0.0, "generator_ac_loss_weight": 10.0,
    "generator_learning_rate": 0.0008, "gradient_penalty_target": 1.0,
    "gradient_penalty_weight": 10.0, "kernel_size": 3, "latent_vector_size": 256,
    "mag_normalizer_a": 0.0661371661726, "mag_normalizer_b": 0.113718730221, "master": "",
    "normalizer_margin": 0.8, "normalizer_num_examples": 1000, "num_resolutions": 7,
    "p_normalizer_a": 0.8, "p_normalizer_b": 0.0, "ps_tasks": 0,
    "real_score_penalty_weight": 0.001, "sample_rate": 16000, "save_summaries_num_images": 10000,
    "scale_base": 2, "scale_mode": "ALL", "simple_arch": False,
    "stable_stage_num_images": 800000, "start_height": 2, "start_width": 16, "task": 0,
    "to_rgb_activation": "tanh", "total_num_images": 11000000, "train_data_path": "/x/y",
    "train_progressive": True, "train_root_dir": "/tmp/gansynth/train", "train_time_limit": None,
    "train_time_stage_multiplier": 1.0, "transition_stage_num_images": 800000,
}  # fmt: skip
"""What gansynth_train writes into experiment.json with the configuration mel_prog_hires."""


def kernel_shapes(channels=CHANNELS):
    """Return the shapes of all kernels of the generator by their scope under the prefix."""
    shapes = {"1/conv0": (2, 16, 317, channels[0])}
    for b, width in enumerate(channels, 1):
        if b > 1:
            shapes[f"{b}/conv0"] = (3, 3, channels[b - 2], width)
        shapes[f"{b}/conv1"] = (3, 3, width, width)
        shapes[f"{b}/to_rgb"] = (1, 1, width, 2)
    return shapes


def variables(channels=CHANNELS, seed=7, step=11_000_000):
    """Return what a checkpoint holds: the averages are other numbers than the variables."""
    rng = np.random.default_rng(seed)
    found = {}
    for scope, shape in kernel_shapes(channels).items():
        for name, size, spread in (("conv2d/kernel", shape, 1.0), ("bias", shape[-1:], 0.3)):
            raw = f"{PREFIX}{scope}/{name}"
            found[raw] = spread * rng.standard_normal(size, np.float32)
            found[f"{raw}/{AVERAGE}"] = spread * rng.standard_normal(size, np.float32)
            if name == "bias":
                for slot in ("Adam", "Adam_1"):
                    found[f"{TRAINING}/{raw}/{slot}"] = np.full(size, 5.0, np.float32)
    found[f"{JUDGE}1/conv0/bias"] = np.zeros(256, np.float32)
    for name in ("beta1_power", "beta2_power", "beta1_power_1", "beta2_power_1"):
        found[f"{TRAINING}/{name}"] = np.float32(0.5)
    return found | {"Variable": np.float32(0.0), "global_step": np.int64(step)}


def write_checkpoint(
    folder,
    values,
    *,
    settings=SETTINGS,
    stage=12,
    stages=13,
    root="./",
    with_state=True,
    name=None,
):
    """Write a folder as gansynth_train leaves it, all of whose older stages are empty.

    The path in ``checkpoint`` is that of the file beside it behind `root`. Settings None: no
    experiment.json. Without a name it is called by its global_step.
    """
    tf = pytest.importorskip("tensorflow")
    for k in range(stages):
        (folder / f"stage_{k:05d}").mkdir(parents=True, exist_ok=True)
    if settings is not None:
        (folder / "experiment.json").write_text(json.dumps(settings))
    name = name or f"model.ckpt-{int(values.get('global_step', 11_000_000))}"
    inside = folder / f"stage_{stage:05d}"
    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=str(inside / name),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[values[key] for key in names],
    )
    if with_state:
        path = f"{root}{name}"
        (inside / "checkpoint").write_text(
            f'model_checkpoint_path: "{path}"\nall_model_checkpoint_paths: "{path}"\n'
        )
    return folder


QUANTISED = {"uint8": 255, "uint16": 65535}


def write_js(folder, values, *, dtype=None, n_shards=3):
    """Write weights_manifest.json and shards of all averages, quantised or as float32.

    Returns
    -------
    read : dict of arrays
        What is read back, as TensorFlow.js computes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries, content, read = [], b"", {}
    for name in sorted(key for key in values if key.endswith(AVERAGE)):
        value = np.asarray(values[name], np.float64)
        entry = {"name": name, "shape": list(value.shape), "dtype": "float32"}
        if dtype == "float16":
            entry["quantization"] = {"dtype": dtype}
            stored = value.astype("<f2")
            read[name] = stored.astype(np.float64)
        elif dtype in QUANTISED:
            low, scale = value.min(), (value.max() - value.min()) / QUANTISED[dtype]
            entry["quantization"] = {"dtype": dtype, "min": low, "scale": scale}
            stored = np.round((value - low) / scale).astype(f"<{np.dtype(dtype).str[1:]}")
            read[name] = stored * scale + low
        else:
            stored = value.astype("<f4")
            read[name] = stored.astype(np.float64)
        entries.append(entry)
        content += stored.tobytes()
    # Shards end anywhere, within a number too.
    cuts = [k * (len(content) // n_shards) + 1 for k in range(1, n_shards)]
    paths = [f"group1-shard{k + 1}of{n_shards}" for k in range(n_shards)]
    for path, start, end in zip(paths, [0, *cuts], [*cuts, len(content)], strict=True):
        (folder / path).write_bytes(content[start:end])
    (folder / "weights_manifest.json").write_text(
        json.dumps([{"paths": paths, "weights": entries}])
    )
    return read


# ---- the generator, one note at a time in float64, as GANSynth's code computes it ---------------


def specgram(values, z, pitch, channels=CHANNELS):
    """Compute the normalised image of a note from the averages of a checkpoint."""
    average = {key.removesuffix(f"/{AVERAGE}"): np.asarray(v, np.float64)
               for key, v in values.items() if key.endswith(AVERAGE)}  # fmt: skip

    def layer(x, scope, slope=0.0):
        kernel = average[f"{PREFIX}{scope}/conv2d/kernel"]
        scale = np.sqrt(2.0 / ((1.0 + slope**2) * np.prod(kernel.shape[:3])))
        return scale * valid(x, kernel) + average[f"{PREFIX}{scope}/bias"]

    def active(x):
        return pixel_norm(np.where(x >= 0.0, x, 0.2 * x))

    label = np.zeros(61)
    label[pitch - 24] = 1.0
    x = pixel_norm(np.concatenate([np.asarray(z, np.float64), label]))[None, None, :]
    x = np.pad(x, ((1, 1), (15, 15), (0, 0)))
    for b in range(1, len(channels) + 1):
        if b > 1:
            x = same(np.kron(x, np.ones((2, 2, 1))))
        x = active(layer(x, f"{b}/conv0"))
        x = active(layer(same(x), f"{b}/conv1"))
    return np.tanh(layer(x, f"{len(channels)}/to_rgb", slope=1.0))


def pixel_norm(x):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-8)


def same(x):
    """Pad by what a 3 x 3 kernel loses."""
    return np.pad(x, ((1, 1), (1, 1), (0, 0)))


def valid(x, kernel, slab=16):
    """Convolve (correlate, as TensorFlow does) an image (height, width, channels)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))
    table = kernel.transpose(2, 0, 1, 3).reshape(-1, kernel.shape[3])
    rows = [
        windows[k : k + slab].reshape(-1, len(table)) @ table for k in range(0, len(windows), slab)
    ]
    return np.concatenate(rows).reshape(*windows.shape[:2], -1)
