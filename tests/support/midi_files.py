"""MIDI files written message by message. Times are ticks since the message before."""

import mido


def on(time, note, velocity=64, channel=0):
    return mido.Message("note_on", note=note, velocity=velocity, time=time, channel=channel)


def off(time, note, channel=0):
    return mido.Message("note_off", note=note, time=time, channel=channel)


def control(time, number, value, channel=0):
    return mido.Message("control_change", control=number, value=value, time=time, channel=channel)


def tempo(time, microseconds):
    return mido.MetaMessage("set_tempo", tempo=microseconds, time=time)


def write(path, *tracks, division=480, kind=1):
    midi = mido.MidiFile(type=kind, ticks_per_beat=division)
    midi.tracks.extend(mido.MidiTrack(track) for track in tracks)
    midi.save(path)
    return path


def track_of(*notes, controls=(), channel=0):
    """Make a track of notes (onset, offset, pitch) and controls (tick, number, value).

    Of one tick, ends come first, then controls, then beginnings.
    """
    events = [(offset, 0, off(0, pitch, channel)) for _, offset, pitch in notes]
    events += [(tick, 1, control(0, number, value, channel)) for tick, number, value in controls]
    events += [(onset, 2, on(0, pitch, channel=channel)) for onset, _, pitch in notes]
    track, now = [], 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    return track
