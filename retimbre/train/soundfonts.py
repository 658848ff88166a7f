"""Notes of SoundFont presets, rendered dry through FluidSynth."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre.errors import ModelNotFoundError
from retimbre.images.harmonic import HOLD_SECONDS, NOTE_SECONDS, SAMPLE_RATE

FloatArray = npt.NDArray[np.floating]

DEFAULT_SOUNDFONTS = (
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf3/MuseScore_General_Full.sf3",
    "/usr/share/sounds/sf3/MuseScore_General.sf3",
)
"""Where Debian's packages fluid-soundfont-gm and musescore-general-soundfont (MIT) put them."""

MELODIC_BANKS = (*range(18), 56, 80)
PERCUSSIVE_PROGRAMS = range(115, 128)
_ALL_SOUND_OFF = 120
_VOLUME = 7
_EXPRESSION = 11


@dataclass(frozen=True, order=True)
class Preset:
    """One instrument of a SoundFont."""

    font: str
    bank: int
    program: int
    name: str


class SoundFont:
    """A SoundFont opened in FluidSynth without reverb or chorus.

    Parameters
    ----------
    path : path
        An .sf2 or .sf3 file.

    Raises
    ------
    ModelNotFoundError
        If pyfluidsynth or the FluidSynth library is missing, or `path` does not open.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            import fluidsynth
        except (ImportError, OSError) as error:
            raise ModelNotFoundError(
                "FluidSynth is needed to render SoundFonts; install it with "
                "'apt-get install libfluidsynth3' and \"pip install 'retimbre[train]'\"."
            ) from error
        self.path = Path(path)
        self._synth: Any = fluidsynth.Synth(gain=0.5, samplerate=SAMPLE_RATE)
        self._synth.setting("synth.reverb.active", 0)
        self._synth.setting("synth.chorus.active", 0)
        self._id = self._synth.sfload(str(self.path)) if self.path.is_file() else -1
        if self._id < 0:
            raise ModelNotFoundError(f"{self.path} is no SoundFont that FluidSynth can open.")

    def presets(self) -> Iterator[Preset]:
        """Yield the melodic presets (percussion and sound effects are left out)."""
        for bank in MELODIC_BANKS:
            for program in range(128):
                if program in PERCUSSIVE_PROGRAMS:
                    continue
                name = self._synth.sfpreset_name(self._id, bank, program)
                if name:
                    yield Preset(self.path.name, bank, program, str(name))

    def render(self, preset: Preset, pitch: int, velocity: int = 100) -> FloatArray:
        """Play one note: held for 3 s, released for 1 s.

        Parameters
        ----------
        preset : Preset
        pitch : int [MIDI]
        velocity : int [1..127]

        Returns
        -------
        y : np.ndarray of float32 [shape=(4 * 44100,)]
        """
        synth = self._synth
        synth.program_select(0, self._id, preset.bank, preset.program)
        synth.cc(0, _VOLUME, 127)
        synth.cc(0, _EXPRESSION, 127)
        synth.noteon(0, pitch, velocity)
        held = synth.get_samples(int(HOLD_SECONDS * SAMPLE_RATE))
        synth.noteoff(0, pitch)
        released = synth.get_samples(int((NOTE_SECONDS - HOLD_SECONDS) * SAMPLE_RATE))
        synth.cc(0, _ALL_SOUND_OFF, 0)
        synth.get_samples(2048)
        stereo = np.concatenate([held, released]).reshape(-1, 2)
        return np.asarray(stereo.mean(axis=1, dtype=np.float32) / 32768.0)


def find_soundfonts(paths: tuple[str, ...] = DEFAULT_SOUNDFONTS) -> list[Path]:
    """Return the SoundFonts that exist, the smaller twin of a full one left out.

    Raises
    ------
    ModelNotFoundError
        If none is installed; the sentence says how to install them.
    """
    found = [Path(path) for path in paths if Path(path).is_file()]
    full = {path.stem.removesuffix("_Full") for path in found if path.stem.endswith("_Full")}
    found = [path for path in found if path.stem not in full]
    if not found:
        raise ModelNotFoundError(
            "No SoundFont was found; install some with "
            "'apt-get install fluid-soundfont-gm musescore-general-soundfont' or name one."
        )
    return found
