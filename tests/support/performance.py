"""Tracks of made-up performances."""

import numpy as np

from retimbre.types import HOP_SECONDS, PitchTrack


class Performance:
    """Builds the track that an ideal tracker would give for notes put one after another."""

    def __init__(self) -> None:
        self.midi: list[np.ndarray] = []
        self.confidence: list[np.ndarray] = []
        self.level: list[np.ndarray] = []
        self.attacks: list[tuple[int, float]] = []

    def _add(self, midi: np.ndarray, confidence: float, level: float) -> "Performance":
        self.midi.append(midi)
        self.confidence.append(np.full(len(midi), confidence))
        self.level.append(np.full(len(midi), level))
        return self

    @property
    def n_frames(self) -> int:
        return sum(map(len, self.midi))

    def note(
        self,
        midi: np.ndarray | float,
        n_frames: int = 0,
        level: float = -20.0,
        attack: float = 0.0,
        confidence: float = 0.9,
    ) -> "Performance":
        if attack:
            self.attacks.append((self.n_frames, attack))
        curve = np.full(n_frames, float(midi)) if np.isscalar(midi) else np.asarray(midi)
        return self._add(curve, confidence, level)

    def rest(self, n_frames: int) -> "Performance":
        return self._add(np.full(n_frames, np.nan), 0.0, -100.0)

    def unvoiced(self, n_frames: int, level: float = -40.0) -> "Performance":
        # A consonant: the tracker gives some pitch, and little confidence in it.
        wild = 50 + 20 * np.random.default_rng(n_frames).random(n_frames)
        return self._add(wild, 0.1, level)

    def track(self) -> PitchTrack:
        midi = np.concatenate(self.midi)
        strength = np.zeros(len(midi))
        for frame, decibels in self.attacks:
            strength[frame] = decibels
        return PitchTrack(
            np.arange(len(midi)) * HOP_SECONDS,
            440 * 2 ** ((midi - 69) / 12),
            np.concatenate(self.confidence),
            np.concatenate(self.level),
            strength,
        )


def vibrato(midi: float, cents: float, hz: float, n_frames: int) -> np.ndarray:
    t = np.arange(n_frames) * HOP_SECONDS
    return midi + cents / 100 * np.sin(2 * np.pi * hz * t)
