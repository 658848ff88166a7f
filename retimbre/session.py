"""Session: an open model and its instruments, from recording to sound.

A `Session` opens the model and the instruments once, and goes the way in three steps: `analyze`
finds what does not depend on the threshold, `melody` the notes at a threshold, `play` their sound.
What plays a melody anywhere in the package does so through a session.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Real
from os import PathLike

import numpy as np

from retimbre import generator, mixing
from retimbre._typing import Float32Array, FloatArray, StageProgress
from retimbre.errors import NoPitchError, ParameterError, check_type
from retimbre.expression import RELEASE_SECONDS
from retimbre.instrument import Instruments
from retimbre.metering.integrated import integrated_loudness
from retimbre.notes.edits import phrase_of
from retimbre.notes.melody import find_melody, fit_melody, playable_range
from retimbre.pitch.analysis import Listener, analyze, analyze_file
from retimbre.result import Analysis, Report, Result
from retimbre.runtime import Watch, single_threaded_blas, timed
from retimbre.settings import Settings
from retimbre.timbre import TimbrePath, choose_path, heard_names, place_instruments, warn_of_late
from retimbre.types import Melody, PitchTrack

TAIL_SECONDS = RELEASE_SECONDS
"""The sound of a last note may ring on for so long after the recording has ended."""

MAX_TAKES = 8
"""A session remembers the instruments' path and the gain of so many melodies."""

Source = str | PathLike[str] | tuple[FloatArray, int]
"""A media or MIDI file, or ``(y, sr)``."""


@dataclass
class _Take:
    """What a melody and its edits share."""

    instruments: Instruments
    path: Instruments
    gain: mixing.Gain | None = None


Mix = Callable[[Melody, _Take, int, int], Float32Array]
"""Returns the samples of a melody from one place to another, before any gain."""


class Session:
    """A model, its instruments and the settings, kept warm.

    Parameters
    ----------
    settings : Settings, optional
        A seed is drawn where there is none.
    timbre : TimbrePath, optional
        What `choose_path` made of the same settings, where it is known.

    Attributes
    ----------
    settings : Settings
        With a seed.
    model : Generator
    timbre : TimbrePath or None
        The instruments; None where none were asked for, so that random ones are played.

    Raises
    ------
    ModelError
        If the model cannot be opened.
    ParameterError
        If `settings` is no Settings, the model and the pitch range share less than an octave, or
        there is no instrument of a name.
    AudioError
        If no note is heard in a recording whose timbre is asked for.

    Examples
    --------
    >>> session = Session(Settings.from_options(seed=0))  # doctest: +SKIP
    >>> melody = session.melody(session.analyze("in.webm"), 0.8)  # doctest: +SKIP
    >>> result = session.play(melody)  # doctest: +SKIP
    """

    def __init__(
        self, settings: Settings | None = None, *, timbre: TimbrePath | None = None
    ) -> None:
        if settings is not None:
            check_type(settings, Settings, "What a session is made with")
        self.settings, self._seed = (settings or Settings()).with_seed()
        self.model = generator.load_generator(self.settings.timbre.model)
        # What is wrong is said before the minutes of analysis.
        self._range = playable_range(self.settings.notes.pitch_range, self.model.pitch_range)
        self.timbre = choose_path(self.settings.timbre, self.model) if timbre is None else timbre
        self._takes: OrderedDict[str, _Take] = OrderedDict()

    def analyze(
        self,
        source: Source,
        *,
        progress: StageProgress | None = None,
        listener: Listener | None = None,
        on_pitch: Callable[[PitchTrack], None] | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Analysis:
        """Find what does not depend on the threshold.

        Parameters
        ----------
        source : path-like or (np.ndarray, int)
            A media or MIDI file, told apart by content, or samples and their rate.
        progress : callable, optional
            ``progress("pitch", done, total)`` after each block of frames.
        listener : callable, optional
            Sees the recording before it is let go; not called for MIDI.
        on_pitch : callable, optional
            Called after each block with the track so far, whose f0 is preliminary.
        cancel : callable, optional
            Asked after each block; the work ends where it returns True.

        Returns
        -------
        analysis : Analysis
            One analysis serves any number of thresholds.

        Raises
        ------
        ReadError, ParameterError, ModelError
            As `analyze_file` and `analyze` raise.
        Cancelled
        """
        watch = Watch(progress, cancel)
        params = self.settings.pitch
        if isinstance(source, tuple):
            y, sr = source
            analysis = analyze(y, sr, params, progress=watch, on_pitch=on_pitch)
        else:
            analysis = analyze_file(
                source, params, progress=watch, listener=listener, on_pitch=on_pitch
            )
        warn_of_late(self.timbre, analysis.duration, analysis.source)
        return analysis

    def melody(self, analysis: Analysis, confidence: float | None = None) -> Melody:
        """Find the notes of an analysis, inside the range that is played.

        Parameters
        ----------
        analysis : Analysis
        confidence : float [0..1], optional
            The threshold, by default that of the settings. MIDI has none.

        Returns
        -------
        melody : Melody
            With at least one note.

        Raises
        ------
        NoPitchError
            If there is no note; says the highest confidence found.
        ParameterError
            If `confidence` is out of range.
        """
        check_type(analysis, Analysis, "Where a melody is looked for")
        at = self.settings.with_confidence(confidence)
        analysis.timings["notes"] = 0.0
        with timed(analysis.timings, "notes"):
            return find_melody(analysis, at.notes, self.model.pitch_range)

    def render(
        self,
        analysis: Analysis,
        confidence: float | None = None,
        *,
        gain_of: Melody | None = None,
        progress: StageProgress | None = None,
    ) -> Result:
        """Find the melody of an analysis at a threshold, and play it."""
        melody = self.melody(analysis, confidence)
        return self.play(melody, analysis=analysis, gain_of=gain_of, progress=progress)

    def play(
        self,
        melody: Melody,
        start: float | None = None,
        stop: float | None = None,
        *,
        analysis: Analysis | None = None,
        gain_of: Melody | None = None,
        progress: StageProgress | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Result:
        """Play a melody, or a part of it.

        The first time that a melody is played, its instruments are placed and the gain of the
        clip is found. They stay for its edits (whose ``origin`` is the same), so that an edit
        changes no sample outside of its phrase, see `phrase_of`. An edit that makes the clip much
        louder may therefore exceed the ceiling; a fresh session finds path and gain anew.

        Parameters
        ----------
        melody : Melody
            With at least one note; those outside the range that is played are folded into it.
        start, stop : float [seconds], optional
            The part, by default the whole. It holds the same samples as the whole does.
        analysis : Analysis, optional
            What the melody was found in, for the result and its report.
        gain_of : Melody, optional
            Of which the gain is taken where this melody is played for the first time, as far as its
            own peak allows: melodies of several thresholds can then be compared.
        progress : callable, optional
            ``progress("generate", done, total)`` after each note.
        cancel : callable, optional
            Asked after each note; the work ends where it returns True.

        Returns
        -------
        result : Result
            The whole is as long as the recording, or up to `TAIL_SECONDS` longer where the last
            note rings on.

        Raises
        ------
        NoPitchError
            If there is no note.
        ParameterError
            If `start` or `stop` is no finite number.
        ModelError, Cancelled
        """
        for given in (melody,) if gain_of is None else (melody, gain_of):
            check_type(given, Melody, "What is played")
            if not len(given):
                raise NoPitchError("The melody contains no notes to play.")
        timings = {"decode": 0.0, "pitch": 0.0, "notes": 0.0} | (
            analysis.timings if analysis is not None else {}
        )
        own = {"generate": 0.0, "synthesize": 0.0}
        with timed(own, "total"):
            melody = fit_melody(melody, self._range)
            with timed(own, "generate"):
                take = self._take(melody)
            watch = Watch(progress, cancel)
            mix = partial(self._mix, watch=watch, timings=own)
            y, first = self._sound(melody, take, start, stop, gain_of, mix)
        own["total"] += sum(timings.values())
        return Result(
            y=y,
            sr=self.model.clip_rate,
            notes=melody.notes,
            pitch=None if analysis is None else analysis.pitch,
            instruments=take.instruments,
            report=self._report(melody, analysis, take, y, timings | own),
            curves=melody.curves,
            melody=melody,
            start=first / self.model.clip_rate,
        )

    def _take(self, melody: Melody) -> _Take:
        """Return what a melody shares with its edits; made when the first of them is played."""
        if melody.origin in self._takes:
            self._takes.move_to_end(melody.origin)
            return self._takes[melody.origin]
        placed = place_instruments(self.timbre, self.settings.timbre, melody.duration, self.model)
        take = _Take(placed, self.model.even_path(placed, melody.notes))
        self._takes[melody.origin] = take
        if len(self._takes) > MAX_TAKES:
            self._takes.popitem(last=False)
        return take

    @single_threaded_blas
    def _sound(
        self,
        melody: Melody,
        take: _Take,
        start: float | None,
        stop: float | None,
        gain_of: Melody | None,
        mix: Mix,
    ) -> tuple[Float32Array, int]:
        """Return the samples of a part of a melody, and the place of the first of them."""
        sr, n_samples = self.model.clip_rate, self._n_samples(melody)
        first = 0 if start is None else min(_sample_at(start, sr), n_samples)
        last = n_samples if stop is None else min(max(first, _sample_at(stop, sr)), n_samples)
        # The gain is that of the whole clip, which has to be heard once to know it.
        gain = take.gain
        if gain is None:
            whole, gain = self._first_sound(melody, take, gain_of, mix)
            # A part that is a view would keep the whole in memory.
            y = whole if len(whole) == last - first else whole[first:last].copy()
        else:
            y = mix(melody, take, first, last)
        return np.multiply(y, gain.factor, out=y), first

    def _first_sound(
        self, melody: Melody, take: _Take, gain_of: Melody | None, mix: Mix
    ) -> tuple[Float32Array, mixing.Gain]:
        """Return the whole of a melody before its gain, and the gain, which is then known."""
        shared = None
        if gain_of is not None and gain_of.origin != melody.origin:
            gain_of = fit_melody(gain_of, self._range)
            other = self._take(gain_of)
            shared = other.gain or self._first_sound(gain_of, other, None, mix)[1]
        y = mix(melody, take, 0, self._n_samples(melody))
        take.gain = mixing.find_gain(y, self.model.clip_rate, melody, self.settings.render, shared)
        return y, take.gain

    def _n_samples(self, melody: Melody) -> int:
        seconds = max(melody.duration, float(melody.notes.offset.max()) + TAIL_SECONDS)
        return round(seconds * self.model.clip_rate)

    def _mix(
        self,
        melody: Melody,
        take: _Take,
        first: int,
        last: int,
        *,
        watch: Watch,
        timings: dict[str, float],
    ) -> Float32Array:
        """Add up the notes that sound in a part of the clip, before any gain."""
        sr = self.model.clip_rate
        watch("generate", 0, len(melody))
        sounds = self.model.perform(
            melody,
            take.path,
            self.settings.render,
            seed=self._seed,
            start=first / sr,
            stop=last / sr,
            progress=partial(watch, "generate"),
            timings=timings,
        )
        return mixing.mix_sounds(
            sounds, sr=sr, n_samples=self._n_samples(melody), start=first, stop=last
        )

    def phrase_of(self, melody: Melody, note_id: int) -> tuple[float, float]:
        """Return the part of a melody that can change when one of its notes does.

        See `retimbre.notes.edits.phrase_of`. An edit that moves a note changes the phrase where it
        was and the one where it is then.
        """
        return phrase_of(melody, note_id)

    def _report(
        self,
        melody: Melody,
        analysis: Analysis | None,
        take: _Take,
        y: Float32Array,
        timings: dict[str, float],
    ) -> Report:
        sr = self.model.clip_rate
        with timed(timings, "total"):
            loudness = integrated_loudness(y, sr=sr)
        return Report.of(
            melody,
            analysis,
            sample_rate=sr,
            seed=self._seed,
            model=self.model.name,
            instruments=len(take.instruments.times),
            instrument_names=list(take.instruments.names),
            heard_names=list(heard_names(take.instruments, melody.notes.onset)),
            duration=len(y) / sr,
            loudness=round(loudness, 2) if math.isfinite(loudness) else None,
            limited_db=0.0 if take.gain is None else round(take.gain.limited_db, 2),
            timings=timings,
        )


def _sample_at(time: float, sr: int) -> int:
    if not isinstance(time, Real) or not math.isfinite(time):
        raise ParameterError(
            f"A part begins and ends at a finite number of seconds, given {time!r:.60}."
        )
    return max(0, round(time * sr))
