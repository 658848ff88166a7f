"""Frames become notes: of made-up performances, and of all ways to cut a short track."""

import itertools

import numpy as np
import pytest
from performance import Performance, vibrato

from retimbre.errors import ParameterError
from retimbre.notes import estimate_tuning, note_curves, segment_notes
from retimbre.notes.search import CAP_SEMITONES, NoteCosts, find_segments
from retimbre.settings.params import NoteParams
from retimbre.types import HOP_SECONDS, Notes, PitchTrack

ONSET_TOL_SECONDS = 0.030


def test_notes_with_rests() -> None:
    play = Performance().rest(30).note(60, 40).rest(20).note(64, 25).rest(30).note(55, 80).rest(20)
    notes = segment_notes(play.track())
    assert notes.pitch.tolist() == [60, 64, 55]
    assert np.abs(notes.onset - [0.30, 0.90, 1.45]).max() <= ONSET_TOL_SECONDS
    assert np.abs(notes.offset - [0.70, 1.15, 2.25]).max() <= ONSET_TOL_SECONDS


@pytest.mark.parametrize("step", [1, 2, 5, 12, -1, -12])
def test_legato_notes_are_split_where_the_pitch_changes(step: int) -> None:
    notes = segment_notes(Performance().note(60, 30).note(60 + step, 25).note(60, 30).track())
    assert notes.pitch.tolist() == [60, 60 + step, 60]
    assert np.abs(notes.onset[1:] - [0.30, 0.55]).max() <= ONSET_TOL_SECONDS


@pytest.mark.parametrize("hz", [4.0, 5.5, 7.0])
@pytest.mark.parametrize("cents", [20, 50, 100])
@pytest.mark.parametrize("tuning", [0.0, 0.4])
def test_vibrato_is_one_note(cents: float, hz: float, tuning: float) -> None:
    play = Performance().rest(20).note(vibrato(62 + tuning, cents, hz, 150)).rest(20)
    notes = segment_notes(play.track())
    assert notes.pitch.tolist() == [62]
    assert abs(notes.duration[0] - 1.5) <= 2 * ONSET_TOL_SECONDS


def test_scoop_into_a_note_is_one_note() -> None:
    scoop = np.concatenate([np.linspace(58, 60, 9), np.full(50, 60.0)])
    notes = segment_notes(Performance().rest(20).note(scoop).rest(20).track())
    assert notes.pitch.tolist() == [60]


@pytest.mark.parametrize("slide", [8, 14])
def test_portamento_gives_two_notes_with_the_boundary_in_its_middle(slide: int) -> None:
    curve = np.concatenate([np.full(50, 60.0), np.linspace(60, 65, slide), np.full(50, 65.0)])
    notes = segment_notes(Performance().rest(20).note(curve).rest(20).track())
    assert notes.pitch.tolist() == [60, 65]
    middle = (20 + 50 + slide / 2) * HOP_SECONDS
    assert abs(notes.onset[1] - middle) <= ONSET_TOL_SECONDS


def test_repeated_notes_are_split_at_a_dip() -> None:
    play = Performance().note(60, 40).note(60, 4, level=-34.0).note(60, 40, attack=12.0)
    notes = segment_notes(play.track())
    assert notes.pitch.tolist() == [60, 60]
    assert abs(notes.onset[1] - 0.44) <= ONSET_TOL_SECONDS


def test_repeated_notes_are_split_at_an_attack_without_a_dip() -> None:
    play = Performance().note(60, 40, level=-26.0, attack=20.0).note(60, 40, attack=14.0)
    notes = segment_notes(play.track())
    assert notes.pitch.tolist() == [60, 60]
    assert abs(notes.onset[1] - 0.40) <= ONSET_TOL_SECONDS


def test_a_weak_flux_peak_splits_nothing() -> None:
    play = Performance().note(60, 40, attack=15.0).note(60, 40, attack=1.0)
    assert segment_notes(play.track()).pitch.tolist() == [60]


@pytest.mark.parametrize("wrong", [48.0, 72.0, 79.0])
def test_octave_glitches_do_not_break_a_note(wrong: float) -> None:
    play = Performance().note(60, 40).note(wrong, 3).note(60, 40)
    assert segment_notes(play.track()).pitch.tolist() == [60]


@pytest.mark.parametrize("slip", [-12.0, 12.0])
def test_an_octave_slip_at_the_end_belongs_to_the_note(slip: float) -> None:
    # A fading voice slips by an octave for 80 ms, at full confidence.
    play = Performance().rest(20).note(60.4, 40).note(60.4 + slip, 8).rest(20)
    notes = segment_notes(play.track())
    assert notes.pitch.tolist() == [60]
    assert abs(notes.offset[0] - 0.68) <= ONSET_TOL_SECONDS


def test_an_octave_leap_with_an_attack_is_a_note() -> None:
    play = Performance().note(60, 40).note(72, 9, attack=8.0).note(60, 40, attack=8.0)
    assert segment_notes(play.track()).pitch.tolist() == [60, 72, 60]


def test_a_voiced_consonant_is_no_note_of_its_own() -> None:
    # 70 ms of a nasal on the new pitch, then the vowel opens, 9 dB louder. Some put the onset at
    # the one, some at the other.
    play = Performance().rest(40).note(60, 7, level=-29.0).note(60, 40, attack=10.0).rest(20)
    notes = segment_notes(play.track())
    assert notes.pitch.tolist() == [60]
    assert 0.40 <= notes.onset[0] <= 0.48


def test_a_vowel_that_opens_without_getting_louder_moves_nothing() -> None:
    play = Performance().rest(40).note(60, 7, level=-22.0).note(60, 40, attack=10.0).rest(20)
    notes = segment_notes(play.track())
    assert notes.pitch.tolist() == [60]
    assert abs(notes.onset[0] - 0.40) <= ONSET_TOL_SECONDS


def test_an_attack_just_before_the_pitch_changes_is_no_note_of_its_own() -> None:
    play = Performance().note(60, 40).note(60, 8, attack=10.0).note(62, 40)
    assert segment_notes(play.track()).pitch.tolist() == [60, 62]


def test_a_slow_attack_is_timed_by_the_level() -> None:
    # The tracker is sure only 40 ms after the sound has begun, at the right pitch before.
    play = Performance().rest(40)
    for confidence in (0.2, 0.3, 0.4, 0.45):
        play.note(60, 1, level=-22.0, confidence=confidence)
    notes = segment_notes(play.note(60, 40).rest(20).track())
    assert abs(notes.onset[0] - 0.395) <= 0.010


def test_short_holes_are_bridged_and_long_ones_are_not() -> None:
    # A few unsure frames in a note that sounds on are no rest; a consonant of 120 ms is one.
    bridged = Performance().note(60, 40).note(60, 2, confidence=0.3).note(60, 40)
    assert len(segment_notes(bridged.track())) == 1
    split = Performance().note(60, 40).unvoiced(12).note(60, 40)
    notes = segment_notes(split.track())
    assert len(notes) == 2
    assert abs(notes.onset[1] - 0.52) <= ONSET_TOL_SECONDS


@pytest.mark.parametrize("tuning_cents", [-45.0, -40.0, 25.0, 45.0])
def test_a_detuned_performer_stays_on_steady_keys(tuning_cents: float) -> None:
    keys = np.array([60, 62, 64, 65, 64, 62, 67, 60, 64, 60])
    play = Performance()
    jitter = np.random.default_rng(3).uniform(-12, 12, len(keys))
    for key, cents in zip(keys, jitter, strict=True):
        play.note(key + (tuning_cents + cents) / 100, 30).rest(10)
    track = play.track()
    assert segment_notes(track).pitch.tolist() == keys.tolist()
    assert estimate_tuning(track) == pytest.approx(tuning_cents + jitter.mean(), abs=1.0)


def test_without_a_common_tuning_each_note_takes_the_nearest_key() -> None:
    sung = 60 + np.arange(12) % 5 + np.random.default_rng(3).uniform(-0.5, 0.5, 12)
    play = Performance()
    for midi in sung:
        play.note(midi, 30).rest(10)
    assert np.abs(segment_notes(play.track()).pitch - sung).max() <= 0.5


def test_threshold_decides_what_is_voiced() -> None:
    play = Performance().note(60, 40, confidence=0.9).rest(10).note(64, 40, confidence=0.6)
    track = play.track()
    assert segment_notes(track, confidence=0.75).pitch.tolist() == [60]
    assert segment_notes(track, confidence=0.4).pitch.tolist() == [60, 64]
    assert segment_notes(track, NoteParams(confidence=0.75)).pitch.tolist() == [60]
    assert segment_notes(track, NoteParams(confidence=0.75), confidence=0.4).pitch.size == 2
    assert len(segment_notes(track, confidence=1.0)) == 0


def test_threshold_zero_takes_all_that_sounds_and_stays_calm() -> None:
    rng = np.random.default_rng(1)
    noise = 55 + 20 * rng.random(200)
    play = Performance().rest(30).note(noise, confidence=0.15).rest(30).note(60, 50).rest(30)
    notes = segment_notes(play.track(), confidence=0.0)
    assert notes.pitch[-1] == 60
    assert 2 <= len(notes) <= 12
    covered = notes.duration[notes.onset < 2.3].sum()
    assert covered > 1.5


def test_short_fragments_are_dropped() -> None:
    play = Performance().rest(20).note(70, 8).rest(20).note(60, 40).rest(20)
    track = play.track()
    assert segment_notes(track, NoteParams(min_note_length=0.06)).pitch.tolist() == [70, 60]
    assert segment_notes(track, NoteParams(min_note_length=0.15)).pitch.tolist() == [60]


def test_velocity_follows_loudness() -> None:
    play = Performance()
    for level in (-20.0, -20.0, -32.0, -20.0, -44.0):
        play.note(60, 30, level=level).rest(10)
    velocity = segment_notes(play.track()).velocity
    assert velocity[0] == velocity[1] == velocity[3]
    assert 105 <= velocity[0] <= 120
    # General MIDI: 12 dB down is half the velocity.
    assert velocity[2] == pytest.approx(velocity[0] / 2, abs=1)
    assert velocity[4] == pytest.approx(velocity[0] / 4, abs=1)


def test_no_notes() -> None:
    empty = PitchTrack(*(np.zeros(0),) * 5)
    assert len(segment_notes(empty)) == 0
    assert estimate_tuning(empty) == 0.0
    assert note_curves(empty, Notes.empty()) == ()
    assert len(segment_notes(Performance().rest(100).track(), confidence=0.0)) == 0


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_bad_confidence(confidence: float) -> None:
    with pytest.raises(ParameterError, match="from 0 to 1"):
        segment_notes(Performance().note(60, 10).track(), confidence=confidence)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.9])
def test_notes_of_a_random_track_are_in_order(seed: int, confidence: float) -> None:
    rng = np.random.default_rng(seed)
    n = 600
    f0 = np.where(rng.random(n) < 0.1, np.nan, 100 * 2 ** (2 * rng.random(n)))
    values = np.repeat(rng.random(n // 20), 20)
    level, strength = -60 * rng.random(n), 20 * rng.random(n)
    track = PitchTrack(np.arange(n) * HOP_SECONDS, f0, values, level, strength)
    notes = segment_notes(track, confidence=confidence)
    assert np.all(notes.onset[1:] >= notes.offset[:-1] - 1e-9)
    assert np.all(notes.offset <= n * HOP_SECONDS + 1e-9)
    assert np.all(notes.duration >= NoteParams().min_note_length - 1e-9)


def _brute_force(costs: NoteCosts, pitches: np.ndarray) -> float:
    """Try every way to mark frames as gap, note start or continuation."""
    n = len(costs.midi)
    least = np.inf
    for marks in itertools.product("gsc", repeat=n):
        if any(m == "c" and (i == 0 or marks[i - 1] == "g") for i, m in enumerate(marks)):
            continue
        starts = [i for i, m in enumerate(marks) if m == "s"]
        total = 0.0
        for start in starts:
            end = start + 1
            while end < n and marks[end] == "c":
                end += 1
            after_gap = start == 0 or marks[start - 1] == "g"
            begin = (costs.start_after_gap if after_gap else costs.start_after_note)[start]
            off = np.abs(pitches[:, None] - costs.midi[start:end]).clip(max=CAP_SEMITONES)
            total += begin + costs.frame[start:end].sum()
            total += (costs.weight[start:end] * off).sum(axis=1).min()
        least = min(least, total)
    return least


def _cost_of(segments: np.ndarray, costs: NoteCosts, pitches: np.ndarray) -> float:
    total, previous_end = 0.0, -1
    for start, end in segments:
        legato = start == previous_end
        begin = (costs.start_after_note if legato else costs.start_after_gap)[start]
        off = np.abs(pitches[:, None] - costs.midi[start:end]).clip(max=CAP_SEMITONES)
        total += begin + costs.frame[start:end].sum()
        total += (costs.weight[start:end] * off).sum(axis=1).min()
        previous_end = end
    return total


@pytest.mark.parametrize("seed", range(12))
def test_search_finds_the_least_cost_of_all_segmentations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 8
    costs = NoteCosts(
        midi=60 + 0.2 * rng.integers(0, 21, n),
        weight=rng.uniform(0.2, 1.0, n),
        frame=rng.uniform(-2.0, 1.0, n),
        start_after_gap=rng.uniform(-1.0, 2.0, n),
        start_after_note=rng.uniform(-1.0, 2.0, n),
    )
    pitches = np.arange(costs.midi.min(), costs.midi.max() + 0.1, 0.2)
    found = _cost_of(find_segments(costs), costs, pitches)
    assert found == pytest.approx(_brute_force(costs, pitches), abs=1e-6)


@pytest.mark.parametrize(
    ("measured", "threshold", "n_notes"),
    [(0.995, 1.0, 0), (0.9, 0.95, 0), (1.0, 1.0, 1), (0.995, 0.99, 1), (0.55, 0.5, 1)],
)
def test_only_frames_that_reach_the_threshold_make_notes(
    measured: float, threshold: float, n_notes: int
) -> None:
    track = Performance().rest(20).note(60, 100, confidence=measured).rest(20).track()
    assert len(segment_notes(track, confidence=threshold)) == n_notes
