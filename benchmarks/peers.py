"""The peers that the notes are measured against, each with its weights and its own note step.

- swift-f0 (`pip install swift-f0`): its detector and its `segment_notes`, with its defaults.
- Basic Pitch (`pip install --no-deps basic-pitch resampy`): its ONNX model through its own
  inference and note creation, with its defaults. It is polyphonic; `monophonic` is the simple
  choice that helps it on solo recordings: of notes that sound together the strongest stays.

A peer is a function (y, sr) -> (intervals [shape=(n, 2), seconds], pitch_hz [shape=(n,), Hz]).
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
NotesHz = tuple[FloatArray, FloatArray]
Peer = Callable[[npt.NDArray[np.float32], int], NotesHz]


def swift_f0_notes(y: npt.NDArray[np.float32], sr: int, *, pitch_hold_ms: float = 80.0) -> NotesHz:
    """Find notes with swift-f0."""
    import swift_f0

    notes = swift_f0.segment_notes(_swift_detector().detect(y, sr), pitch_hold_ms=pitch_hold_ms)
    intervals = np.array([(n.start, n.end) for n in notes]).reshape(-1, 2)
    return intervals, np.array([n.pitch_hz for n in notes])


def basic_pitch_notes(y: npt.NDArray[np.float32], sr: int, *, monophonic: bool = False) -> NotesHz:
    """Find notes with Basic Pitch; `monophonic` keeps the strongest of overlapping notes."""
    import soundfile

    inference, model = _basic_pitch_model()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        soundfile.write(path, y, sr, subtype="FLOAT")
        with contextlib.redirect_stdout(io.StringIO()):  # it reports each file there
            _, _, events = inference.predict(path, model)
    rows = sorted((float(e[0]), float(e[1]), int(e[2]), float(e[3])) for e in events)
    if monophonic:
        rows = _strongest_voice(rows)
    intervals = np.array([(start, end) for start, end, _, _ in rows]).reshape(-1, 2)
    keys = np.array([key for _, _, key, _ in rows], dtype=np.float64)
    return intervals, 440.0 * 2.0 ** ((keys - 69.0) / 12.0)


def _strongest_voice(
    rows: list[tuple[float, float, int, float]],
) -> list[tuple[float, float, int, float]]:
    """Drop each note that lies for more than half its length under a stronger one."""
    kept: list[tuple[float, float, int, float]] = []
    for row in sorted(rows, key=lambda r: -r[3]):
        start, end = row[:2]
        covered = sum(max(0.0, min(end, k[1]) - max(start, k[0])) for k in kept)
        if covered <= 0.5 * (end - start):
            kept.append(row)
    return sorted(kept)


@functools.cache
def _swift_detector() -> Any:
    import swift_f0

    return swift_f0.SwiftF0(threads=2)


@functools.cache
def _basic_pitch_model() -> tuple[Any, Any]:
    # With TensorFlow importable, Basic Pitch first tries to read the ONNX file as a SavedModel.
    hidden = {name: sys.modules.get(name) for name in ("tensorflow",)}
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        import basic_pitch
        from basic_pitch import inference
    finally:
        logging.root.setLevel(level)
        for name, module in hidden.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
    folder = Path(basic_pitch.__file__).parent / "saved_models" / "icassp_2022"
    return inference, inference.Model(folder / "nmp.onnx")


PEERS: dict[str, Peer] = {
    "swift-f0": swift_f0_notes,
    "Basic Pitch": basic_pitch_notes,
    "Basic Pitch, monophonic": functools.partial(basic_pitch_notes, monophonic=True),
}
