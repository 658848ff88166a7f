"""The palette of a model: every trained instrument by name, where it lies and how it sounds."""

from collections import Counter
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import numpy as np

from retimbre._typing import FloatArray, IntArray
from retimbre.harmonic import image as harmonic
from retimbre.harmonic.layout import BIN_COUNTS, instrument_level
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.networks.prior import unit_rows
from retimbre.units import midi_to_hz

Encode = Callable[[FloatArray, IntArray], FloatArray]
Generate = Callable[[FloatArray, IntArray, FloatArray], FloatArray]

NOTES_PER_INSTRUMENT = 48
DESCRIBED_PITCH = 60
DESCRIBED_VELOCITY = 80
ATTACKED_DB = -3.0
HEARD_DB = 60.0
GONE_DB_PER_SECOND = 600.0
Z_DIGITS = 4


def encode_instruments(dataset: Dataset, instruments: list[int], encode: Encode) -> FloatArray:
    """Return the direction of every instrument: the mean over some of its notes.

    Parameters
    ----------
    dataset : Dataset
    instruments : list of int
        Indices into ``dataset.instruments``.
    encode : callable
        (features, MIDI pitches) -> z, as the encoder.

    Returns
    -------
    directions : np.ndarray of float32 [shape=(n_instruments, latent_dim)]
        Unit vectors, as exact as ``palette.json`` writes them.
    """
    directions = []
    for instrument in instruments:
        rows = dataset.notes_of[dataset.instruments[instrument]]
        rows = rows[:: max(1, len(rows) // NOTES_PER_INSTRUMENT)]
        notes = dataset.notes(rows)
        directions.append(unit_rows(encode(notes.features, notes.pitches)).mean(axis=0))
    found = unit_rows(np.stack(directions))
    written = np.round(found * np.sqrt(found.shape[1]), Z_DIGITS)
    return unit_rows(written).astype(np.float32)


def describe_palette(
    dataset: Dataset, instruments: list[int], directions: FloatArray, generate: Generate
) -> list[dict[str, Any]]:
    """Return the entries of ``palette.json``.

    Parameters
    ----------
    dataset : Dataset
    instruments : list of int
    directions : np.ndarray [shape=(n_instruments, latent_dim)]
        Unit vectors.
    generate : callable
        (z, MIDI pitches, velocities 0..1) -> features (n, 128, 288).

    Returns
    -------
    entries : list of dict
        name, z (rms 1), the descriptors of `describe_sound` at middle C and velocity 80, range
        (lowest and highest MIDI pitch trained on), source, bank, program, licence.
    """
    z = directions * np.sqrt(directions.shape[1])
    pitches = np.full(len(z), DESCRIBED_PITCH)
    velocities = np.full(len(z), DESCRIBED_VELOCITY / 127.0, np.float32)
    images = harmonic.features_to_image(generate(z.astype(np.float32), pitches, velocities))
    names = unique_names([dataset.instruments[i] for i in instruments])
    entries = []
    for name, instrument, vector, image in zip(names, instruments, z, images, strict=True):
        key = dataset.instruments[instrument]
        pitches = dataset.pitches[dataset.notes_of[key]]
        entries.append(
            {
                "name": name,
                **describe_sound(image, DESCRIBED_PITCH),
                "range": [int(pitches.min()), int(pitches.max())],
                "source": key.source,
                "bank": key.bank,
                "program": key.program,
                "licence": dataset.label_of(instrument).licence,
                "z": [round(float(value), Z_DIGITS) for value in vector],
            }
        )
    return entries


def unique_names(keys: list[InstrumentKey]) -> list[str]:
    """Name instruments: by their own name, or with their source where that is taken.

    >>> flutes = [InstrumentKey(source, 0, 73, "Flute") for source in ("A.sf2", "B_1.sf2")]
    >>> unique_names(flutes)
    ['Flute', 'Flute (B)']
    """
    names: list[str] = []
    taken: Counter[str] = Counter()
    for key in keys:
        own = " ".join(key.name.split()) or "Unnamed"
        source = PurePath(key.source).stem.split("_")[0]
        choices = [own, f"{own} ({source})", f"{own} ({source} {key.bank}:{key.program})"]
        free = [choice for choice in choices if not taken[choice.casefold()]]
        name = free[0] if free else f"{choices[-1]} {taken[own.casefold()]}"
        taken.update({name.casefold(), own.casefold()})
        names.append(name)
    return names


def describe_sound(image: FloatArray, pitch: float) -> dict[str, float]:
    """Describe a note image in a few numbers.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
    pitch : float [MIDI]

    Returns
    -------
    descriptors : dict
        brightness : spectral centroid of the first second in Hz;
        attack : seconds from the onset until within 3 dB of the loudest moment;
        decay : dB a second from there until the release, 0 for a sustained note;
        noisiness : power of the noise over that of the partials in dB, first second.
    """
    f0 = float(midi_to_hz(pitch))
    # The attack's frames are closer together than the others.
    seconds = np.gradient(harmonic.FRAME_TIMES) * (harmonic.FRAME_TIMES < 1.0)
    power, density = (
        (seconds / seconds.sum()) @ 10.0 ** (image[..., channel].astype(np.float64) / 10.0)
        for channel in (0, 2)
    )
    power = power * BIN_COUNTS
    attack, decay = _envelope(instrument_level(image))
    noisiness = _noise_power(density, f0) / max(0.5 * float(power.sum()), 1e-12)
    return {
        "brightness": round(f0 * float(power @ harmonic.BIN_PARTIALS / power.sum()), 0),
        "attack": round(attack, 3),
        "decay": round(max(decay, 0.0), 1),
        "noisiness": round(10.0 * float(np.log10(max(noisiness, 1e-12))), 1),
    }


def _envelope(level: FloatArray) -> tuple[float, float]:
    """Return when a note is nearly at its loudest, and how fast it falls after that."""
    held = harmonic.FRAME_TIMES < harmonic.HOLD_SECONDS - 0.1
    loudest = level[held].max()
    attack = float(harmonic.FRAME_TIMES[np.argmax(level >= loudest + ATTACKED_DB)])
    later = held & (harmonic.FRAME_TIMES - attack >= 0.1) & (level > loudest - HEARD_DB)
    if later.sum() <= 4:
        return attack, GONE_DB_PER_SECOND
    return attack, -float(np.polyfit(harmonic.FRAME_TIMES[later], level[later], 1)[0])


def _noise_power(density: FloatArray, f0: float) -> float:
    """Return the power of noise: each bin has the density of white noise over its band."""
    nyquist = 0.5 * harmonic.SAMPLE_RATE
    inner = np.sqrt(harmonic.BIN_PARTIALS[1:] * harmonic.BIN_PARTIALS[:-1])
    edges = np.minimum(np.concatenate([[0.5], inner, harmonic.BIN_PARTIALS[-1:]]) * f0, nyquist)
    return float(density @ np.diff(edges) / nyquist)
