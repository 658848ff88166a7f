"""Embed 3 s clips with musicnn [1]_: `python sound_embed.py CLIPS.npy EMBEDDINGS.npy`.

A process of its own, since musicnn needs the old Keras and TensorFlow without eager execution:
``pip install --no-deps musicnn tf_keras`` into any environment that has TensorFlow and librosa,
and TF_USE_LEGACY_KERAS=1. Its own extractor computes the spectrogram in float16, where loud clips
overflow and become alike; here it is float32.

References
----------
.. [1] Pons and Serra, "musicnn: Pre-trained convolutional neural networks for music audio
   tagging", ISMIR 2019; the penultimate layer (200 numbers) of the model MTT_musicnn.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "MTT_musicnn"
N_TAGS = 50
SECONDS = 3
BATCH_SIZE = 16


def log_mel(y: Any) -> Any:
    """Return musicnn's input of a clip at 16 kHz [shape=(187, 96)]."""
    import librosa
    from musicnn import configuration as config  # type: ignore[import-not-found]

    n_frames = 1 + (SECONDS * config.SR - config.FFT_SIZE // 2) // config.FFT_HOP
    power = librosa.feature.melspectrogram(
        y=y, sr=config.SR, hop_length=config.FFT_HOP, n_fft=config.FFT_SIZE, n_mels=config.N_MELS
    )
    return np.log10(10000.0 * power.T[:n_frames].astype(np.float32) + 1.0)


def embed(clips: Any) -> Any:
    """Return the embeddings of clips [shape=(n, 48000)] at 16 kHz [shape=(n, 200)]."""
    import musicnn
    import tensorflow as tf
    from musicnn import models

    tf.compat.v1.disable_eager_execution()
    x = tf.compat.v1.placeholder(tf.float32, [None, *log_mel(clips[0]).shape])
    is_training = tf.compat.v1.placeholder(tf.bool)
    with tf.name_scope("model"):
        penultimate = models.define_model(x, is_training, MODEL, N_TAGS)[-1]
    saver = tf.compat.v1.train.Saver()
    found = []
    with tf.compat.v1.Session() as session:
        saver.restore(session, f"{Path(musicnn.__file__).parent / MODEL}/")
        for start in range(0, len(clips), BATCH_SIZE):
            batch = np.stack([log_mel(y) for y in clips[start : start + BATCH_SIZE]])
            found.append(session.run(penultimate, {x: batch, is_training: False}))
    return np.concatenate(found)


if __name__ == "__main__":
    np.save(sys.argv[2], embed(np.load(sys.argv[1])))
