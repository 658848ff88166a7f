"""Parse MIDI files: their notes at ticks, and when the ticks are.

What is written has 960 ticks a beat at 120 beats a minute, 1,920 ticks a second.
"""

import io
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.errors import DecodeError

if TYPE_CHECKING:
    import mido  # type: ignore[import-untyped]

TICKS_PER_BEAT = 960
TEMPO = 500_000
"""Of what is written [microseconds a beat]: 120 beats a minute."""

TICKS_PER_SECOND = TICKS_PER_BEAT * 1_000_000 / TEMPO

DRUM_CHANNEL = 9

LEGATO_FOOTSWITCH, PORTAMENTO = 68, 65
LEGATO_SWITCHES = (LEGATO_FOOTSWITCH, PORTAMENTO)
"""Controls that tie notes that begin while they are on."""

RESET_CONTROLLERS = 121
LAST_TICK = 2**53
"""Up to it every tick is exact as a float."""

SWITCHED_ON = 64
"""From this value on a switch is on."""

Clock = Callable[[npt.ArrayLike], FloatArray]
"""Ticks to seconds."""


class FileNote(NamedTuple):
    """A note as it stands in a file; its times are ticks."""

    onset: int
    offset: int
    pitch: int
    velocity: int
    track: int = 0
    channel: int = 0
    is_legato: bool = False
    """Whether the legato footswitch is on when it begins."""
    is_portamento: bool = False


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
    except (OSError, ValueError, LookupError, OverflowError, KeySignatureError) as error:
        raise DecodeError(f"{name} is a damaged MIDI file: {error}.") from error


def notes_of_midi(midi: "mido.MidiFile") -> tuple[list[FileNote], int, int]:
    """Collect the notes of all tracks.

    An end belongs to the earliest note of its track, channel and pitch that still sounds.

    Parameters
    ----------
    midi : mido.MidiFile

    Returns
    -------
    notes : list of FileNote
        Track by track, without those of the drum channel; some may have no length.
    n_drums : int
        How many notes the drum channel has.
    n_unended : int
        How many of the notes end only with their track.
    """
    found: list[list[FileNote]] = [[] for _ in midi.tracks]
    sounding: defaultdict[tuple[int, int, int], deque[FileNote]] = defaultdict(deque)
    pressed: set[tuple[int, int]] = set()
    n_drums = 0
    for tick, track, message in _in_time(midi.tracks):
        if message.type == "control_change":
            _press(pressed, message)
            continue
        is_start = message.type == "note_on" and message.velocity > 0
        channel, pitch = message.channel, message.note
        if channel == DRUM_CHANNEL:
            n_drums += is_start
        elif is_start:
            switches = ((channel, switch) in pressed for switch in LEGATO_SWITCHES)
            note = FileNote(tick, tick, pitch, message.velocity, track, channel, *switches)
            sounding[track, channel, pitch].append(note)
        elif starts := sounding[track, channel, pitch]:
            found[track].append(starts.popleft()._replace(offset=tick))
    ends = [sum(message.time for message in track) for track in midi.tracks]
    unended = [note for starts in sounding.values() for note in starts]
    for note in unended:
        found[note.track].append(note._replace(offset=ends[note.track]))
    return [note for notes in found for note in notes], n_drums, len(unended)


def _in_time(tracks: Sequence["mido.MidiTrack"]) -> list[tuple[int, int, "mido.Message"]]:
    """Return (tick, track, message) of all notes and controls, as one stream.

    At one tick a track without notes comes first, since what it controls are the others.
    """
    events = [
        (tick, track, message)
        for track, messages in enumerate(tracks)
        for tick, message in _at_ticks(messages)
        if message.type in ("note_on", "note_off", "control_change")
    ]
    with_notes = {track for _, track, message in events if message.type == "note_on"}
    return sorted(events, key=lambda event: (event[0], event[1] in with_notes, event[1]))


def _press(pressed: set[tuple[int, int]], message: "mido.Message") -> None:
    """Keep account of the switches that are on, as (channel, control)."""
    if message.control == RESET_CONTROLLERS:
        pressed.difference_update((message.channel, switch) for switch in LEGATO_SWITCHES)
    elif message.control in LEGATO_SWITCHES:
        change = pressed.add if message.value >= SWITCHED_ON else pressed.discard
        change((message.channel, message.control))


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
