"""Images made by hand."""

import numpy as np


def make_image(levels=(), noise_db=-110.0):
    """An image whose partials (counted from 1) have constant levels, given in dB."""
    image = np.zeros((128, 96, 4), np.float32)
    image[..., 0] = -90.0
    image[..., 2] = noise_db
    for partial, level in dict(levels).items():
        image[:, partial - 1, 0] = level
    return image
