"""What the benchmark of playing plays: recordings and phrases, and the notes in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from notes import cached_track
from playing_phrases import PHRASES, SR, Phrase

import retimbre
from retimbre import notes as segmentation
from retimbre.pitch.loudness import band_rises, frame_level_db
from retimbre.settings.params import NoteParams, PitchParams
from retimbre.types import Notes, PitchTrack

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared/data"
RECORDINGS = {
    "hum": "",
    "vocadito": "vocadito/vocadito_1a.wav",
    "vignesh": "sms-tools/vignesh.wav",
    "vocals": "web-audio-api-rs/vocals-dry.wav",
    "sax phrase": "sms-tools/sax-phrase.wav",
    "cello phrase": "sms-tools/cello-phrase.wav",
    "trumpet": "librosa-data/sorohanro_-_solo-trumpet-06.hq.ogg",
    "whistling": "pitchdetect/whistling3.ogg",
    "saxophone": "weresax/melody_from_real_notes.flac",
    "violin": "sms-tools/violin-B3.wav",
}
"""Files of the folder of recordings; the first is the sample of this tree."""

QUICK = ("hum", "cello phrase", "legato", "attacked")


@dataclass(frozen=True, eq=False)
class Input:
    """A recording or a phrase, and the notes that both trees play.

    Attributes
    ----------
    name : str
    y : np.ndarray of float32 [shape=(n_samples,)]
    sr : int [Hz]
    track : PitchTrack
        Measured of a recording, known of a phrase.
    notes : Notes
    articulation : tuple of str
        "struck", "soft" or "tied" per note.
    strength : np.ndarray [shape=(n_notes,), 0..1]
    is_known : bool
        Whether it was made, so that all this is true by construction.
    """

    name: str
    y: npt.NDArray[np.float32]
    sr: int
    track: PitchTrack
    notes: Notes
    articulation: tuple[str, ...]
    strength: npt.NDArray[np.float64]
    is_known: bool

    @property
    def duration(self) -> float:
        """Length [seconds]."""
        return len(self.y) / self.sr


def read_recording(name: str, path: Path, cache: Path | None) -> Input:
    """Read a recording, and find its notes with this tree."""
    y, sr = retimbre.load(path)
    y = np.asarray(y if y.ndim == 1 else y.mean(axis=0), np.float32)
    sound = Input(name, y, sr, *_nothing(), is_known=False)
    track = cached_track(sound, PitchParams(), cache)
    params = NoteParams()
    found = segmentation.segment(track, params.confidence, params.min_note_length)
    return Input(name, y, sr, track, found.notes, found.articulation, found.strength, False)


def of_phrase(name: str, phrase: Phrase) -> Input:
    """Return a phrase as an input, with the track that is true of it."""
    n = len(phrase.f0)
    level = frame_level_db(phrase.y, SR, n)
    rises = band_rises(phrase.y, SR, n)
    confidence = np.isfinite(phrase.f0).astype(float)
    track = PitchTrack(np.arange(n) * 0.01, phrase.f0, confidence, level, rises[:, 0])
    tones = phrase.tones
    # Half of the velocity is 12 dB down.
    velocity = [round(100 * 10 ** ((tone.gain_db + 6.0) / 40.0)) for tone in tones]
    notes = Notes(
        [tone.onset for tone in tones],
        [tone.offset for tone in tones],
        [round(tone.key) for tone in tones],
        velocity,
    )
    strength = [1.0 if tone.start == "struck" else 0.2 for tone in tones]
    starts = tuple(tone.start for tone in tones)
    return Input(name, phrase.y, SR, track, notes, starts, np.array(strength), True)


def read_inputs(folder: Path, cache: Path | None, names: tuple[str, ...] = ()) -> list[Input]:
    """Return the recordings that the folder has, then the phrases; only some if names are given."""
    found = []
    for name, file in RECORDINGS.items():
        path = folder / file if file else HERE.parent / "samples/test.webm"
        if (not names or name in names) and path.is_file():
            found.append(read_recording(name, path, cache))
    made = [of_phrase(name, make()) for name, make in PHRASES.items() if not names or name in names]
    return found + made


def _nothing() -> tuple[PitchTrack, Notes, tuple[str, ...], npt.NDArray[np.float64]]:
    return PitchTrack(*np.zeros((5, 0))), Notes.empty(), (), np.zeros(0)
