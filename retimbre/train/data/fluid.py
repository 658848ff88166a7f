"""FluidSynth, one note at a time and in full precision."""

from ctypes import c_int, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from retimbre._typing import FloatArray
from retimbre.errors import ModelNotFoundError
from retimbre.harmonic.image import SAMPLE_RATE
from retimbre.train.framework import silent_libraries

GAIN = 0.5
_VOLUME = 7
_EXPRESSION = 11
_WARNINGS = 2


class FluidSynth:
    """A SoundFont opened in FluidSynth, without reverb or chorus.

    Parameters
    ----------
    path : Path
        An .sf2 or .sf3 file.

    Raises
    ------
    ModelNotFoundError
        If pyfluidsynth or the FluidSynth library is missing, or `path` does not open.
    """

    def __init__(self, path: Path) -> None:
        try:
            import fluidsynth
        except (ImportError, OSError) as error:
            raise ModelNotFoundError(
                "FluidSynth is needed to render SoundFonts; install it with "
                "'apt-get install libfluidsynth3' and, in a checkout of retimbre, "
                "\"pip install '.[train]'\"."
            ) from error
        self._fluidsynth = fluidsynth
        self._functions = _Functions(fluidsynth)
        self._library = self._new_synth()
        # FluidSynth, and the library that it asks next, tell at length of what does not open.
        with silent_libraries():
            self._id = self._library.sfload(str(path)) if path.is_file() else -1
        if self._id < 0:
            raise ModelNotFoundError(f"{path} cannot be opened by FluidSynth as a SoundFont.")
        self._font = self._functions.get_font(self._library.synth, self._id)

    def preset_name(self, bank: int, program: int) -> str | None:
        """Return the name of a preset, or None where there is none."""
        name = self._library.sfpreset_name(self._id, bank, program)
        return str(name) if name else None

    def play(
        self, bank: int, program: int, pitch: int, velocity: int, n_held: int, n_released: int
    ) -> FloatArray:
        """Play a note; the same note gives the same samples whatever was played before.

        Parameters
        ----------
        bank, program : int
        pitch : int [MIDI]
        velocity : int [1..127]
        n_held, n_released : int [samples]
            How long the key is held, and what follows.

        Returns
        -------
        y : np.ndarray of float32 [shape=(n_held + n_released, 2)]
        """
        # A voice that was used before fades in from the amplitude at which it was left, so every
        # note is played by a new synthesiser, which borrows the font.
        synth = self._new_synth()
        font = self._functions.add_font(synth.synth, self._font)
        synth.program_select(0, font, bank, program)
        synth.cc(0, _VOLUME, 127)
        synth.cc(0, _EXPRESSION, 127)
        synth.noteon(0, pitch, velocity)
        held = self._generate(synth, n_held)
        synth.noteoff(0, pitch)
        released = self._generate(synth, n_released)
        self._functions.remove_font(synth.synth, self._font)
        synth.delete()
        return np.concatenate([held, released])

    def _new_synth(self) -> Any:
        synth = self._fluidsynth.Synth(gain=GAIN, samplerate=SAMPLE_RATE, channels=16)
        synth.setting("synth.reverb.active", 0)
        synth.setting("synth.chorus.active", 0)
        return synth

    def _generate(self, synth: Any, n: int) -> FloatArray:
        # Not in 16 bits: their hiss is 65 dB under a soft note, and it would be learned.
        y = np.zeros((n, 2), np.float32)
        self._functions.write(synth.synth, n, y.ctypes.data, 0, 2, y.ctypes.data, 1, 2)
        return y


class _Functions:
    """What pyfluidsynth does not bind of FluidSynth."""

    def __init__(self, fluidsynth: Any) -> None:
        bind = fluidsynth.cfunc
        synth, font = ("synth", c_void_p, 1), ("font", c_void_p, 1)
        channel = [("buffer", c_void_p, 1), ("offset", c_int, 1), ("increment", c_int, 1)]
        self.get_font = bind("fluid_synth_get_sfont_by_id", c_void_p, synth, ("id", c_int, 1))
        self.add_font = bind("fluid_synth_add_sfont", c_int, synth, font)
        self.remove_font = bind("fluid_synth_remove_sfont", c_int, synth, font)
        self.write = bind(
            "fluid_synth_write_float", c_int, synth, ("n", c_int, 1), *channel, *channel
        )
        # It warns of every channel whose font is taken away.
        set_log = bind(
            "fluid_set_log_function",
            c_void_p,
            ("level", c_int, 1),
            ("function", c_void_p, 1),
            ("data", c_void_p, 1),
        )
        set_log(_WARNINGS, None, None)
