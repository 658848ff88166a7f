"""Make everything in this folder, and the README's picture: test.webm, test.mid, the results.

The tune is Greensleeves (England, 16th century, public domain), sung by a SoundFont's voice with
vibrato and slides by pitch wheel, in a little room noise, with breaths between the phrases, and
written as Opus in WebM, as a browser records it.

    pip install -e '.[train]'
    apt-get install libfluidsynth3 fluid-soundfont-gm
    python samples/make_samples.py
"""

import itertools
from pathlib import Path

import av
import fluidsynth
import numpy as np
import pretty_midi

import retimbre

HERE = Path(__file__).resolve().parent
SOUNDFONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
SR = 48000
BEAT = 0.40
START = 0.4
BLOCK = 480
BEND_RANGE = 12
VOICE, HARP = 53, 46
CONFIDENCES = (0.0, 0.5, 0.8)

# (MIDI pitch, beats); None is a breath.
TUNE = [
    (69, 1), (72, 2), (74, 1), (76, 1.5), (77, 0.5), (76, 1), (74, 2), (71, 1), (67, 1.5),
    (69, 0.5), (71, 1), (72, 2), (69, 1), (69, 1.5), (68, 0.5), (69, 1), (71, 2), (68, 1),
    (64, 1.5), (None, 0.5),
    (69, 1), (72, 2), (74, 1), (76, 1.5), (77, 0.5), (76, 1), (74, 2), (71, 1), (67, 1.5),
    (69, 0.5), (71, 1), (72, 1.5), (71, 0.5), (69, 1), (68, 1.5), (66, 0.5), (68, 1), (69, 4),
]  # fmt: skip
# (pitch, first beat, beats) of the harp in test.mid.
BASS = [(45, 1, 6), (43, 7, 6), (41, 13, 6), (40, 19, 5), (45, 25, 6), (43, 31, 6), (40, 37, 5)]


def melody() -> list[tuple[int, float, float]]:
    """Return (pitch, onset, offset) of the tune, in seconds."""
    notes, beat = [], 0.0
    for pitch, beats in TUNE:
        if pitch is not None:
            notes.append((pitch, START + beat * BEAT, START + (beat + beats) * BEAT))
        beat += beats
    return notes


def cents_curve(notes: list[tuple[int, float, float]], times: np.ndarray) -> np.ndarray:
    """Return the pitch in MIDI semitones: slides into long leaps, vibrato that sets in late."""
    midi = np.full(len(times), float(notes[0][0]))
    for i, (pitch, onset, offset) in enumerate(notes):
        inside = (times >= onset) & (times < offset + 0.5)
        since = times[inside] - onset
        slide = np.zeros_like(since)
        if i and abs(pitch - notes[i - 1][0]) >= 2 and onset - notes[i - 1][2] < 0.05:
            slide = (
                (notes[i - 1][0] - pitch) * 0.5 * (1 + np.cos(np.pi * np.clip(since / 0.09, 0, 1)))
            )
        depth = 0.35 * np.clip((since - 0.25) / 0.3, 0, 1)
        midi[inside] = pitch + slide + depth * np.sin(2 * np.pi * 5.6 * since)
    return midi


def sing() -> np.ndarray:
    """Return the recording, mono float32 at 48 kHz."""
    synth = fluidsynth.Synth(gain=0.8, samplerate=SR)
    synth.setting("synth.chorus.active", 0)
    font = synth.sfload(SOUNDFONT)
    synth.program_select(0, font, 0, VOICE)
    # Registered parameter 0 is the range of the pitch wheel, in semitones.
    for controller, value in ((101, 0), (100, 0), (6, BEND_RANGE), (38, 0)):
        synth.cc(0, controller, value)
    notes = melody()
    n_blocks = int((notes[-1][2] + 1.0) * SR / BLOCK)
    midi = cents_curve(notes, np.arange(n_blocks) * BLOCK / SR)
    blocks, sounding, upcoming = [], None, list(notes)
    for i in range(n_blocks):
        now = i * BLOCK / SR
        if sounding is not None and now >= sounding[2] - 0.03:
            synth.noteoff(0, sounding[0])
            sounding = None
        if upcoming and now >= upcoming[0][1]:
            sounding = upcoming.pop(0)
            # The second half of the tune swells.
            synth.noteon(0, sounding[0], int(70 + 40 * now / notes[-1][2]))
        key = sounding[0] if sounding is not None else round(midi[i])
        bend = np.clip((midi[i] - key) / BEND_RANGE, -1, 1) * 8191
        synth.pitch_bend(0, int(bend))
        blocks.append(synth.get_samples(BLOCK))
    y = np.concatenate(blocks).reshape(-1, 2).mean(axis=1) / 32768.0
    y *= 0.5 / np.abs(y).max()
    return (y + room(len(y), notes)).astype(np.float32)


def room(n_samples: int, notes: list[tuple[int, float, float]]) -> np.ndarray:
    """Return room noise, and a breath in the longer gaps."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(n_samples)
    y = 4e-4 * noise
    for (_, _, offset), (_, onset, _) in itertools.pairwise(notes):
        if onset - offset > 0.1:
            start, stop = int((offset + 0.02) * SR), int((onset - 0.02) * SR)
            y[start:stop] += 0.02 * np.hanning(stop - start) * np.diff(noise[start - 1 : stop])
    return y


def write_webm(path: Path, y: np.ndarray) -> None:
    """Encode as Opus in WebM."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=SR, layout="mono")
        stream.bit_rate = 64_000
        for start in range(0, len(y), 960):
            block = np.zeros((1, 960), np.float32)
            part = y[start : start + 960]
            block[0, : len(part)] = part
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
            frame.sample_rate = SR
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_midi(path: Path) -> None:
    """Write the tune with a harp below and a drum that is to be left out."""
    score = pretty_midi.PrettyMIDI(initial_tempo=60.0 / BEAT)
    voice = pretty_midi.Instrument(VOICE, name="voice")
    harp = pretty_midi.Instrument(HARP, name="harp")
    drum = pretty_midi.Instrument(0, is_drum=True, name="drum")
    voice.notes = [pretty_midi.Note(90, *note) for note in melody()]
    for pitch, first, beats in BASS:
        for i, step in enumerate((0, 7, 12, 16, 12, 7)[: int(beats)]):
            onset = START + (first + i) * BEAT
            harp.notes.append(pretty_midi.Note(60, pitch + step, onset, onset + 2 * BEAT))
        drum.notes.append(
            pretty_midi.Note(50, 42, START + first * BEAT, START + first * BEAT + 0.1)
        )
    score.instruments = [voice, harp, drum]
    score.write(str(path))


def main() -> None:
    """Make the files of this folder."""
    write_webm(HERE / "test.webm", sing())
    write_midi(HERE / "test.mid")
    for confidence in CONFIDENCES:
        result = retimbre.retimbre_file(HERE / "test.webm", confidence=confidence, seed=3)
        name = f"test_pe_{confidence:.1f}".replace(".", "")
        retimbre.save(HERE / f"{name}.flac", result.y, result.sr, subtype="PCM_16")
        print(f"{name}: {len(result.notes)} notes")
    picture = HERE.parent / "docs" / "result.png"
    picture.parent.mkdir(exist_ok=True)
    retimbre.plot_result(picture, result, *retimbre.load(HERE / "test.webm"))


if __name__ == "__main__":
    main()
