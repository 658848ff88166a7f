"""Notes to compare, to the tick that MIDI files have."""

import numpy as np

TICK = 1.0 / 1920.0


def assert_same_notes(notes, expected, atol=0.51 * TICK):
    order = np.lexsort((notes.offset, notes.velocity, notes.pitch, np.round(notes.onset, 3)))
    other = np.lexsort(
        (expected.offset, expected.velocity, expected.pitch, np.round(expected.onset, 3))
    )
    np.testing.assert_array_equal(notes.pitch[order], expected.pitch[other])
    np.testing.assert_array_equal(notes.velocity[order], expected.velocity[other])
    np.testing.assert_allclose(notes.onset[order], expected.onset[other], rtol=0, atol=atol)
    np.testing.assert_allclose(notes.offset[order], expected.offset[other], rtol=0, atol=atol)
