"""The lane that shows why notes begin and end where they do."""

from typing import TYPE_CHECKING

import numpy as np

from retimbre._typing import FloatArray
from retimbre.notes.evidence import Evidence
from retimbre.types import Notes, PitchTrack

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_VOICED, _FAINT = "#dfe3f3", "#8d8d9e"
_STARTS = {"struck": "#c8453b", "soft": "#b08a2e", "tied": "#3f7ca6"}
_LEAST = 0.05


def draw_evidence(axes: "Axes", track: PitchTrack, evidence: Evidence, notes: Notes) -> None:
    """Draw how likely it is that a note sounds and that one begins.

    Parameters
    ----------
    axes : Axes
    track : PitchTrack
    evidence : Evidence
        Of the track.
    notes : Notes
        Their onsets are marked below.
    """
    axes.fill_between(
        track.times, _share(evidence.voiced), color=_VOICED, linewidth=0, label="a note sounds"
    )
    onset, starts = _share(evidence.onset), _starts(evidence)
    for name, colour in _STARTS.items():
        shown = (starts == name) & (onset > _LEAST)
        axes.vlines(
            track.times[shown],
            0.0,
            onset[shown],
            colors=colour,
            linewidth=1.2,
            label=f"{name} onset",
        )
    axes.plot(
        notes.onset, np.full(len(notes), -0.14), "^", color=_FAINT, markersize=4, clip_on=False
    )
    axes.set_ylim(-0.25, 1.02)
    axes.set_yticks([-0.14, 0.5, 1.0], ["notes", "0.5", "1"])
    axes.tick_params(axis="y", length=0)
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 0.97), ncols=4, frameon=False, fontsize=9,
        labelcolor=_FAINT, handlelength=1.4,
    )  # fmt: skip


def _share(odds: FloatArray) -> FloatArray:
    """Return probabilities for log odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-odds)))


def _starts(evidence: Evidence) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
    """Return how a note would begin at each frame [shape=(n_frames,)]."""
    struck, tied = evidence.struck, evidence.tied
    names = np.where(tied > np.maximum(struck, 0.0), "tied", "soft")
    return np.where((struck > 0.0) & (struck >= tied), "struck", names)
