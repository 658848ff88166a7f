"""How evenly morphs change, by a model that jumps in the middle."""

import numpy as np
import sound_morphs
from sound_models import Palette

from retimbre.generator.morph import even_out
from retimbre.harmonic.image import N_BINS, N_FRAMES, image_to_features
from retimbre.train.data.labels import InstrumentKey


class SuddenModel:
    """Its level falls by 40 dB within a thirtieth of the way from the first z to the second."""

    latent_dim = 2

    def __init__(self) -> None:
        z = np.eye(2, dtype=np.float32)
        keys = tuple(InstrumentKey("fake.sf2", 0, i, name) for i, name in enumerate("ab"))
        self.palette = Palette(keys, ("a", "b"), z, np.tile([21, 108], (2, 1)))

    def generate(self, z, pitches, velocities):
        angle = np.arctan2(np.abs(z[:, 1]), np.abs(z[:, 0])) / (0.5 * np.pi)
        image = np.full((len(z), N_FRAMES, N_BINS, 4), -110.0, np.float32)
        image[..., 0] = (-25.0 - 20.0 * np.tanh(60.0 * (angle - 0.4)))[:, None, None]
        image[..., 1] = image[..., 3] = 0.0
        return image_to_features(image)

    def even_path(self, instruments, notes):
        def play(z, *, pitch):
            levels = 45.0 * self.generate(z, np.full(len(z), pitch), None)[..., :N_BINS]
            return levels.reshape(len(z), -1)

        return even_out(instruments, notes, play)


def test_a_slerp_that_leaps_is_told_beside_the_morph_as_it_is_played():
    rows = sound_morphs.path_rows(SuddenModel(), n=3, seed=0)
    slerp, _, morph, _, *others = rows
    assert float(slerp.measured) >= 10.0
    assert "0.0 % of the pairs" in slerp.remark
    assert float(morph.measured) <= 3.0
    assert "100.0 % of the pairs" in morph.remark
    # It sounds alike at all pitches and velocities.
    assert [row.measured for row in others[:-1]] == 5 * [morph.measured]
    assert "MIDI 84, velocity 80" in others[2].figure
    assert float(others[-1].measured) <= 3.0
