"""The peers that the notes are measured against, each with its weights and its own note step.

- swift-f0 (`pip install swift-f0`): its detector and its `segment_notes`, with its defaults.
- Basic Pitch (`pip install --no-deps basic-pitch resampy`): its ONNX model through its own
  inference and note creation, with its defaults. It is polyphonic; `monophonic` is the simple
  choice that helps it on solo recordings: of notes that sound together the strongest stays.

- crepe_notes (`pip install --no-build-isolation madmom`, with Cython and numpy at hand, then
  `pip install --no-deps crepe_notes librosa pretty_midi`): its segmentation with its defaults, of
  our own pitch track, which it reads as a CSV of time, frequency and confidence; frames without a
  pitch stand in it as 0. madmom needs numpy before 1.24, so that it lives in an environment of its
  own and only `notes_by_worker` reaches it.

A peer is a function (y, sr) -> (intervals [shape=(n, 2), seconds], pitch_hz [shape=(n,), Hz]).

    python benchmarks/peers.py NAME FOLDER

runs one of them on each ``<clip>.wav`` of a folder, with ``<clip>.csv`` beside it, and writes
``<clip>.npz``; it imports nothing of retimbre, so that any interpreter will do.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import subprocess
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


PEER_SR = 44100

PEERS: dict[str, Peer] = {
    "swift-f0": swift_f0_notes,
    "Basic Pitch": basic_pitch_notes,
    "Basic Pitch, monophonic": functools.partial(basic_pitch_notes, monophonic=True),
}


def crepe_notes_of(audio: Path) -> NotesHz:
    """Find the notes of a recording with crepe_notes and the pitch track beside it."""
    import pretty_midi

    library = _crepe_notes()
    frequency, confidence = library.parse_f0(audio.with_suffix(".csv"))
    with contextlib.redirect_stdout(io.StringIO()):
        made = library.process(frequency, confidence, audio, use_cwd=False)
    notes = [note for part in pretty_midi.PrettyMIDI(made).instruments for note in part.notes]
    intervals = np.array([(n.start, n.end) for n in notes]).reshape(-1, 2)
    keys = np.array([n.pitch for n in notes], dtype=np.float64)
    return intervals, 440.0 * 2.0 ** ((keys - 69.0) / 12.0)


@functools.cache
def _crepe_notes() -> Any:
    # madmom looks for classes where Python had them before 3.10.
    import collections
    import collections.abc

    for name in ("MutableSequence", "Iterable", "Mapping"):
        setattr(collections, name, getattr(collections.abc, name))
    from crepe_notes import crepe_notes

    return crepe_notes


WITH_TRACK: dict[str, Callable[[Path], NotesHz]] = {"crepe_notes": crepe_notes_of}
"""Peers that are given our pitch track."""


def peer_names() -> list[str]:
    """Return the names of all peers."""
    return [*PEERS, *WITH_TRACK]


def notes_by_worker(
    name: str, clips: list[tuple[npt.NDArray[np.float32], int, Any]], python: Path
) -> list[NotesHz] | None:
    """Run a peer in another process.

    Parameters
    ----------
    name : str
        One of `peer_names`.
    clips : list of (np.ndarray [shape=(n_samples,)], int [Hz], PitchTrack)
    python : Path
        The interpreter that has the peer.

    Returns
    -------
    notes : list of NotesHz, or None if the interpreter does not have the peer.
    """
    import soundfile

    from retimbre.io.audio import resample

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"clip{i:04d}.wav" for i in range(len(clips))]
        for path, (y, sr, track) in zip(paths, clips, strict=True):
            # madmom reads no other rate without ffmpeg.
            soundfile.write(path, resample(y, sr, PEER_SR), PEER_SR, subtype="PCM_16")
            columns = np.stack([track.times, np.nan_to_num(track.f0), track.confidence], axis=1)
            head = {"header": "time,frequency,confidence", "comments": ""}
            np.savetxt(path.with_suffix(".csv"), columns, "%10.7f", ",", **head)
        command = [str(python), str(Path(__file__).resolve()), name, folder]
        run = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if "ModuleNotFoundError" in run.stderr:
            return None
        if run.returncode:
            raise RuntimeError(f"{name} failed: {run.stderr[-2000:]}")
        return [_read_notes(path.with_suffix(".npz")) for path in paths]


def _read_notes(path: Path) -> NotesHz:
    with np.load(path) as arrays:
        return arrays["intervals"], arrays["pitch_hz"]


def main() -> None:
    """Run a peer on the clips of a folder."""
    import soundfile

    name, folder = sys.argv[1], Path(sys.argv[2])
    for path in sorted(folder.glob("*.wav")):
        if name in WITH_TRACK:
            intervals, pitch_hz = WITH_TRACK[name](path)
        else:
            intervals, pitch_hz = PEERS[name](*soundfile.read(path, dtype="float32"))
        np.savez(path.with_suffix(".npz"), intervals=intervals, pitch_hz=pitch_hz)


if __name__ == "__main__":
    main()
