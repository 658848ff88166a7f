"""Viterbi decoding of pitch bins, frame by frame in bounded memory.

From one frame to the next the pitch moves by less than `REACH` bins, with a probability that falls
linearly with the distance, as in the original CREPE [1]_, or it jumps anywhere with a small
probability, the same for all bins:

``p(j | i) = max((1 - jump) * max(REACH - |i - j|, 0) / norm_i, jump / n_bins)``.

Without jumps the path has to glide over intervals larger than 2.2 semitones and is wrong on the
way, 50 ms for an octave. With them it follows a leap of the melody at once, and it still passes
over a wrong octave that lasts a few frames.

The paths that end in the different bins of a frame share their past: traced back, they soon meet.
What lies before is decided, is handed out and forgotten.

References
----------
.. [1] J. W. Kim, J. Salamon, P. Li, J. P. Bello, "CREPE: A Convolutional Representation for Pitch
   Estimation", ICASSP 2018.
"""

import numpy as np

from retimbre._typing import BoolArray, Float64Array, IndexArray

REACH = 12
"""The pitch moves by less than so many bins a frame, or it jumps."""

# Frames kept undecided at most. Paths meet within some tens of frames; this is a bound on memory.
_MAX_PENDING = 4096


class ViterbiPath:
    """The most probable path through frames that come in blocks.

    Parameters
    ----------
    n_bins : int [>= 1]
    jump : float [0..1)
        Probability that the pitch jumps from one frame to the next.
    """

    def __init__(self, n_bins: int, jump: float) -> None:
        self._bins = np.arange(n_bins)
        distances = np.abs(self._bins[:, None] - self._bins)
        self._log_norm = np.log(np.maximum(REACH - distances, 0).sum(axis=1))
        steps = np.abs(np.arange(-REACH + 1, REACH))
        self._log_step = np.log((REACH - steps) * (1.0 - jump))
        self._log_jump = np.log(jump / n_bins) if jump > 0 else -np.inf
        # Scores of the bins, with margins that no path comes from, and each bin's surroundings.
        self._departing = np.full(n_bins + len(steps) - 1, -np.inf)
        self._near = np.lib.stride_tricks.sliding_window_view(self._departing, len(steps))
        self._scores: Float64Array | None = None
        # For each pending frame the best bin before each of its bins [shape=(n_bins,)].
        self._sources: list[IndexArray] = []

    def push(self, log_likelihood: Float64Array, is_silent: BoolArray) -> IndexArray:
        """Take a block of frames and return the part of the path that is now decided.

        Parameters
        ----------
        log_likelihood : np.ndarray [shape=(n_frames, n_bins)]
            Of what is observed, if the pitch lies in the bin; any constant may be added to a row.
        is_silent : np.ndarray of bool [shape=(n_frames,)]
            Frames that tell nothing: the path is free to go on anywhere behind them.

        Returns
        -------
        path : np.ndarray of int [shape=(n_decided,)]
            Bins of the next frames, following those returned before.
        """
        for row, silent in zip(log_likelihood, is_silent, strict=True):
            if silent:
                self._forget()
            else:
                self._advance(row)
        states = self._bins
        n_pending = len(self._sources)
        for frame in reversed(range(n_pending)):
            if (states == states[0]).all():
                return self._decide(int(states[0]), frame, frame + 1)
            states = self._sources[frame][states]
        if n_pending > _MAX_PENDING:
            return self._decide(self._best(), n_pending - 1, n_pending // 2)
        return np.zeros(0, np.intp)

    def finish(self) -> IndexArray:
        """Return the rest of the path [shape=(n_undecided,)]."""
        n_pending = len(self._sources)
        return self._decide(self._best(), n_pending - 1, n_pending)

    def _best(self) -> int:
        return 0 if self._scores is None else int(self._scores.argmax())

    def _forget(self) -> None:
        self._sources.append(np.full(len(self._bins), self._best()))
        self._scores = None

    def _advance(self, log_likelihood: Float64Array) -> None:
        if self._scores is None:
            # A beginning: all bins are as probable, and what was before does not matter.
            self._sources.append(np.zeros(len(self._bins), np.intp))
            self._scores = log_likelihood.copy()
            return
        n_margin = REACH - 1
        self._departing[n_margin:-n_margin] = self._scores - self._log_norm
        scores = self._near + self._log_step
        best = scores.argmax(axis=1)
        reached, sources = scores[self._bins, best], self._bins + best - n_margin
        origin = self._best()
        jumped = self._scores[origin] + self._log_jump
        sources[jumped > reached] = origin
        self._scores = np.maximum(reached, jumped) + log_likelihood
        self._scores -= self._scores.max()
        self._sources.append(sources)

    def _decide(self, last_bin: int, last_frame: int, n_decided: int) -> IndexArray:
        """Trace back from a bin of a pending frame; hand out and forget the first frames."""
        path = np.empty(last_frame + 1, np.intp)
        for frame in reversed(range(last_frame + 1)):
            path[frame] = last_bin
            last_bin = int(self._sources[frame][last_bin])
        del self._sources[:n_decided]
        return path[:n_decided]
