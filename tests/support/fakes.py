"""Light stand-ins for the networks, and little recordings for them to work on."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retimbre import generator, latent, pitch
from retimbre.errors import ModelNotFoundError, NoPitchError
from retimbre.generator.palette import Palette
from retimbre.harmonic.synthesis import Sound
from retimbre.instrument import Instrument, Instruments
from retimbre.io.files import whole_file
from retimbre.metering.note import measure_loudness
from retimbre.mixing import velocity_gain_db
from retimbre.settings.params import RenderParams
from retimbre.types import HOP_SECONDS, Melody, Notes, PitchTrack
from retimbre.units import db_to_amplitude, midi_to_hz

SR = 16000
"""Rate of the recordings made here [Hz]."""

FAKE_SR = 8000
"""Rate of the fake generator [Hz]: low, to be quick."""

LOUD, SOFT = 0.5, 0.05
"""Amplitudes; the fake pitch estimator is sure of loud tones and half sure of soft ones."""

SURE, HALF_SURE = 0.9, 0.6


def tones(*notes, sr=SR, gap=0.1):
    """Sing pure tones: (MIDI pitch or None for silence, seconds, amplitude), with gaps."""
    parts = []
    for pitch_, seconds, amplitude in notes:
        n = round(seconds * sr)
        t = np.arange(n) / sr
        tone = np.zeros(n)
        if pitch_ is not None:
            fade = np.clip(np.minimum(t, t[::-1]) / 0.01, 0, 1)
            tone = amplitude * fade * np.sin(2 * np.pi * float(midi_to_hz(pitch_)) * t)
        parts += [tone, np.zeros(round(gap * sr))]
    return np.concatenate(parts).astype(np.float32)


def write_wav(path, y, sr=SR):
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y, sr, subtype="PCM_16")
    return path


def fake_estimate_pitch(y, sr, params, *, progress=None, on_pitch=None):
    """Read the pitch of pure tones off their zero crossings, the confidence off their level."""
    n_frames = int(y.size / sr / HOP_SECONDS) + 1
    times = np.arange(n_frames) * HOP_SECONDS
    f0, confidence, level = np.full(n_frames, np.nan), np.zeros(n_frames), np.full(n_frames, -120.0)
    half = round(0.02 * sr)
    for k, centre in enumerate(np.rint(times * sr).astype(int)):
        frame = y[max(centre - half, 0) : centre + half]
        peak = np.abs(frame).max(initial=0.0)
        rises = np.flatnonzero((frame[:-1] < 0) & (frame[1:] >= 0))
        if peak > SOFT / 4 and len(rises) > 2:
            f0[k] = sr * (len(rises) - 1) / (rises[-1] - rises[0])
            confidence[k] = SURE if peak > 2 * SOFT else HALF_SURE
            level[k] = 20 * np.log10(peak)
    onset_strength = np.maximum(np.diff(level, prepend=level[0]), 0.0)
    if progress is not None:
        progress(0, n_frames)
        progress(n_frames, n_frames)
    return PitchTrack(times, f0, confidence, level, onset_strength)


class FakeGenerator:
    """A generator of plain tones, whose brightness is the first number of z."""

    name = fingerprint = "fake"
    sample_rate = clip_rate = FAKE_SR
    latent_dim = 256
    pitch_range = (36, 84)

    @property
    def instruments(self) -> Palette:
        """Name a dark, a middling and a bright instrument."""
        return Palette(
            Instrument(np.full(256, brightness), name, 1000.0, 0.01, 0.0, -60.0, (36, 84))
            for name, brightness in (("Flute", 0.0), ("Cello", 0.5), ("Glass Harmonics", 2.0))
        )

    def hear(self, recordings: list[tuple[np.ndarray, int, str]], *, name: str) -> Instrument:
        """Hear in loud recordings a bright instrument; nothing in silence."""
        peak = max(float(np.abs(y).max()) for y, _, _ in recordings)
        if peak == 0.0:
            raise NoPitchError(f"{recordings[0][2]} is silent.")
        return Instrument(np.full(256, peak, np.float32), name)

    def even_path(self, instruments: Instruments, notes: Notes) -> Instruments:
        """Change evenly as it is."""
        return instruments

    def perform(
        self,
        melody: Melody,
        path: Instruments,
        params: RenderParams | None = None,
        *,
        seed: int = 0,
        start: float = 0.0,
        stop: float = np.inf,
        progress=None,
        timings=None,
    ) -> Iterator[Sound]:
        notes, z = melody.notes, latent.get_z_notes(melody.notes.onset, path)
        assert z.shape == (len(notes), self.latent_dim)
        heard = (notes.onset < stop) & (notes.offset + 0.3 > start)
        for n_done, k in enumerate(np.flatnonzero(heard), 1):
            n = round((notes.duration[k] + 0.3) * FAKE_SR)
            t = np.arange(n) / FAKE_SR
            phase = 2 * np.pi * float(midi_to_hz(notes.pitch[k])) * t
            noise = 1e-3 * np.random.default_rng([seed, melody.ids[k]]).standard_normal(n)
            tone = np.sin(phase) + np.tanh(z[k, 0]) * np.sin(2 * phase) + noise
            tone *= np.minimum(1, (n - np.arange(n)) / (0.3 * FAKE_SR))
            for key in ("generate", "synthesize"):
                timings[key] = timings.get(key, 0.0) + 0.001
            gain_db = velocity_gain_db(notes.velocity[k]) - measure_loudness(tone, sr=FAKE_SR)
            y = (tone * db_to_amplitude(gain_db)).astype(np.float32)
            yield Sound(round(notes.onset[k] * FAKE_SR), y)
            if progress is not None:
                progress(n_done, int(heard.sum()))


def load_fake_generator(model="default"):
    if model not in ("default", "fake"):
        raise ModelNotFoundError(f"No model named {model!r}; use one of fake.")
    return FakeGenerator()


def install():
    """Put the stand-ins in place for good: for worker processes."""
    generator.load_generator = load_fake_generator
    pitch.estimate_pitch = fake_estimate_pitch


def install_with_a_killer():
    """Do as `install`; an input named ``killer`` ends the process that reads it."""
    _install_with_a_special("killer", lambda path: os._exit(1))


def install_with_a_sleeper():
    """Do as `install`; an input named ``sleeper`` takes minutes while it is being written."""
    _install_with_a_special("sleeper", _sleep)


def _sleep(path):
    with whole_file(path.parent / "unfinished"):
        (path.parent / "asleep").touch()
        time.sleep(200)


def _install_with_a_special(stem, do):
    from retimbre import session

    install()
    analyze_file = session.analyze_file

    def analyze(path, *args, **kwargs):
        if Path(path).stem == stem:
            do(Path(path))
        return analyze_file(path, *args, **kwargs)

    session.analyze_file = analyze


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
