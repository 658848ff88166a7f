"""Prepare recorded notes for the encoder: found, tuned, straightened.

1. Of the notes that `retimbre.notes` finds the clearest are taken, which are the longest and
   loudest, one per key.
2. A note's onset, its release and its end are read off the level.
3. It is played at the pitch of the nearest key throughout (`retimbre.like.straighten`).
4. Its image is measured and completed as if it had been held.
"""

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retimbre import notes, pitch
from retimbre._typing import FloatArray
from retimbre.errors import AudioError, NoPitchError, ParameterError
from retimbre.harmonic.hold import hold_image, loop_image
from retimbre.harmonic.image import (
    FEATURE_FILL,
    NOTE_SECONDS,
    SAMPLE_RATE,
    detune_cents,
    feature_mask,
    image_to_features,
)
from retimbre.harmonic.measurement import measure_image
from retimbre.harmonic.texture import separate_texture
from retimbre.io import audio
from retimbre.io.mono import to_mono
from retimbre.like.denoise import room_spectrum, subtract_room
from retimbre.like.ends import NoteEnds, find_ends
from retimbre.like.straighten import straighten
from retimbre.runtime import single_threaded_blas
from retimbre.settings.params import NoteParams, PitchParams
from retimbre.types import HOP_SECONDS, Notes, PitchTrack
from retimbre.units import hz_to_midi, midi_to_hz, midi_to_note

logger = logging.getLogger("retimbre")

SHORTEST_SECONDS = 0.3
LONGEST_SECONDS = 60.0
"""Of a longer recording only the beginning is heard."""

MOST_NOTES = 8
"""So many notes of a recording are taken."""

LEAST_CLEARNESS = 0.15
"""Notes that are so much shorter or softer than the clearest one are not."""

HIGHEST_HZ = 4000.0
"""A pitch that the waveform's period shows may lie above those that CREPE knows."""

HEARINGS = ((1.0, 0.6), (0.25, 0.6), (2.0, 0.6), (1.0, 0.3))
"""Speeds at which the recording is listened to, and the confidence that a note then needs: CREPE
knows no pitch above B6, so such a note is played more slowly, and one below C1 faster."""

SLOWED_SECONDS = 15.0
"""So much of a recording is listened to slowly at most: it takes as many times longer."""

STEADY_CENTS = 6.0
"""A pitch that is mostly so near to its median (mean of the nearer half) is steady, and what lies
farther off are the tracker's errors."""

END_SECONDS = 0.1
"""Noise is averaged over some frames, and the end of the note is in it so early."""

BEFORE_SECONDS, ECHO_SECONDS = 0.05, 0.25
"""So long before and after a note the room is not heard alone."""

_FADE_SAMPLES = 32


@dataclass(frozen=True, eq=False)
class HeardNote:
    """A note that was taken of a recording.

    Attributes
    ----------
    features : np.ndarray of float32 [shape=(128, 288), -1..1]
        As `harmonic.image_to_features` gives them.
    image : np.ndarray of float32 [shape=(128, 96, 4)]
        Held for 3 s, then released.
    pitch : int [MIDI]
        The nearest key.
    cents : float
        How far above that key the note was.
    onset, seconds : float [seconds]
        Where in the recording it begins, and how long it is held there.
    is_dry : bool
        Whether the room's noise was known, and taken out.
    """

    features: FloatArray
    image: FloatArray
    pitch: int
    cents: float
    onset: float
    seconds: float
    is_dry: bool


@single_threaded_blas
def hear_notes(
    y: npt.ArrayLike,
    sr: int,
    *,
    pitch_range: tuple[int, int],
    source: str = "the recording",
    most: int = MOST_NOTES,
) -> list[HeardNote]:
    """Take the clear notes of a recording.

    Parameters
    ----------
    y : array_like [shape=(n_samples,) or (channels, n_samples)]
        0.3 s or more.
    sr : int [Hz, > 0]
    pitch_range : (int, int) [MIDI, inclusive]
        The notes that the networks know.
    source : str
        What messages call the recording.
    most : int [>= 1]
        How many are taken at most.

    Returns
    -------
    notes : list of HeardNote
        One per key, the clearest first: what sounds longest and loudest is clear. There is always
        one; of the others those that are long and loud enough.

    Raises
    ------
    ParameterError
        If `y` or `sr` is no audio, or the clearest note lies outside `pitch_range`.
    AudioError
        If the recording, or the clearest note in it, is too short.
    NoPitchError
        If it is silent or no steady pitch is heard.
    """
    samples = _take_samples(y, sr, source)
    track, found = _find_notes(samples, source)
    clearness = _clearness(track, found)
    heard: dict[int, HeardNote] = {}
    refused: list[Exception] = []
    clear = _clearest(found, clearness, most)
    others = [int(note) for note in np.argsort(-clearness, kind="stable") if note not in clear]
    for chosen in clear + others:
        # What turns out to be no note is made up for by the next in line.
        if heard and chosen not in clear:
            break
        try:
            note = _hear(samples, track, found, chosen, pitch_range, source)
            heard.setdefault(note.pitch, note)
        except (AudioError, ParameterError) as error:
            refused.append(error)
    if not heard:
        raise refused[0]
    notes = list(heard.values())
    _log_heard(notes, len(found), source)
    return notes


def _hear(
    samples: FloatArray,
    track: PitchTrack,
    found: Notes,
    chosen: int,
    pitch_range: tuple[int, int],
    source: str,
) -> HeardNote:
    """Measure one of the notes that were found."""
    ends = find_ends(
        samples,
        SAMPLE_RATE,
        found.intervals[chosen],
        after=float(found.offset[chosen - 1]) if chosen else 0.0,
        before=float(found.onset[chosen + 1]) if chosen + 1 < len(found) else np.inf,
    )
    if ends.release - ends.onset < SHORTEST_SECONDS / 2:
        raise AudioError(
            f"The note in {source} is only {ends.release - ends.onset:.2f} s long; record a note "
            f"of at least {SHORTEST_SECONDS} s."
        )
    times, f0 = _pitch_curve(track, found, chosen)
    key, cents = _nearest_key(f0, pitch_range, source)
    y = _cut(samples, ends)
    room = _room(samples, ends, found)
    if room is not None:
        y = subtract_room(y, room)
    image = _image(y, ends.release - ends.onset, times - ends.onset, f0, key)
    features = np.where(feature_mask(key), image_to_features(image), FEATURE_FILL)
    return HeardNote(
        features=features.astype(np.float32),
        image=image,
        pitch=key,
        cents=cents,
        onset=ends.onset,
        seconds=ends.release - ends.onset,
        is_dry=room is not None,
    )


def _take_samples(y: npt.ArrayLike, sr: int, source: str) -> FloatArray:
    """Return the recording in mono at `SAMPLE_RATE`, or its first `LONGEST_SECONDS`."""
    if not sr > 0:
        raise ParameterError(f"The sample rate must be > 0 Hz, given {sr}.")
    samples = to_mono(y)
    if samples.size < SHORTEST_SECONDS * sr:
        shape = np.shape(y)
        turned = f", of shape {shape} (channels come first)" if len(shape) > 1 else ""
        raise AudioError(
            f"{source} is only {samples.size / sr:.2f} s long{turned}; record a note of at least "
            f"{SHORTEST_SECONDS} s."
        )
    if samples.size > LONGEST_SECONDS * sr:
        logger.warning("%s: using only the first %g s.", source, LONGEST_SECONDS)
        samples = samples[: round(LONGEST_SECONDS * sr)]
    return audio.resample(samples, sr, SAMPLE_RATE)


def _find_notes(samples: FloatArray, source: str) -> tuple[PitchTrack, Notes]:
    """Return the pitch of a recording and its notes, of which there is one at least."""
    highest = 0.0
    tracks: dict[float, PitchTrack] = {}
    for speed, confidence in HEARINGS:
        if speed not in tracks:
            tracks[speed] = _listen(samples, speed)
        track = tracks[speed]
        if not np.isfinite(track.f0).any():
            raise NoPitchError(f"{source} is silent; record an audible note.")
        params = NoteParams(confidence=confidence, min_note_length=SHORTEST_SECONDS / 3)
        found = notes.segment_notes(track, params)
        if len(found):
            return track, found
        highest = max(highest, float(track.confidence.max()))
    raise NoPitchError(
        f"No note that is held for {SHORTEST_SECONDS:g} s was found in {source} (the highest "
        f"confidence is {highest:.2f}); record notes of one instrument."
    )


def _listen(samples: FloatArray, speed: float) -> PitchTrack:
    """Return the pitch of a recording, found while it is played at another speed."""
    if speed < 1.0:
        samples = samples[: round(SLOWED_SECONDS * SAMPLE_RATE)]
    params = PitchParams(fmax=HIGHEST_HZ if speed == 1.0 else PitchParams.fmax)
    heard = pitch.estimate_pitch(samples, round(speed * SAMPLE_RATE), params)
    n = round(len(heard) * speed)
    # The frame that is nearest to each 10 ms of the recording itself.
    frames = np.minimum(np.rint(np.arange(n) / speed).astype(np.int64), len(heard) - 1)
    return PitchTrack(
        times=HOP_SECONDS * np.arange(n),
        f0=heard.f0[frames] / speed,
        confidence=heard.confidence[frames],
        level_db=heard.level_db[frames],
        onset_strength=heard.onset_strength[frames],
        detail=heard.detail[frames],
    )


def _clearness(track: PitchTrack, found: Notes) -> FloatArray:
    """Return how long and loud notes are [shape=(n_notes,)]."""
    amplitude = 10.0 ** (track.level_db / 20.0)
    frames = np.rint(found.intervals / HOP_SECONDS).astype(np.int64)
    return np.array([amplitude[first : last + 1].sum() for first, last in frames])


def _clearest(found: Notes, clearness: FloatArray, most: int) -> list[int]:
    """Return notes to be heard, the clearest first, one per key and from all over the range."""
    order = np.argsort(-clearness, kind="stable")
    of_key: dict[int, int] = {}
    for note in order:
        of_key.setdefault(int(found.pitch[note]), int(note))
    keys = sorted(of_key)
    if most < len(keys) and most > 1:
        keys = [keys[int(place)] for place in np.rint(np.linspace(0, len(keys) - 1, most))]
    chosen = [of_key[key] for key in keys]
    clear = [n for n in chosen if clearness[n] >= LEAST_CLEARNESS * clearness.max()]
    return sorted(clear, key=lambda note: -clearness[note])


def _pitch_curve(track: PitchTrack, found: Notes, chosen: int) -> tuple[FloatArray, FloatArray]:
    """Return times [seconds] and f0 [Hz] of a note: one f0 throughout where it is steady."""
    curve = notes.note_curves(track, found)[chosen]
    midi = found.pitch[chosen] + curve.cents / 100.0
    if len(midi) > 10:
        # The first and the last frames hear half of what is not the note.
        midi[:2], midi[-2:] = midi[2], midi[-3]
    off = np.sort(np.abs(midi - np.median(midi)))
    if off[: len(off) // 2 + 1].mean() * 100.0 < STEADY_CENTS:
        midi = np.full(len(midi), np.median(midi))
    return found.onset[chosen] + HOP_SECONDS * np.arange(len(midi)), midi_to_hz(midi)


def _nearest_key(f0: FloatArray, pitch_range: tuple[int, int], source: str) -> tuple[int, float]:
    middle = float(np.median(hz_to_midi(f0)))
    key = round(middle)
    low, high = pitch_range
    if not low <= key <= high:
        raise ParameterError(
            f"The note in {source} is MIDI {key} ({np.median(f0):.0f} Hz), outside the model's "
            f"{low}..{high}; record another note of the instrument."
        )
    return key, 100.0 * (middle - key)


def _image(
    y: FloatArray, seconds: float, times: FloatArray, f0: FloatArray, key: int
) -> FloatArray:
    """Measure the image of a note that is held for some seconds, tuned to a key and completed."""
    target = float(midi_to_hz(key))
    cents = 0.0
    # The tracker is some cents off; the partials of the first image tell how many.
    for _ in range(2):
        tuned = f0 * 2.0 ** (cents / 1200.0)
        raw = measure_image(straighten(y, SAMPLE_RATE, times, tuned, target), target)
        cents += detune_cents(raw)
    seconds *= len(straighten(y, SAMPLE_RATE, times, f0, target)) / len(y)
    calm = max(seconds - END_SECONDS, 0.5 * seconds)
    return hold_image(separate_texture(loop_image(raw, calm)), calm)


def _cut(samples: FloatArray, ends: NoteEnds) -> FloatArray:
    """Return the samples of a note, without a click at either end."""
    first = round(ends.onset * SAMPLE_RATE)
    last = round(min(ends.end, ends.onset + 1.5 * NOTE_SECONDS) * SAMPLE_RATE)
    y = samples[first:last].copy()
    n = min(_FADE_SAMPLES, len(y) // 2)
    y[:n] *= np.linspace(0.0, 1.0, n, dtype=np.float32)
    y[len(y) - n :] *= np.linspace(1.0, 0.0, n, dtype=np.float32)
    return y


def _room(samples: FloatArray, ends: NoteEnds, found: Notes) -> FloatArray | None:
    """Return the spectrum of the room's noise, where the recording has enough of it alone."""
    now = np.arange(len(samples)) / SAMPLE_RATE
    sounding = (now > ends.onset - BEFORE_SECONDS) & (now < ends.end + BEFORE_SECONDS)
    for onset, offset in found.intervals:
        sounding |= (now > onset - BEFORE_SECONDS) & (now < offset + ECHO_SECONDS)
    return room_spectrum(samples, sounding)


def _log_heard(heard: list[HeardNote], n_notes: int, source: str) -> None:
    note = heard[0]
    others = "" if n_notes == 1 else f" (clearest of {n_notes})"
    keys = ", ".join(midi_to_note(key) for key in sorted(each.pitch for each in heard[1:]))
    logger.info(
        "%s: using the note at %.2f s%s: %s %+d cents, %.0f Hz, %.2f s%s.",
        source,
        note.onset,
        others,
        midi_to_note(note.pitch),
        round(note.cents),
        midi_to_hz(note.pitch + note.cents / 100.0),
        note.seconds,
        f"; also {keys}" if keys else "",
    )
