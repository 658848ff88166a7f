"""Parse and build MIDI files as messages at ticks.

What is written has 960 ticks a beat at 120 beats a minute, 1,920 ticks a second.
"""

import io
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.errors import DecodeError, ParameterError
from retimbre.types import HOP_SECONDS, NoteCurves, Notes

if TYPE_CHECKING:
    import mido  # type: ignore[import-untyped]

TICKS_PER_BEAT = 960
TEMPO = 500_000
"""Of what is written [microseconds a beat]: 120 beats a minute."""

TICKS_PER_SECOND = TICKS_PER_BEAT * 1_000_000 / TEMPO

DRUM_CHANNEL = 9
PLAIN_CHANNEL = 15
"""Where notes go, without bends, for which no channel of their own is left."""

BEND_CHANNELS = tuple(c for c in range(16) if c not in (DRUM_CHANNEL, PLAIN_CHANNEL))

MIN_BEND_RANGE, MAX_BEND_RANGE = 2, 24
"""Semitones up and down of a full pitch bend; 2 is what every synthesiser starts with."""

MAX_BEND = 8191

Clock = Callable[[npt.ArrayLike], FloatArray]
"""Ticks to seconds."""

Event = tuple[int, int, "mido.Message"]
"""Tick, rank among those of one tick, message."""

_SETUP_RANK, _OFF_RANK, _BEND_RANK, _ON_RANK = range(4)


class TickNote(NamedTuple):
    """A note whose times are ticks."""

    onset: int
    offset: int
    pitch: int
    velocity: int


def parse_midi(content: bytes, name: str) -> tuple["mido.MidiFile", Clock]:
    """Parse a MIDI file.

    Parameters
    ----------
    content : bytes
        The whole file; a RIFF wrapper is taken off.
    name : str
        How the file is called in a message.

    Returns
    -------
    midi : mido.MidiFile
    clock : callable
        From ticks to seconds.

    Raises
    ------
    DecodeError
        If the file is damaged.
    """
    import mido
    from mido.midifiles.meta import KeySignatureError  # type: ignore[import-untyped]

    content = content[max(content.find(b"MThd"), 0) :]
    try:
        midi = mido.MidiFile(file=io.BytesIO(content), clip=True)
        return midi, _clock(midi)
    except EOFError as error:
        raise DecodeError(f"{name} is a damaged MIDI file: it ends too early.") from error
    except (OSError, ValueError, LookupError, KeySignatureError) as error:
        raise DecodeError(f"{name} is a damaged MIDI file: {error}.") from error


def notes_of_midi(midi: "mido.MidiFile") -> tuple[list[TickNote], int, int]:
    """Collect the notes of all tracks.

    An end belongs to the earliest note of its track, channel and pitch that still sounds.

    Parameters
    ----------
    midi : mido.MidiFile

    Returns
    -------
    notes : list of TickNote
        Without those of the drum channel; some may have no length.
    n_drums : int
        How many notes the drum channel has.
    n_unended : int
        How many of the notes end only with their track.
    """
    notes: list[TickNote] = []
    n_drums, n_unended = 0, 0
    for track in midi.tracks:
        sounding: defaultdict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
        tick = 0
        for tick, message in _at_ticks(track):
            if message.type not in ("note_on", "note_off"):
                continue
            is_start = message.type == "note_on" and message.velocity > 0
            if message.channel == DRUM_CHANNEL:
                n_drums += is_start
            elif is_start:
                sounding[message.channel, message.note].append((tick, message.velocity))
            elif starts := sounding[message.channel, message.note]:
                onset, velocity = starts.popleft()
                notes.append(TickNote(onset, tick, message.note, velocity))
        for (_, pitch), starts in sounding.items():
            n_unended += len(starts)
            notes += [TickNote(onset, tick, pitch, velocity) for onset, velocity in starts]
    return notes, n_drums, n_unended


class Arrangement(NamedTuple):
    """Notes given to channels, and what bends them."""

    notes: list[TickNote]
    channels: list[int]
    """One per note."""
    bends: list["Event"]
    """Those that set the range of bends, and those that bend; none without curves."""
    n_plain: int
    """How many notes are unbent although there are curves, for want of channels."""


def arrange_notes(notes: Notes, curves: NoteCurves | None) -> Arrangement:
    """Give notes to channels, so that none disturbs another.

    Parameters
    ----------
    notes : Notes
    curves : sequence of NoteCurve or None
        One per note: where its pitch is bent to.

    Returns
    -------
    arrangement : Arrangement

    Raises
    ------
    ParameterError
        If there is not one curve per note.
    """
    if curves is not None and len(curves) != len(notes):
        raise ParameterError(
            f"Each of the {len(notes)} notes needs one curve, given {len(curves)}."
        )
    tick_notes = _to_ticks(notes)
    channels = _channels(tick_notes, is_bent=curves is not None)
    if curves is None:
        return Arrangement(tick_notes, channels, [], 0)
    bends = _bend_events(tick_notes, channels, [curve.cents for curve in curves])
    return Arrangement(tick_notes, channels, bends, channels.count(PLAIN_CHANNEL))


def midi_of_notes(notes: Notes, curves: NoteCurves | None) -> tuple["mido.MidiFile", int]:
    """Make a MIDI file of notes.

    Parameters
    ----------
    notes : Notes
    curves : sequence of NoteCurve or None
        One a note: where its pitch is bent to.

    Returns
    -------
    midi : mido.MidiFile
        A track for the tempo and one for the notes.
    n_plain : int
        How many notes are unbent although there are curves, for want of channels.

    Raises
    ------
    ParameterError
        If there is not one curve per note.
    """
    import mido

    parts = arrange_notes(notes, curves)
    events = parts.bends.copy()
    for note, channel in zip(parts.notes, parts.channels, strict=True):
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        off = mido.Message("note_off", channel=channel, note=note.pitch)
        events += [(note.onset, _ON_RANK, on), (note.offset, _OFF_RANK, off)]
    midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    midi.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=TEMPO)]))
    track = mido.MidiTrack()
    previous = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - previous))
        previous = tick
    midi.tracks.append(track)
    return midi, parts.n_plain


def _at_ticks(track: "mido.MidiTrack") -> Iterator[tuple[int, "mido.Message"]]:
    tick = 0
    for message in track:
        tick += message.time
        yield tick, message


def _clock(midi: "mido.MidiFile") -> Clock:
    """Return the function from ticks to seconds that the file's division and tempos make."""
    division = midi.ticks_per_beat
    if division < 0:  # SMPTE: frames a second, negative, in the upper byte; ticks a frame below
        return _smpte_clock(-(division >> 8), division & 0xFF)
    if division == 0:
        raise ValueError("it has 0 ticks per beat")
    changes = {0: TEMPO}  # 120 beats a minute until the file says otherwise
    events = [event for track in midi.tracks for event in _at_ticks(track)]
    for tick, message in sorted(events, key=lambda event: event[0]):
        if message.type == "set_tempo":
            changes[tick] = message.tempo
    ticks = np.array(list(changes), dtype=np.float64)
    rates = np.array(list(changes.values())) / (1e6 * division)  # seconds a tick from there on
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * rates[:-1])])

    def clock(at: npt.ArrayLike) -> FloatArray:
        at = np.asarray(at, dtype=np.float64)
        index = np.searchsorted(ticks, at, side="right") - 1
        return np.asarray(seconds[index] + (at - ticks[index]) * rates[index])

    return clock


def _smpte_clock(frames_per_second: int, ticks_per_frame: int) -> Clock:
    if ticks_per_frame == 0:
        raise ValueError("it has 0 ticks per frame")
    # 29 stands for the 29.97 frames a second of colour television.
    rate = 30_000 / 1001 if frames_per_second == 29 else float(frames_per_second)
    return lambda ticks: np.asarray(ticks, dtype=np.float64) / (rate * ticks_per_frame)


def _to_ticks(notes: Notes) -> list[TickNote]:
    onset = np.rint(notes.onset * TICKS_PER_SECOND).astype(np.int64)
    offset = np.rint(notes.offset * TICKS_PER_SECOND).astype(np.int64)
    offset = np.maximum(offset, onset + 1)
    rows = zip(onset, offset, notes.pitch, notes.velocity, strict=True)
    return [TickNote(*map(int, row)) for row in rows]


def _channels(notes: Sequence[TickNote], *, is_bent: bool) -> list[int]:
    """Give each note a channel on which nothing that it would disturb still sounds.

    A bend moves all notes of its channel; without bends only a note of the same pitch is
    disturbed, as the end of one would end the other.
    """
    free_at: defaultdict[tuple[int, int], int] = defaultdict(int)
    channels = []
    for note in notes:
        key = -1 if is_bent else note.pitch
        free = (c for c in BEND_CHANNELS if free_at[c, key] <= note.onset)
        channel = next(free, PLAIN_CHANNEL)
        free_at[channel, key] = max(free_at[channel, key], note.offset)
        channels.append(channel)
    return channels


def _bend_events(
    notes: Sequence[TickNote], channels: Sequence[int], cents: Sequence[FloatArray]
) -> list[Event]:
    """Return the messages that set the range of bends, and those that bend."""
    import mido

    largest = max((float(np.abs(c).max(initial=0.0)) for c in cents), default=0.0)
    semitones = int(np.clip(np.ceil(largest / 100.0), MIN_BEND_RANGE, MAX_BEND_RANGE))
    # Registered parameter 0 is the range; in the end none is selected.
    settings = ((101, 0), (100, 0), (6, semitones), (38, 0), (101, 127), (100, 127))
    events: list[Event] = []
    for channel in sorted(set(channels) - {PLAIN_CHANNEL}):
        for control, value in settings:
            change = mido.Message("control_change", channel=channel, control=control, value=value)
            events.append((0, _SETUP_RANK, change))
    for note, channel, curve in zip(notes, channels, cents, strict=True):
        if channel == PLAIN_CHANNEL:
            continue
        bends = np.rint(curve * (MAX_BEND + 1) / (100.0 * semitones))
        bends = np.clip(bends, -MAX_BEND - 1, MAX_BEND)
        ticks = note.onset + np.rint(np.arange(len(bends)) * HOP_SECONDS * TICKS_PER_SECOND)
        is_new = (np.diff(bends, prepend=np.inf) != 0.0) & (ticks < note.offset)
        for tick, bend in zip(ticks[is_new], bends[is_new], strict=True):
            bending = mido.Message("pitchwheel", channel=channel, pitch=int(bend))
            events.append((int(tick), _BEND_RANK, bending))
    return events
