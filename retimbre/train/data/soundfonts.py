"""Notes of SoundFont presets, rendered dry through FluidSynth."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retimbre._typing import FloatArray
from retimbre.errors import ModelNotFoundError
from retimbre.harmonic.image import HOLD_SECONDS, NOTE_SECONDS, SAMPLE_RATE
from retimbre.train.data import fluid
from retimbre.train.data.labels import InstrumentKey

logger = logging.getLogger("retimbre")

DEFAULT_SOUNDFONTS = (
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf3/MuseScore_General_Full.sf3",
    "/usr/share/sounds/sf3/MuseScore_General.sf3",
)
"""Where Debian's packages fluid-soundfont-gm and musescore-general-soundfont (MIT) put them."""

PACKAGES = {
    "FluidR3_GM": "fluid-soundfont-gm",
    "MuseScore_General": "musescore-general-soundfont",
}
LICENCES = {"FluidR3_GM": "MIT", "MuseScore_General": "MIT"}
"""Of SoundFonts by the stem of their file; others are asked of the user."""

MELODIC_BANKS = (*range(18), 56, 80)
PERCUSSIVE_PROGRAMS = range(115, 128)


class SoundFont:
    """A SoundFont that is ready to play.

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
        self.path = Path(path)
        self._synth = fluid.FluidSynth(self.path)

    def presets(self) -> Iterator[InstrumentKey]:
        """Yield the melodic presets (percussion and sound effects are left out)."""
        for bank in MELODIC_BANKS:
            for program in range(128):
                if program in PERCUSSIVE_PROGRAMS:
                    continue
                name = self._synth.preset_name(bank, program)
                if name:
                    yield InstrumentKey(self.path.name, bank, program, name)

    def render(self, preset: InstrumentKey, pitch: int, velocity: int = 100) -> FloatArray:
        """Play one note: held for 3 s, released for 1 s.

        Parameters
        ----------
        preset : InstrumentKey
        pitch : int [MIDI]
        velocity : int [1..127]

        Returns
        -------
        y : np.ndarray of float32 [shape=(4 * 44100,)]
            The mean of both channels.
        """
        n_held = round(HOLD_SECONDS * SAMPLE_RATE)
        n_released = round(NOTE_SECONDS * SAMPLE_RATE) - n_held
        stereo = self._synth.play(preset.bank, preset.program, pitch, velocity, n_held, n_released)
        return np.asarray(stereo.mean(axis=1, dtype=np.float32))


def licence_of(path: str | Path) -> str:
    """Return the licence of a known SoundFont, "unknown" of any other."""
    return LICENCES.get(Path(path).stem.removesuffix("_Full"), "unknown")


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
            "No SoundFont was found; install some with 'apt-get install fluid-soundfont-gm "
            "musescore-general-soundfont', or give one with --soundfont."
        )
    there = " ".join(path.stem for path in found)
    for stem, package in PACKAGES.items():
        if any(stem in path for path in paths) and stem not in there:
            logger.warning(
                "%s is not installed and is skipped; install it with 'apt-get install %s'",
                stem,
                package,
            )
    return found
