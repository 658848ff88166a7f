"""Decode media files to blocks of samples at their own rate.

Two libraries share the work: libsndfile (soundfile) is exact and fast on what it knows, and
FFmpeg's libraries (PyAV) know everything else. The content decides which of them goes first;
where one stops, the other goes on from there. Nothing that a container says of its duration is
believed: every frame is decoded and counted.
"""

import logging
import os
from collections.abc import Callable, Iterator
from io import FileIO
from typing import TYPE_CHECKING, Any

import numpy as np

from retimbre._typing import FloatArray
from retimbre.errors import DecodeError
from retimbre.io.files import open_input

if TYPE_CHECKING:
    import av

logger = logging.getLogger("retimbre")

CHUNK_FRAMES = 1 << 16
"""Frames of a chunk, about: 1.5 s at 44.1 kHz."""

MIN_SR, MAX_SR = 1_000, 1_000_000
"""Sample rates [Hz] outside are a damaged header; resampling from them would take any memory."""

_SOUNDFILE_FIRST = (b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b"fLaC", b"caff", b".snd")
# Not in that list on purpose: of an Ogg stream with several links libsndfile reads only the
# first, and at a damaged frame of an MP3 its decoder gives up and writes on stderr.

Chunk = tuple[FloatArray, int]
"""Samples, float32 [shape=(n_frames, n_channels)], and their rate [Hz]."""

Decoder = Callable[[FileIO], Iterator[Chunk]]


class _DecoderError(Exception):
    """A decoder cannot go on; the text says why."""


class _NoAudioStreamError(_DecoderError):
    """The container is known and holds no audio."""


def decode_chunks(path: str | os.PathLike[str], *, log_damage: bool = True) -> Iterator[Chunk]:
    """Decode a media file from its start to its end.

    What precedes (and, where a decoder finds on again, follows) a damaged place counts.

    Parameters
    ----------
    path : str or path-like
        Any file that libsndfile or FFmpeg reads; the suffix does not matter.
    log_damage : bool
        Whether a damaged place is reported to the logger ``retimbre``.

    Yields
    ------
    samples : np.ndarray of float32 [shape=(n_frames, n_channels)]
        Finite (NaN and infinite samples become 0); full scale is 1. ``n_channels`` may change
        from chunk to chunk where the file does so.
    sr : int [Hz]
        The same for all chunks.

    Raises
    ------
    ReadError
        If there is no file, or it may not be read.
    DecodeError
        If there is no audio stream or not a single sample in it.
    """
    n_done, sr = 0, 0
    failures: list[_DecoderError] = []
    damage: _DecoderError | None = None
    with open_input(path) as handle:
        for decoder in _decoders_for(handle):
            handle.seek(0)
            try:
                for chunk, rate in _continued(decoder(handle), n_done, sr):
                    n_done, sr = n_done + len(chunk), rate
                    yield _finite(chunk), sr
            except _DecoderError as failure:
                failures.append(failure)
                damage = damage or (failure if n_done else None)
            # PyAV finds on behind a damaged place; libsndfile has nothing to add to it.
            if n_done and (decoder is _av_chunks or damage is None):
                break
    if n_done == 0:
        raise _refusal(path, failures)
    if damage is not None and log_damage:
        logger.warning(
            "%s is damaged (%s); using the %.2f s that can be decoded.",
            os.fspath(path),
            damage,
            n_done / sr,
        )


def _decoders_for(handle: FileIO) -> tuple[Decoder, Decoder]:
    if handle.read(4).startswith(_SOUNDFILE_FIRST):
        return _soundfile_chunks, _av_chunks
    return _av_chunks, _soundfile_chunks


def _continued(chunks: Iterator[Chunk], n_done: int, sr: int) -> Iterator[Chunk]:
    """Leave out the first `n_done` frames, which another decoder gave already at rate `sr`."""
    n_left = n_done
    for chunk, rate in chunks:
        if not MIN_SR <= rate <= MAX_SR:
            raise _DecoderError(f"its header gives a sample rate of {rate} Hz")
        if n_done and rate != sr:
            raise _DecoderError(f"its sample rate is given as {sr} and as {rate} Hz")
        if len(chunk) > n_left:
            yield chunk[n_left:], rate
        n_left = max(0, n_left - len(chunk))


def _finite(chunk: FloatArray) -> FloatArray:
    if np.isfinite(chunk).all():
        return chunk
    return np.nan_to_num(chunk, nan=0.0, posinf=0.0, neginf=0.0)


def _refusal(path: str | os.PathLike[str], failures: list[_DecoderError]) -> DecodeError:
    name = os.fspath(path)
    if any(isinstance(failure, _NoAudioStreamError) for failure in failures):
        return DecodeError(f"{name} has no audio stream.")
    if len(failures) < 2:  # one of the two opened it and came to its end
        return DecodeError(f"{name} contains no samples.")
    reasons = [str(failure) for failure in failures]
    # What libraries say of any file that is not theirs; the other's reason may say more.
    vague = ("Format not recognised", "Invalid data", "End of file", "Internal error")
    telling = [reason for reason in reasons if not reason.startswith(vague)]
    reason = telling[0] if telling else "its format is unknown, or it is damaged"
    return DecodeError(f"{name} cannot be read as audio: {reason}.")


def _soundfile_chunks(handle: FileIO) -> Iterator[Chunk]:
    import soundfile

    try:
        # By descriptor: soundfile would take the suffix .raw for headerless samples.
        with soundfile.SoundFile(handle.fileno(), closefd=False) as source:
            while len(chunk := source.read(CHUNK_FRAMES, dtype="float32", always_2d=True)):
                yield chunk, int(source.samplerate)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        raise _DecoderError(reason.replace(". ", ": ")) from error


def _av_chunks(handle: FileIO) -> Iterator[Chunk]:
    import av

    try:
        # A playlist may name other files or addresses: no protocol may be opened.
        options = {"protocol_whitelist": "none"}
        with av.open(handle, "r", options=options, **_tag_options(av.__version__)) as container:
            if not container.streams.audio:
                raise _NoAudioStreamError("no audio stream")
            yield from _batched(_at_one_rate(_av_frames(container)))
    except av.FFmpegError as error:
        raise _DecoderError(error.strerror or str(error)) from error


def _tag_options(version: str) -> dict[str, Any]:
    """Return what makes PyAV open a file whose tags are not UTF-8: they do not matter here.

    PyAV 18 and older refuse such a file unless told otherwise; 19 opens it and has no option.
    """
    return {"metadata_errors": "replace"} if int(version.split(".")[0]) < 19 else {}


def _av_frames(container: "av.container.InputContainer") -> Iterator["av.AudioFrame"]:
    """Decode the first audio stream; after a damaged packet go on with the next."""
    import av

    damage: av.FFmpegError | None = None
    # The last packet that comes is empty and flushes the decoder.
    for packet in container.demux(container.streams.audio[0]):
        try:
            yield from packet.decode()
        except av.FFmpegError as error:
            damage = damage or error
    if damage is not None:
        raise damage


def _at_one_rate(frames: Iterator["av.AudioFrame"]) -> Iterator[Chunk]:
    """Take frames to arrays, and those of another rate than the first's to the first's."""
    import av

    resampler: av.AudioResampler | None = None
    sr, previous = 0, None
    for frame in frames:
        sr = sr or frame.sample_rate
        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        if kind != previous:
            yield from _flushed(resampler, sr)
            previous, resampler = kind, None
            if frame.sample_rate != sr:
                resampler = av.AudioResampler("fltp", frame.layout, sr)
        for converted in [frame] if resampler is None else resampler.resample(frame):
            yield _samples_of(converted), sr
    yield from _flushed(resampler, sr)


def _flushed(resampler: "av.AudioResampler | None", sr: int) -> Iterator[Chunk]:
    for frame in [] if resampler is None else resampler.resample(None):
        yield _samples_of(frame), sr


def _samples_of(frame: "av.AudioFrame") -> FloatArray:
    """Return the samples of a frame, planar or packed, of any sample format, as float32."""
    samples = frame.to_ndarray()
    n_channels = len(frame.layout.channels)
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, n_channels)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128.0) / 128.0
    if samples.dtype.kind == "i":
        full_scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
        return np.asarray(samples / full_scale, dtype=np.float32)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, then 0
        return samples.astype(np.float32, copy=False)


def _batched(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Join small chunks (a codec's frames) to ones of about `CHUNK_FRAMES`."""
    import av

    held: list[FloatArray] = []
    sr = 0
    try:
        for chunk, rate in chunks:
            is_full = sum(map(len, held)) >= CHUNK_FRAMES
            if held and (is_full or held[0].shape[1] != chunk.shape[1]):
                yield np.concatenate(held), sr
                held = []
            held, sr = [*held, chunk], rate
    except av.FFmpegError:
        if held:
            yield np.concatenate(held), sr  # what came before it counts
        raise
    if held:
        yield np.concatenate(held), sr
