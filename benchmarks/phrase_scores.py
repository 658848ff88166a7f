"""Measure the notes on melodies of real single notes: `python benchmarks/phrase_scores.py ROOT`.

    python benchmarks/phrase_scores.py ../shared/instruments --set dev --cache CACHE \
        --before TREE --peers --peers-python PYTHON

Onsets count within 50 ms, pitches within 50 cents, offsets within 50 ms or 20 % of the length.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from notes import cached_track
from peers import NotesHz, notes_by_worker, peer_names
from phrase_figures import (
    Outcome,
    articulation_f,
    bias_ms,
    ghosts_a_minute,
    invented,
    lengths_found,
    outcome_of,
    repeats_found,
)
from phrase_segment import Found, find_notes, find_notes_of_tree
from phrases import KINDS, Phrase, make_ghosts, make_phrases
from results import write_section

from retimbre.settings.params import PitchParams
from retimbre.types import PitchTrack

LOOKED_AT: tuple[str, ...] = (
    "2026-11-30, for the first time",
    "2026-12-01, with the kind `breathed` added here and in learning, after the networks had "
    "learned from more repeats, runs, steady tones, hum and singing, which was chosen in view of "
    "the first results",
    "2026-12-01 again, after they had learned from deep dips, turns, trills, slow slides and "
    "snatches of fast notes too, which was chosen in view of other recordings",
)
"""When results on the test set were seen."""

NOW, BEFORE = "retimbre", "before"

Systems = dict[str, list[Outcome]]

INTRODUCTION = """\
Melodies put together from recorded single notes of real instruments (`phrases.py`), so that each
note's onset, offset and pitch is known: {n} phrases of the "{set}" set with {n_notes} notes, and
{n_ghosts} clips of 20 s without a note. The development set, on which the segmentation is tuned
and from whose kinds its network learns, has other instruments (some of the same libraries), other
tunes by the same composers, other bends of its joins and other rooms; the telephone is the same. F
is mir_eval's note F (onset within 50 ms, pitch within 50 cents), with offsets within 50 ms or 20 %
of the length; biases are medians of found minus true times of notes that were found, where an onset
and an offset lie 20 dB under the note. "before" is the segmentation of revision 7e87b9c on the same
pitch tracks. {looked}
"""


def main() -> None:
    """Score the systems, print the tables; those of the test set go to the results."""
    arguments = _parse_arguments()
    kinds = tuple(arguments.kinds)
    phrases = list(make_phrases(arguments.set, arguments.root, kinds))
    n_phrases = len(phrases)
    phrases += [] if kinds else list(make_ghosts(arguments.set))
    params = PitchParams()
    tracks = [cached_track(phrase, params, arguments.cache) for phrase in phrases]
    found = {NOW: [find_notes(track) for track in tracks]}
    if arguments.before:
        found[BEFORE] = find_notes_of_tree(tracks, arguments.before)
    if arguments.peers:
        found |= _peers_found(phrases, tracks, arguments.peers_python, arguments.cache)
    outcomes = {
        name: [outcome_of(p, f) for p, f in zip(phrases, notes, strict=True)]
        for name, notes in found.items()
    }
    scored = {name: rows[:n_phrases] for name, rows in outcomes.items()}
    ghosts = {name: rows[n_phrases:] for name, rows in outcomes.items()}
    text = (
        _introduction(arguments.set, phrases, n_phrases)
        + "\n"
        + "\n\n".join(table for table in _tables(scored, ghosts) if table)
    )
    print(text)
    if arguments.set == "test" and not kinds:
        write_section("Phrases", text)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of recorded single notes")
    parser.add_argument("--set", choices=("dev", "test"), default="dev")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[], help="only these kinds")
    parser.add_argument("--cache", type=Path, help="folder that keeps pitch tracks between runs")
    parser.add_argument("--before", type=Path, help="a checkout of the earlier tree")
    parser.add_argument("--peers", action="store_true", help="run the peers too")
    parser.add_argument(
        "--peers-python", type=Path, default=Path(sys.executable), help="interpreter that has them"
    )
    return parser.parse_args()


def _introduction(which: str, phrases: list[Phrase], n_phrases: int) -> str:
    looked = "Its results were looked at: " + "; ".join(LOOKED_AT) + "."
    if not LOOKED_AT:
        looked = "Nobody had looked at results of the test set before."
    return INTRODUCTION.format(
        n=n_phrases,
        set=which,
        n_notes=sum(len(p.pitch_hz) for p in phrases),
        n_ghosts=len(phrases) - n_phrases,
        looked=looked if which == "test" else "",
    )


def _peers_found(
    phrases: list[Phrase], tracks: list[PitchTrack], python: Path, cache: Path | None
) -> dict[str, list[Found]]:
    """Return what each peer finds; those that cannot run are left out with a word."""
    found: dict[str, list[Found]] = {}
    for name in peer_names():
        known = [_kept(name, phrase, cache) for phrase in phrases]
        missing = [k for k, notes in enumerate(known) if notes is None]
        clips = [(phrases[k].y, phrases[k].sr, tracks[k]) for k in missing]
        made = notes_by_worker(name, clips, python) if clips else []
        if made is None:
            print(f"{name} is left out: it is not installed.", file=sys.stderr)
            continue
        for k, notes in zip(missing, made, strict=True):
            known[k] = notes
            _keep(name, phrases[k], notes, cache)
        none = np.array([], dtype=np.str_)
        found[name] = [Found(*notes, none) for notes in known if notes is not None]
    return found


def _kept_path(name: str, phrase: Phrase, cache: Path) -> Path:
    digest = hashlib.sha256(phrase.y.tobytes()).hexdigest()[:16]
    return cache / f"{name.replace(' ', '_').replace(',', '')}_{digest}.npz"


def _kept(name: str, phrase: Phrase, cache: Path | None) -> NotesHz | None:
    if cache is None or not _kept_path(name, phrase, cache).exists():
        return None
    with np.load(_kept_path(name, phrase, cache)) as arrays:
        return arrays["intervals"], arrays["pitch_hz"]


def _keep(name: str, phrase: Phrase, notes: NotesHz, cache: Path | None) -> None:
    if cache is not None:
        path = _kept_path(name, phrase, cache)
        np.savez(path, intervals=notes[0], pitch_hz=notes[1])


def _tables(scored: Systems, ghosts: Systems) -> list[str]:
    """Return all tables; a system is a column, or a few of them."""
    return [
        _table_of_kinds(scored),
        _table_of_edges(scored),
        _table_of_shares(scored, "repeated notes after a dip of", "repeats", repeats_found),
        _table_of_shares(scored, "notes of", "", lengths_found),
        _table_of_shares(scored, "notes too many on steady tones", "steady", invented),
        _table_of_ghosts(ghosts),
    ]


def _kinds_of(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    kinds = dict.fromkeys(o.phrase.group for o in outcomes)
    return {kind: [o for o in outcomes if o.phrase.group == kind] for kind in kinds}


def _table_of_kinds(scored: Systems) -> str:
    """Return F and F with offsets of every system."""
    heads = [f"{name} | with offsets" for name in scored]
    lines = ["| kind | phrases | notes | " + " | ".join(heads) + " |"]
    lines.append("|---|---|---|" + "---|---|" * len(scored))
    columns: list[list[float]] = []
    for kind, members in _kinds_of(scored[NOW]).items():
        values: list[float] = []
        for rows in scored.values():
            chosen = _kinds_of(rows)[kind]
            values += [float(np.mean([o.f for o in chosen]))]
            values += [float(np.mean([o.f_offsets for o in chosen]))]
        columns.append(values)
        n_notes = sum(len(o.phrase.pitch_hz) for o in members)
        lines.append(f"| {kind} | {len(members)} | {n_notes} | {_cells(values)} |")
    table = np.array(columns)
    n = len(scored[NOW])
    lines.append(f"| mean of kinds | {n} | | {_cells(list(table.mean(axis=0)))} |")
    lines.append(f"| worst kind | | | {_cells(list(table.min(axis=0)))} |")
    return "\n".join(lines)


def _table_of_edges(scored: Systems) -> str:
    """Return the biases of onsets and offsets, and our articulation's F where it is told."""
    heads = [f"{name}: onset, ms | offset, ms" for name in scored]
    ours = [name for name in (NOW, BEFORE) if name in scored]
    heads += [f"{name}: articulation F" for name in ours]
    lines = [f"| kind | {' | '.join(heads)} |", "|---|" + "---|---|" * len(scored)]
    lines[1] += "---|" * len(ours)
    for kind in [*_kinds_of(scored[NOW]), "all"]:
        chosen = {
            name: rows if kind == "all" else _kinds_of(rows)[kind] for name, rows in scored.items()
        }
        cells = [f"{bias_ms(rows, edge):+.0f}" for rows in chosen.values() for edge in (0, 1)]
        told = [articulation_f(chosen[name]) for name in ours]
        cells += ["-" if np.isnan(f) else f"{f:.3f}" for f in told]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _table_of_shares(scored: Systems, head: str, kind: str, count: object) -> str:
    """Return a table of counts of a kind (of all kinds if empty): a row a class of notes."""
    counted = {}
    for name, rows in scored.items():
        chosen = [o for o in rows if kind in ("", o.phrase.group)]
        counted[name] = count(chosen)  # type: ignore[operator]
    if not any(n for _, n in counted[NOW].values()):
        return ""
    lines = [f"| {head} | number | " + " | ".join(scored) + " |"]
    lines.append("|---|---|" + "---|" * len(scored))
    for row, (_, n) in counted[NOW].items():
        cells = [f"{hits[row][0]}" for hits in counted.values()]
        if n and count is not invented:
            cells = [f"{cell} ({100 * int(cell) / n:.0f} %)" for cell in cells]
        lines.append(f"| {row} | {n} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _table_of_ghosts(ghosts: Systems) -> str:
    """Return how many notes a minute are found where there are none."""
    rates = {name: ghosts_a_minute(rows) for name, rows in ghosts.items()}
    if not rates[NOW]:
        return ""
    lines = ["| ghosts a minute in | " + " | ".join(rates) + " |", "|---|" + "---|" * len(rates)]
    for kind in rates[NOW]:
        cells = [f"{rate[kind]:.1f}" for rate in rates.values()]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(values: list[float]) -> str:
    return " | ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    main()
