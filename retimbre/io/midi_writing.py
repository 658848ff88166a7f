"""Build MIDI files as messages at ticks: notes given to channels, bent and tied.

A bend moves all notes of its channel, and a tie goes on from the note that sounds on its channel.
So notes that are bent or tied have a channel of their own while they sound.
"""

from collections import defaultdict
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retimbre._typing import FloatArray
from retimbre.errors import ParameterError
from retimbre.io.midi_events import (
    DRUM_CHANNEL,
    LEGATO_FOOTSWITCH,
    TEMPO,
    TICKS_PER_BEAT,
    TICKS_PER_SECOND,
    FileNote,
)
from retimbre.io.midi_ties import find_ties, link_ties
from retimbre.types import ARTICULATIONS, HOP_SECONDS, NoteCurves, Notes

if TYPE_CHECKING:
    import mido  # type: ignore[import-untyped]

PLAIN_CHANNEL = 15
"""Where notes go, without bends and ties, for which no channel of their own is left."""

OWN_CHANNELS = tuple(c for c in range(16) if c not in (DRUM_CHANNEL, PLAIN_CHANNEL))

MIN_BEND_RANGE, MAX_BEND_RANGE = 2, 24
"""Semitones up and down of a full pitch bend; 2 is what every synthesiser starts with."""

MAX_BEND = 8191

Event = tuple[int, int, "mido.Message"]
"""Tick, rank among those of one tick, message."""

_SETUP_RANK, _OFF_RANK, _SWITCH_RANK, _BEND_RANK, _ON_RANK, _TIED_OFF_RANK = range(6)
"""A note that another goes on from ends after that has begun: else a synthesiser lets it go."""


class Arrangement(NamedTuple):
    """Notes given to channels, and what bends and ties them."""

    notes: list[FileNote]
    """One that another is tied to ends where that begins, or before."""
    channels: list[int]
    """One per note."""
    before: list[int]
    """Index of the note that each is tied to; -1 where it is struck."""
    bends: list[Event]
    """Those that set the range of bends, and those that bend; none without curves."""
    n_plain: int
    """How many notes are unbent although there are curves, for want of channels."""


def arrange_notes(
    notes: Notes, curves: NoteCurves | None, articulation: Sequence[str] | None = None
) -> Arrangement:
    """Give notes to channels, so that none disturbs another.

    Parameters
    ----------
    notes : Notes
    curves : sequence of NoteCurve or None
        One per note: where its pitch is bent to.
    articulation : sequence of str or None
        One per note, see `retimbre.types.ARTICULATIONS`: which are tied. With None nothing is
        said of it.

    Returns
    -------
    arrangement : Arrangement

    Raises
    ------
    ParameterError
        If there is not one curve or articulation per note, or an articulation is unknown.
    """
    _check(notes, curves, articulation)
    found = _to_ticks(notes)
    before = link_ties(found, [name == "tied" for name in articulation or ()])
    for i, j in enumerate(before):
        if j >= 0:
            found[j] = found[j]._replace(offset=min(found[j].offset, found[i].onset))
    if curves is None:
        if articulation is None:
            channels, kept = _channels(found, before, are_bent=False)
        else:
            channels, kept = _channels_to_read(found, before)
        return Arrangement(found, channels, kept, [], 0)
    channels, kept = _channels(found, before, are_bent=True)
    bends = _bend_events(found, channels, [curve.cents for curve in curves])
    return Arrangement(found, channels, kept, bends, channels.count(PLAIN_CHANNEL))


def midi_of_notes(
    notes: Notes, curves: NoteCurves | None, articulation: Sequence[str] | None = None
) -> tuple["mido.MidiFile", int]:
    """Make a MIDI file of notes.

    Parameters
    ----------
    notes : Notes
    curves : sequence of NoteCurve or None
        One per note: where its pitch is bent to.
    articulation : sequence of str or None
        One per note: which are tied.

    Returns
    -------
    midi : mido.MidiFile
        A track for the tempo and one for the notes.
    n_plain : int
        How many notes are unbent although there are curves, for want of channels.

    Raises
    ------
    ParameterError
        If there is not one curve or articulation per note, or an articulation is unknown.
    """
    import mido

    parts = arrange_notes(notes, curves, articulation)
    events = parts.bends + _switch_events(parts)
    begins = {j: parts.notes[i].onset for i, j in enumerate(parts.before)}
    for i, (note, channel) in enumerate(zip(parts.notes, parts.channels, strict=True)):
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        off = mido.Message("note_off", channel=channel, note=note.pitch)
        off_rank = _TIED_OFF_RANK if begins.get(i) == note.offset else _OFF_RANK
        events += [(note.onset, _ON_RANK, on), (note.offset, off_rank, off)]
    midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    midi.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=TEMPO)]))
    track = mido.MidiTrack()
    previous = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - previous))
        previous = tick
    midi.tracks.append(track)
    return midi, parts.n_plain


def _check(notes: Notes, curves: NoteCurves | None, articulation: Sequence[str] | None) -> None:
    for what, given in (("curve", curves), ("articulation", articulation)):
        if given is not None and len(given) != len(notes):
            raise ParameterError(
                f"Each of the {len(notes)} notes needs one {what}, given {len(given)}."
            )
    unknown = sorted(set(articulation or ()) - {*ARTICULATIONS})
    if unknown:
        raise ParameterError(
            f"Unknown articulation {unknown[0]!r}; use one of {', '.join(ARTICULATIONS)}."
        )


def _to_ticks(notes: Notes) -> list[FileNote]:
    onset = np.rint(notes.onset * TICKS_PER_SECOND).astype(np.int64)
    offset = np.rint(notes.offset * TICKS_PER_SECOND).astype(np.int64)
    offset = np.maximum(offset, onset + 1)
    columns = (onset, offset, notes.pitch, notes.velocity)
    return [FileNote(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]


class _FreeChannels:
    """From which tick on each channel is free."""

    def __init__(self) -> None:
        self._any: defaultdict[int, int] = defaultdict(int)
        self._alone: defaultdict[int, int] = defaultdict(int)
        self._keys: defaultdict[tuple[int, int], int] = defaultdict(int)

    def take(self, note: FileNote, end: int, *, is_alone: bool) -> int:
        """Return a channel for a note until `end`: for it alone, or without others of its key."""
        for channel in OWN_CHANNELS:
            key = (channel, note.pitch)
            taken = self._any[channel] if is_alone else max(self._alone[channel], self._keys[key])
            if taken <= note.onset:
                self._any[channel] = max(self._any[channel], end)
                self._keys[key] = max(self._keys[key], end)
                if is_alone:
                    self._alone[channel] = end
                return channel
        return PLAIN_CHANNEL


def _channels(
    notes: Sequence[FileNote],
    before: Sequence[int],
    *,
    are_bent: bool,
    alone: Set[int] = frozenset(),
) -> tuple[list[int], list[int]]:
    """Give each note a channel on which nothing that it would disturb still sounds.

    Notes that are tied to each other share one, on which nothing else sounds. Of others, without
    bends, only one of the same pitch is disturbed, as the end of one would end the other.

    Returns
    -------
    channels : list of int
    kept : list of int
        `before`, without the ties for which there was no channel.
    """
    kept = list(before)
    after = {j: i for i, j in enumerate(before) if j >= 0}
    free = _FreeChannels()
    channels: list[int] = []
    for i, note in enumerate(notes):
        if kept[i] >= 0:
            channels.append(channels[kept[i]])
            continue
        channel = PLAIN_CHANNEL
        tied = _followers(i, after) if before[i] < 0 else []
        if tied:
            channel = free.take(note, notes[tied[-1]].offset, is_alone=True)
            if channel == PLAIN_CHANNEL:
                for k in tied:
                    kept[k] = -1
        if channel == PLAIN_CHANNEL and (are_bent or i in alone):
            channel = free.take(note, note.offset, is_alone=True)
        if channel == PLAIN_CHANNEL and not are_bent:
            channel = free.take(note, note.offset, is_alone=False)
        channels.append(channel)
    return channels, kept


def _channels_to_read(
    notes: Sequence[FileNote], before: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Give notes channels, so that none is read as tied only because it overlaps another."""
    alone: set[int] = set()
    channels, kept = _channels(notes, before, are_bent=False)
    for _ in OWN_CHANNELS:
        placed = [note._replace(channel=c) for note, c in zip(notes, channels, strict=True)]
        misread = find_ties(placed, lambda ticks: np.asarray(ticks) / TICKS_PER_SECOND) >= 0
        found = {*np.flatnonzero(misread).tolist()} - alone
        if not found:
            break
        alone |= found
        channels, kept = _channels(notes, before, are_bent=False, alone=alone)
    return channels, kept


def _followers(head: int, after: dict[int, int]) -> list[int]:
    """Return the notes that are tied to a note, one after the other."""
    tied = []
    while head in after:
        head = after[head]
        tied.append(head)
    return tied


def _switch_events(parts: Arrangement) -> list[Event]:
    """Return the messages of the legato footswitch: on before a tie, off when its line ends."""
    import mido

    events: list[Event] = []
    followed = {*parts.before}
    for i, j in enumerate(parts.before):
        if j < 0:
            continue
        changes = [(parts.notes[i].onset, 127)] if parts.before[j] < 0 else []
        if i not in followed:
            changes.append((parts.notes[i].offset, 0))
        for tick, value in changes:
            change = mido.Message(
                "control_change",
                channel=parts.channels[i],
                control=LEGATO_FOOTSWITCH,
                value=value,
            )
            events.append((tick, _SWITCH_RANK, change))
    return events


def _bend_events(
    notes: Sequence[FileNote], channels: Sequence[int], cents: Sequence[FloatArray]
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
