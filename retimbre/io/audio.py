"""Load, save and resample audio.

Conventions: `y` is float32 of shape (n,), full scale is 1; `sr` is in Hz and always goes with
it. A stream of blocks holds the same samples as the whole clip, in order; so an hour of audio
can be read, resampled and written without standing in memory twice.
"""

import itertools
import logging
import os
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.errors import ParameterError, WriteError
from retimbre.io.decoding import Chunk, decode_chunks
from retimbre.io.files import append_byte, whole_file
from retimbre.io.formats import format_of, long_enough
from retimbre.runtime import single_threaded_blas

logger = logging.getLogger("retimbre")

SILENT_CHANNEL_DB = -40.0
"""A channel so far under the loudest [dB] has no part in the mono mix: crosstalk, hiss."""

CANCELLED_DB = -6.0
"""A mix that loses this much [dB] against its channels' powers is no mix: they are opposed."""

_OPUS_SR = 48_000
_HIGHEST_SR = 48_000
_REDUCED_SR = 44_100
_WRITE_FRAMES = 1 << 16

ChannelWeights = dict[int, FloatArray]
"""By number of channels: how much of each goes into the mono mix [shape=(n_channels,)]."""


@single_threaded_blas
def load(
    path: str | os.PathLike[str], *, start: float = 0.0, duration: float | None = None
) -> tuple[FloatArray, int]:
    """Read a media file as mono samples at its own rate.

    Parameters
    ----------
    path : str or path-like
        Any file that libsndfile or FFmpeg reads; the suffix does not matter.
    start : float [seconds, >= 0]
        Where to begin.
    duration : float or None [seconds, > 0]
        How much to read; None reads to the end, and so does more than there is.

    Returns
    -------
    y : np.ndarray of float32 [shape=(n,)]
        The mono mix, see `stream_blocks`. With `start` and `duration` it is exactly that part
        of the whole clip.
    sr : int [Hz]

    Raises
    ------
    ReadError
        If the file does not exist or may not be read; names the file and what is wrong with it.
    DecodeError
        If it holds no audio. Of a damaged file what can be decoded is returned and the damage is
        logged.
    ParameterError
        If `start` or `duration` is out of range, or nothing of the clip lies behind `start`.
    """
    if not (np.isfinite(start) and start >= 0.0):
        raise ParameterError(f"The start must be >= 0 seconds, given {start}.")
    if duration is not None and not duration > 0.0:
        raise ParameterError(f"The duration must be > 0 seconds, given {duration}.")
    sr, blocks = stream_blocks(path, 1.0)
    first = round(start * sr)
    n_samples = None if duration is None or np.isinf(duration) else max(1, round(duration * sr))
    y = _gathered(_between(blocks, first, n_samples))
    if len(y) == 0:
        raise ParameterError(f"{os.fspath(path)} ends before the start at {start} s.")
    return y, sr


@single_threaded_blas
def load_reduced(path: str | os.PathLike[str]) -> tuple[FloatArray, int, int]:
    """Read a media file as `load` does, in memory that does not grow with its sample rate.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    y : np.ndarray of float32 [shape=(n,)]
        A file above 48 kHz is resampled to 44.1 kHz while it is read.
    sr : int [Hz]
        The rate of `y`.
    file_sr : int [Hz]
        The rate of the file.

    Raises
    ------
    ReadError, DecodeError
        As `load` raises.
    """
    file_sr, blocks = stream_blocks(path, 1.0)
    if file_sr <= _HIGHEST_SR:
        return _gathered(blocks), file_sr, file_sr
    return _gathered(resample_blocks(blocks, file_sr, _REDUCED_SR)), _REDUCED_SR, file_sr


def stream_blocks(
    path: str | os.PathLike[str], block_seconds: float = 30.0
) -> tuple[int, Iterator[FloatArray]]:
    """Read a media file as mono blocks, in memory that does not grow with its length.

    The mono mix is the mean over the channels that are not silent, so a voice in one channel of
    two keeps its level. If the channels cancel (one is the other's negative), the loudest is
    taken alone. Both are decided once for the whole file, which a file of several channels
    pays with being decoded twice.

    Parameters
    ----------
    path : str or path-like
        Any file that libsndfile or FFmpeg reads; the suffix does not matter.
    block_seconds : float [seconds, > 0]
        Length of a block.

    Returns
    -------
    sr : int [Hz]
    blocks : iterator of np.ndarray of float32 [shape=(block_seconds * sr,)]
        One after the other; the last may be shorter, none is empty. NaN and infinite samples
        are 0.

    Raises
    ------
    ReadError, DecodeError
        If the file does not exist or holds no audio.
    ParameterError
        If `block_seconds` is not positive.
    """
    if not (np.isfinite(block_seconds) and block_seconds > 0.0):
        raise ParameterError(f"Blocks must be longer than 0 seconds, given {block_seconds}.")
    chunks = decode_chunks(path)
    first = next(chunks)  # raises what is wrong with the file
    samples, sr = first
    is_mono = samples.shape[1] == 1
    weights = {} if is_mono else _channel_weights(decode_chunks(path, log_damage=False))
    mono = _mixed(itertools.chain([first], chunks), weights)
    return sr, _reblocked(mono, max(1, round(block_seconds * sr)))


def resample(y: npt.ArrayLike, sr: int, target_sr: int) -> FloatArray:
    """Take samples to another rate (soxr, high quality; no delay).

    Parameters
    ----------
    y : array_like [shape=(n,)]
    sr, target_sr : int [Hz, > 0]
        The rate of `y` and the wanted one.

    Returns
    -------
    resampled : np.ndarray of float32 [shape=(round(n * target_sr / sr),)]
        `y` itself (as float32) if the rates are equal.

    Raises
    ------
    ParameterError
        If `y` is not one-dimensional or a rate is not positive.
    """
    import soxr

    samples = _checked_samples(y)
    _check_rates(sr, target_sr)
    if sr == target_sr:
        return samples
    return np.asarray(soxr.resample(samples, sr, target_sr), dtype=np.float32)


def resample_blocks(blocks: Iterable[FloatArray], sr: int, target_sr: int) -> Iterator[FloatArray]:
    """Take a stream of blocks to another rate; joined, it is what `resample` gives.

    Parameters
    ----------
    blocks : iterable of np.ndarray of float32 [shape=(n,)]
        Consecutive parts of one clip, as `stream_blocks` gives them.
    sr, target_sr : int [Hz, > 0]
        The rate of the blocks and the wanted one.

    Yields
    ------
    block : np.ndarray of float32 [shape=(m,)]
        Not empty; their lengths do not follow those of the input.

    Raises
    ------
    ParameterError
        If a block is not one-dimensional or a rate is not positive.
    """
    import soxr

    _check_rates(sr, target_sr)
    stream = soxr.ResampleStream(sr, target_sr, 1, dtype="float32")
    for block in blocks:
        resampled = stream.resample_chunk(_checked_samples(block))
        if len(resampled):
            yield resampled
    rest = stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
    if len(rest):
        yield rest


def save(
    path: str | os.PathLike[str], y: npt.ArrayLike, sr: int, *, subtype: str | None = None
) -> None:
    """Write mono samples to an audio file; the file appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The suffix chooses the format: one of `FORMATS`. Opus knows few rates; anything else
        than 48 kHz is resampled to it. A WAV file larger than 4 GiB becomes RF64.
    y : array_like [shape=(n,), full scale 1]
        Finite; samples beyond full scale are clipped, which is logged.
    sr : int [Hz, > 0]
    subtype : str or None
        libsndfile's name of the sample format, as "PCM_16" or "FLOAT"; None takes 24-bit PCM,
        or the one codec of a lossy format.

    Raises
    ------
    ParameterError
        If the suffix or subtype cannot be written, `y` is not one-dimensional and finite, or an
        AIFF file would be larger than 4 GiB.
    WriteError
        If the folder does not exist, or writing fails.
    """
    import soundfile

    samples = _checked_samples(y)
    _check_rates(sr, sr)
    file_format, default_subtype = format_of(path)
    subtype = subtype or default_subtype
    if not soundfile.check_format(file_format, subtype):
        known = ", ".join(soundfile.available_subtypes(file_format))
        raise ParameterError(f"{file_format} cannot hold {subtype!r}; use one of {known}.")
    file_format = long_enough(path, file_format, subtype, len(samples))
    starts = range(0, len(samples), _WRITE_FRAMES)
    blocks: Iterable[FloatArray] = (samples[i : i + _WRITE_FRAMES] for i in starts)
    if subtype == "OPUS" and sr != _OPUS_SR:
        blocks, sr = resample_blocks(blocks, sr, _OPUS_SR), _OPUS_SR
    is_clipping = subtype not in ("FLOAT", "DOUBLE")
    with whole_file(path) as temporary:
        try:
            with soundfile.SoundFile(temporary, "w", sr, 1, subtype, format=file_format) as sink:
                for block in _audited(blocks, path, warn_above_full_scale=is_clipping):
                    sink.write(block)
        except soundfile.LibsndfileError as error:
            append_byte(temporary)  # libsndfile does not say that a disk is full
            raise WriteError(
                f"{os.fspath(path)} cannot be written: {error.error_string.rstrip('.')}."
            ) from error


@single_threaded_blas
def _channel_weights(chunks: Iterable[Chunk]) -> ChannelWeights:
    """Measure every channel of a file and choose the mono mix of each number of channels."""
    n_frames: dict[int, int] = {}
    sums: dict[int, FloatArray] = {}
    products: dict[int, FloatArray] = {}
    for chunk, _ in chunks:
        samples = chunk.astype(np.float64)
        n = samples.shape[1]
        n_frames[n] = n_frames.get(n, 0) + len(samples)
        sums[n] = sums.get(n, np.zeros(n)) + samples.sum(axis=0)
        products[n] = products.get(n, np.zeros((n, n))) + samples.T @ samples
    return {
        n: _mono_weights(products[n] / total - np.outer(sums[n], sums[n]) / total**2)
        for n, total in n_frames.items()
    }


def _mono_weights(covariance: FloatArray) -> FloatArray:
    """Choose the part of each channel in the mono mix from the covariance of the channels.

    Equal parts of the channels within 40 dB of the loudest, or the loudest alone where that
    mean would cancel; the sum is 1.
    """
    power = np.maximum(np.diagonal(covariance), 0.0)  # rounding may leave less than nothing
    is_heard = power >= power.max() * 10.0 ** (SILENT_CHANNEL_DB / 10.0)
    weights = is_heard / np.count_nonzero(is_heard)
    # Channels that have nothing to do with each other would add up to this power.
    unrelated = weights**2 @ power
    if weights @ covariance @ weights < unrelated * 10.0 ** (CANCELLED_DB / 10.0):
        weights = np.arange(len(power)) == np.argmax(power)
    return np.asarray(weights, dtype=np.float32)


def _mixed(chunks: Iterable[Chunk], weights: ChannelWeights) -> Iterator[FloatArray]:
    for samples, _ in chunks:
        n_channels = samples.shape[1]
        equal = np.full(n_channels, 1.0 / n_channels, dtype=np.float32)
        with single_threaded_blas:
            mixed = samples @ weights.get(n_channels, equal)
        yield mixed


def _reblocked(pieces: Iterable[FloatArray], n_block: int) -> Iterator[FloatArray]:
    """Join and cut pieces to blocks of `n_block` samples; the last may be shorter."""
    block, n_filled = np.empty(n_block, dtype=np.float32), 0
    for piece in pieces:
        while len(piece):
            n = min(n_block - n_filled, len(piece))
            block[n_filled : n_filled + n] = piece[:n]
            n_filled, piece = n_filled + n, piece[n:]
            if n_filled == n_block:
                yield block
                block, n_filled = np.empty(n_block, dtype=np.float32), 0
    if n_filled:
        yield block[:n_filled].copy()


def _between(
    blocks: Iterable[FloatArray], first: int, n_samples: int | None
) -> Iterator[FloatArray]:
    """Yield the samples from `first` on, `n_samples` of them or all."""
    position = 0
    for block in blocks:
        begin = max(first - position, 0)
        end = len(block) if n_samples is None else first + n_samples - position
        if end <= 0:
            return
        if begin < len(block):
            yield block[begin:end]
        position += len(block)


def _gathered(blocks: Iterable[FloatArray]) -> FloatArray:
    """Join blocks in one array that grows by a quarter, never holding them twice."""
    y, n = np.empty(0, dtype=np.float32), 0
    for block in blocks:
        if n + len(block) > len(y):
            y.resize(max(n + len(block), len(y) + len(y) // 4), refcheck=False)
        y[n : n + len(block)] = block
        n += len(block)
    y.resize(n, refcheck=False)
    return y


def _audited(
    blocks: Iterable[FloatArray], path: str | os.PathLike[str], *, warn_above_full_scale: bool
) -> Iterator[FloatArray]:
    """Pass blocks on; refuse what is not finite, and say how far full scale was exceeded."""
    peak = 0.0
    for block in blocks:
        if not np.isfinite(block).all():
            raise ParameterError("Audio to be saved must be finite; it holds NaN or infinity.")
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        yield block
    if peak > 1.0 and warn_above_full_scale:
        over_db = 20.0 * np.log10(peak)
        logger.warning("%s is clipped: it exceeds full scale by %.2f dB.", path, over_db)


def _checked_samples(y: npt.ArrayLike) -> FloatArray:
    samples = np.ascontiguousarray(y, dtype=np.float32)
    if np.ndim(y) != 1:
        raise ParameterError(f"Audio must be of shape (n,), given {np.shape(y)}; mix it first.")
    return samples


def _check_rates(sr: int, target_sr: int) -> None:
    if not (sr > 0 and target_sr > 0):
        raise ParameterError(f"Sample rates must be > 0 Hz, given {sr} and {target_sr}.")
