"""How well notes are told back: levels at other pitches, flutter, and louder being brighter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sound_metrics import brightness, level_error, texture_depths
from sound_models import (
    ExportedModel,
    SoundModel,
    generate_images,
    generate_levels,
    generate_plain_images,
)
from sound_notes import NoteSet, RealNotes, Renderer
from sound_table import Row, share

from retimbre.harmonic.correction import Difference, correct, fit_correction
from retimbre.harmonic.image import HOLD_SECONDS, features_to_image
from retimbre.harmonic.measurement import measure_image
from retimbre.harmonic.synthesis import synthesize_plain
from retimbre.harmonic.texture import separate_texture
from retimbre.harmonic.touch import PLAIN_VELOCITY
from retimbre.train.export.palette import describe_sound
from retimbre.units import midi_to_hz

FloatArray = npt.NDArray[np.floating[Any]]
Encode = Callable[[FloatArray, npt.NDArray[np.integer[Any]]], FloatArray]

SOFT, LOUD = 40, 120
OCTAVE = 12


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """Errors of notes that were played from another note's latent.

    Attributes
    ----------
    separated, raw : np.ndarray [shape=(n,), dB]
        Mean level error over the audible partials: against the note whose flutter was separated
        as for training, and against the note as it was measured (NaN where not measured).
    """

    separated: FloatArray
    raw: FloatArray


def rebuild(
    model: SoundModel,
    real: RealNotes,
    sources: NoteSet,
    targets: NoteSet,
    renderer: Renderer | None = None,
    encode: Encode | None = None,
) -> Rebuilt:
    """Encode the sources, play the targets' pitches and velocities, compare with the targets.

    Parameters
    ----------
    model : SoundModel
    real : RealNotes
    sources, targets : NoteSet
        Of one length, the same instrument in each place.
    renderer : Renderer, optional
        Gives the raw references; without it there are none.
    encode : callable, optional
        Hears the sources instead of ``model.encode``.

    Returns
    -------
    rebuilt : Rebuilt
    """
    z = (encode or model.encode)(real.features(sources), sources.pitches)
    made = generate_levels(model, z, targets.pitches, targets.velocities)
    references = real.levels(targets)
    separated, raw = np.full((2, len(targets)), np.nan)
    for i, pitch in enumerate(targets.pitches):
        separated[i] = level_error(made[i], references[i], int(pitch))
        if renderer is not None:
            image = renderer.image(real.label(int(targets.rows[i])))
            raw[i] = level_error(made[i], image[..., 0], int(pitch))
    return Rebuilt(separated, raw)


def corrected_errors(
    model: SoundModel, real: RealNotes, sources: NoteSet, targets: NoteSet
) -> FloatArray:
    """Return level errors of what is played with the sources' corrections [shape=(n,), dB].

    The corrections are those of one note each, heard as `--like` hears it: at no known velocity.
    """
    features = real.features(sources)
    z = model.encode(features, sources.pitches)
    struck = np.full(len(sources), PLAIN_VELOCITY)
    made = generate_plain_images(model, z, sources.pitches, struck)
    wanted = generate_plain_images(model, z, targets.pitches, targets.velocities)
    references = real.levels(targets)
    errors = np.full(len(targets), np.nan)
    for i, (low, high) in enumerate(zip(sources.pitches, targets.pitches, strict=True)):
        note = Difference(int(low), HOLD_SECONDS, features_to_image(features[i]), made[i])
        correction = fit_correction([note])
        image = wanted[i] if correction is None else correct(wanted[i], correction, int(high))
        errors[i] = level_error(image[..., 0], references[i], int(high))
    return errors


def reconstruction_rows(
    model: ExportedModel, real: RealNotes, renderer: Renderer | None, *, n: int, seed: int
) -> list[Row]:
    """Measure cross-pitch and same-pitch reconstruction of unseen and seen instruments."""
    rows = []
    target = "<= 6.6 dB"
    for name, instruments in (("unseen", real.held_out), ("seen", real.trained)):
        pairs = real.draw_pairs(instruments, n, np.random.default_rng([seed, 1]))
        same = pairs[0].by_pitch()
        for what, sources, notes in (("cross-pitch", *pairs), ("same note", same, same)):
            found = rebuild(model, real, sources, notes, renderer)
            rough = rebuild(model, real, sources, notes, encode=model.encode_at_once)
            near = np.abs(sources.pitches - notes.pitches) <= OCTAVE
            told = f"; heard an octave away or less {np.nanmean(found.separated[near]):.2f} dB"
            if what == "cross-pitch":
                corrected = corrected_errors(model, real, sources, notes)
                told += (
                    f"; with the heard note's correction {np.nanmean(corrected):.2f} dB, an octave "
                    f"away or less {np.nanmean(corrected[near]):.2f} dB"
                )
            rows.append(
                Row(
                    f"level error on audible partials, {name} instruments, {what}",
                    f"{np.nanmean(found.separated):.2f} dB",
                    target if (name, what) == ("unseen", "cross-pitch") else "",
                    f"by the encoder alone {np.nanmean(rough.separated):.2f} dB; against the raw "
                    f"image {np.nanmean(found.raw):.2f} dB; {len(notes)} notes of "
                    f"{len(set(notes.instruments.tolist()))} instruments"
                    f"{told if what == 'cross-pitch' else ''}",
                )
            )
    return rows


def noise_excess(made: FloatArray, real: FloatArray, pitches: Sequence[int]) -> FloatArray:
    """Return how much noisier images are than the real ones.

    Parameters
    ----------
    made, real : np.ndarray [shape=(n, 128, 96, 4)]
    pitches : sequence of int [MIDI]

    Returns
    -------
    excess : np.ndarray [shape=(n,), dB]
        Difference of the noise's power re that of the partials, in the first second.
    """
    return np.array(
        [
            describe_sound(a, pitch)["noisiness"] - describe_sound(b, pitch)["noisiness"]
            for a, b, pitch in zip(made, real, pitches, strict=True)
        ]
    )


def measure_noise(
    model: SoundModel, real: RealNotes, instruments: list[int], *, n: int, seed: int
) -> FloatArray:
    """Return how much noisier notes are that the model encoded and played again [shape=(n,)]."""
    notes = real.draw(instruments, n, np.random.default_rng([seed, 11]))
    features = real.features(notes)
    z = model.encode(features, notes.pitches)
    made = generate_images(model, z, notes.pitches, notes.velocities)
    return noise_excess(made, features_to_image(features), notes.pitches.tolist())


def noise_rows(model: SoundModel, real: RealNotes, *, n: int, seed: int) -> list[Row]:
    """Measure how much noisier reconstructions are than the real notes."""
    rows = []
    for name, instruments in (("unseen", real.held_out), ("seen", real.trained)):
        excess = measure_noise(model, real, instruments, n=n, seed=seed)
        rows.append(
            Row(
                f"noise of reconstructions over that of the real notes, {name} instruments",
                f"{excess.mean():+.1f} dB",
                "",
                f"re the partials, first second; mean size of the difference "
                f"{np.abs(excess).mean():.1f} dB, median {np.median(excess):+.1f} dB; "
                f"{len(excess)} notes",
            )
        )
    return rows


def sounding_depths(wave: FloatArray, pitch: int) -> FloatArray:
    """Return the texture depth of each partial of a sound [shape=(48,), dB]."""
    image = separate_texture(measure_image(wave, float(midi_to_hz(pitch))))
    return texture_depths(image, pitch)


@dataclass(frozen=True)
class DepthMatch:
    """How the flutter of some notes compares with that of the real ones.

    Attributes
    ----------
    ratio : float
        Mean depth over the real mean depth, over partials audible in both.
    correlation : float [-1..1]
        Of the depths of all partials of all notes.
    of_notes : float [-1..1]
        Of the notes' mean depths.
    """

    ratio: float
    correlation: float
    of_notes: float


def match_depths(made: Sequence[FloatArray], real: Sequence[FloatArray]) -> DepthMatch:
    """Compare texture depths over the partials that are audible in both.

    Parameters
    ----------
    made, real : sequence of np.ndarray [shape=(48,), dB]
        One a note; NaN where a partial is not audible.

    Returns
    -------
    match : DepthMatch
        NaN where fewer than two notes have anything in common.
    """
    pairs = [
        (a[both], b[both])
        for a, b in zip(made, real, strict=True)
        if (both := np.isfinite(a) & np.isfinite(b)).any()
    ]
    if len(pairs) < 2:
        return DepthMatch(np.nan, np.nan, np.nan)
    points = np.concatenate([np.stack(pair) for pair in pairs], axis=1)
    means = np.array([[a.mean(), b.mean()] for a, b in pairs]).T
    return DepthMatch(
        float(points[0].mean() / points[1].mean()),
        float(np.corrcoef(points)[0, 1]),
        float(np.corrcoef(means)[0, 1]),
    )


def texture_rows(
    model: SoundModel, real: RealNotes, renderer: Renderer, *, n: int, seed: int
) -> list[Row]:
    """Measure how much flutter real notes and their reconstructions have, as sound."""
    rows = []
    for name, instruments in (("unseen", real.held_out), ("seen", real.trained)):
        notes = real.draw(instruments, n, np.random.default_rng([seed, 2])).by_pitch()
        features = real.features(notes)
        z = model.encode(features, notes.pitches)
        images = generate_images(model, z, notes.pitches, notes.velocities)
        pitches = notes.pitches.tolist()
        truth = [
            sounding_depths(renderer.wave(real.label(int(row))), pitch)
            for row, pitch in zip(notes.rows, pitches, strict=True)
        ]
        for what, played in (
            ("reconstructions", images),
            ("their own images, played (no network)", features_to_image(features)),
        ):
            depths = [
                sounding_depths(synthesize_plain(image, pitch), pitch)
                for image, pitch in zip(played, pitches, strict=True)
            ]
            match = match_depths(depths, truth)
            rows.append(
                Row(
                    f"texture of {what} over that of the real notes, {name} instruments",
                    f"{match.ratio:.2f}",
                    "",
                    f"correlation over partials {match.correlation:.2f}, over notes "
                    f"{match.of_notes:.2f}; {len(notes)} notes",
                )
            )
    return rows


def brightness_rows(model: SoundModel, real: RealNotes, *, pitch: int = 60) -> list[Row]:
    """Measure by how much instruments get brighter from velocity 40 to velocity 120."""
    f0 = float(midi_to_hz(pitch))
    z = model.palette.z
    pitches = np.full(len(z), pitch)

    def ratios(play: Callable[..., FloatArray]) -> list[float]:
        soft, loud = (play(model, z, pitches, np.full(len(z), v)) for v in (SOFT, LOUD))
        return [brightness(b, f0) / brightness(a, f0) for a, b in zip(soft, loud, strict=True)]

    rows = []
    for name, found in (
        ("palette", ratios(generate_images)),
        ("palette, by the network alone", ratios(generate_plain_images)),
        ("real presets", real_brightness_ratios(real)),
    ):
        rows.append(
            Row(
                f"brighter at velocity {LOUD} than at {SOFT}, {name}",
                share([ratio > 1.0 for ratio in found]),
                "",
                f"median ratio of the centroids {np.median(found):.2f}, quartiles "
                f"{np.quantile(found, 0.25):.2f} and {np.quantile(found, 0.75):.2f}",
            )
        )
    return rows


def real_brightness_ratios(real: RealNotes, *, low: int = 48, high: int = 72) -> list[float]:
    """Return a ratio for each trained preset that has a soft and a loud note of one key.

    The median over its keys from `low` to `high` (MIDI).
    """
    ratios = []
    for instrument in real.trained:
        rows = real.dataset.notes_of[real.dataset.instruments[instrument]]
        labels = {(real.label(row).pitch, real.label(row).velocity): row for row in rows.tolist()}
        own = []
        for pitch in range(low, high + 1):
            pair = [labels.get((pitch, velocity)) for velocity in (SOFT, LOUD)]
            if None not in pair:
                images = features_to_image(real.dataset.rows(np.array(pair, np.int64)))
                f0 = float(midi_to_hz(pitch))
                own.append(brightness(images[1], f0) / brightness(images[0], f0))
        if own:
            ratios.append(float(np.median(own)))
    return ratios
