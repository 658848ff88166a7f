"""Mono mixing, blocks, resampling and saving."""

import logging
import tracemalloc

import numpy as np
import pytest
import soundfile
from media import SR, encode, pitch_of, sine

from retimbre.errors import ParameterError, ReadError, WriteError
from retimbre.io import audio

PCM_24_STEP = 2.0**-23


def write_float(path, channels, sr=SR):
    """Write samples [shape=(n,) or (channels, n)] without rounding."""
    soundfile.write(path, np.asarray(channels, np.float32).T, sr, subtype="FLOAT")
    return path


@pytest.fixture
def noise(rng):
    return rng.uniform(-0.5, 0.5, 5 * SR // 2).astype(np.float32)


def one_side(y, rng):
    return [y, np.zeros_like(y)]


def other_side_with_hiss(y, rng):
    return [1e-4 * rng.standard_normal(len(y)), y]


def dead_side_with_offset(y, rng):
    return [y, np.full_like(y, 0.2)]


def both_sides(y, rng):
    return [y, y]


def opposed(y, rng):
    return [y, -y]


def opposed_and_softer(y, rng):
    return [-0.8 * y, y]


@pytest.mark.parametrize(
    "channels",
    [one_side, other_side_with_hiss, dead_side_with_offset, both_sides, opposed_and_softer],
)
def test_the_mono_mix_keeps_the_level_of_the_sound(tmp_path, rng, noise, channels):
    y, sr = audio.load(write_float(tmp_path / "clip.wav", channels(noise, rng)))
    assert (y.dtype, y.shape, sr) == (np.float32, noise.shape, SR)
    np.testing.assert_allclose(y, noise, rtol=0, atol=1e-7)


def test_opposed_channels_do_not_cancel(tmp_path, rng, noise):
    y, _ = audio.load(write_float(tmp_path / "clip.wav", opposed(noise, rng)))
    np.testing.assert_array_equal(np.abs(y), np.abs(noise))


def test_channels_that_differ_are_averaged(tmp_path, rng, noise):
    other = rng.permutation(noise)
    y, _ = audio.load(write_float(tmp_path / "clip.wav", [noise, np.zeros_like(noise), other]))
    np.testing.assert_allclose(y, (noise + other) / 2, rtol=0, atol=1e-7)


def test_silence_stays_silence(tmp_path):
    y, _ = audio.load(write_float(tmp_path / "clip.wav", np.zeros((2, 100))))
    np.testing.assert_array_equal(y, np.zeros(100))


def test_the_mix_is_one_for_the_whole_file(tmp_path, noise):
    # The second channel is silent in all blocks but the last; the first block must know.
    late = np.zeros_like(noise)
    late[-len(noise) // 4 :] = noise[: len(noise) // 4]
    path = write_float(tmp_path / "clip.wav", [noise, late])
    _, blocks = audio.stream_blocks(path, 0.1)
    np.testing.assert_allclose(next(blocks), noise[: SR // 10] / 2, rtol=0, atol=1e-7)


@pytest.mark.parametrize("block_seconds", [0.01, 0.7, 2.5, 30.0])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_blocks_join_to_the_whole_clip(tmp_path, rng, noise, block_seconds, n_channels):
    path = write_float(tmp_path / "clip.wav", rng.permuted(np.stack([noise] * n_channels), axis=1))
    whole, _ = audio.load(path)
    sr, blocks = audio.stream_blocks(path, block_seconds)
    blocks = list(blocks)
    assert sr == SR
    assert {len(block) for block in blocks[:-1]} <= {round(block_seconds * SR)}
    assert 0 < len(blocks[-1]) <= round(block_seconds * SR)
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_blocks_of_an_encoded_file_join_to_the_whole_clip(tmp_path):
    path = tmp_path / "clip.webm"
    path.write_bytes(encode("libopus", "webm", np.stack([sine(440.0), sine(550.0)])))
    _, blocks = audio.stream_blocks(path, 0.3)
    np.testing.assert_array_equal(np.concatenate(list(blocks)), audio.load(path)[0])


def test_memory_does_not_grow_with_the_file(tmp_path, rng):
    path = tmp_path / "clip.wav"
    n = 66 * 16_000  # just after a doubling of the second would have doubled the memory
    soundfile.write(path, rng.uniform(-0.5, 0.5, (n, 2)), 16_000)

    def peak(reading):
        tracemalloc.start()
        reading()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak(lambda: sum(len(b) for b in audio.stream_blocks(path, 0.5)[1])) < 4e6
    assert peak(lambda: audio.load(path)) < 1.3 * 4 * n + 2e6


@pytest.mark.parametrize(
    ("start", "duration"), [(0.0, 1.0), (0.5, None), (0.123, 0.456), (2.0, 99.0), (0.0, 1e-9)]
)
def test_a_part_is_cut_from_the_whole_clip(tmp_path, noise, start, duration):
    path = write_float(tmp_path / "clip.wav", noise)
    y, _ = audio.load(path, start=start, duration=duration)
    first = round(start * SR)
    n = len(noise) if duration is None else max(1, round(duration * SR))
    np.testing.assert_array_equal(y, noise[first : first + n])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"start": -1.0}, "start must be >= 0 seconds, given -1"),
        ({"start": np.nan}, "start must be >= 0 seconds, given nan"),
        ({"start": 2.5}, r"clip.wav ends before the start at 2.5 s"),
        ({"duration": 0.0}, "duration must be > 0 seconds, given 0"),
        ({"duration": np.nan}, "duration must be > 0 seconds, given nan"),
    ],
)
def test_a_part_that_is_none_is_refused(tmp_path, noise, wrong, message):
    with pytest.raises(ParameterError, match=message):
        audio.load(write_float(tmp_path / "clip.wav", noise), **wrong)


@pytest.mark.parametrize(("file_sr", "sr"), [(22_050, 22_050), (48_000, 48_000), (88_200, 44_100)])
def test_high_rates_are_reduced(tmp_path, noise, file_sr, sr):
    path = write_float(tmp_path / "clip.wav", noise, sr=file_sr)
    y, *rates = audio.load_reduced(path)
    assert rates == [sr, file_sr]
    np.testing.assert_array_equal(y, audio.resample(noise, file_sr, sr))


def test_reduced_clips_never_stand_in_memory_at_their_own_rate(tmp_path):
    n = 30 * 192_000
    path = write_float(tmp_path / "long.wav", np.zeros(n, np.float32), sr=192_000)
    audio.load_reduced(path)  # imports
    tracemalloc.start()
    audio.load_reduced(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 4 * n


def test_blocks_without_length_are_refused(tmp_path, noise):
    with pytest.raises(ParameterError, match="longer than 0 seconds, given 0"):
        audio.stream_blocks(write_float(tmp_path / "clip.wav", noise), 0.0)


def test_a_missing_file_is_refused_before_the_first_block(tmp_path):
    with pytest.raises(ReadError, match="does not exist"):
        audio.stream_blocks(tmp_path / "none.wav")


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100, 192000])
@pytest.mark.parametrize("target_sr", [16000, 44100])
def test_resampling_keeps_a_tone_where_it_is(sr, target_sr):
    y = sine(440.0, 1.0, sr)
    resampled = audio.resample(y, sr, target_sr)
    assert resampled.dtype == np.float32
    assert len(resampled) == target_sr
    inner = slice(target_sr // 20, -target_sr // 20)
    expected = sine(440.0, 1.0, target_sr)
    np.testing.assert_allclose(resampled[inner], expected[inner], rtol=0, atol=1e-4)


def test_resampling_removes_what_the_new_rate_cannot_hold():
    resampled = audio.resample(sine(12_000.0, 1.0, 48_000), 48_000, 16_000)
    assert np.max(np.abs(resampled[800:-800])) < 1e-4


def test_resampling_to_the_same_rate_changes_nothing(noise):
    np.testing.assert_array_equal(audio.resample(noise, SR, SR), noise)


@pytest.mark.parametrize("n", [0, 1, 2, 99, 44_100, 100_001])
@pytest.mark.parametrize(("sr", "target_sr"), [(44_100, 16_000), (8_000, 44_100), (SR, SR)])
def test_resampled_blocks_join_to_the_resampled_clip(rng, n, sr, target_sr):
    y = rng.standard_normal(n).astype(np.float32)
    cuts = np.sort(rng.integers(0, n + 1, 5))
    blocks = list(audio.resample_blocks(np.split(y, cuts), sr, target_sr))
    assert all(len(block) for block in blocks)
    joined = np.concatenate([np.zeros(0, np.float32), *blocks])
    np.testing.assert_array_equal(joined, audio.resample(y, sr, target_sr))


def test_what_cannot_be_resampled_is_refused(noise):
    with pytest.raises(ParameterError, match=r"shape \(n,\), given \(2, 2\)"):
        audio.resample(np.zeros((2, 2)), SR, 16_000)
    with pytest.raises(ParameterError, match="must be > 0 Hz, given 48000 and 0"):
        audio.resample(noise, SR, 0)
    with pytest.raises(ParameterError, match="must be > 0 Hz, given -1 and 16000"):
        list(audio.resample_blocks([noise], -1, 16_000))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".aif", ".WAV"])
def test_saved_samples_are_exact_to_24_bits(tmp_path, noise, suffix):
    path = tmp_path / f"clip{suffix}"
    audio.save(path, noise, 44_100)
    y, sr = audio.load(path)
    assert sr == 44_100
    assert soundfile.info(path).subtype == "PCM_24"
    np.testing.assert_allclose(y, noise, rtol=0, atol=PCM_24_STEP)


@pytest.mark.parametrize(("suffix", "sr"), [(".ogg", 44_100), (".opus", SR), (".mp3", 44_100)])
def test_lossy_formats_keep_the_tone(tmp_path, suffix, sr):
    path = tmp_path / f"clip{suffix}"
    audio.save(path, sine(440.0, 1.0, 44_100), 44_100)
    y, rate = audio.load(path)
    assert rate == sr
    assert len(y) == pytest.approx(sr, abs=2400)
    assert pitch_of(y[2400:-2400], rate) == pytest.approx(440.0, abs=0.1)
    assert np.abs(y[2400:-2400]).max() == pytest.approx(0.5, abs=0.02)


def test_a_subtype_can_be_asked_for(tmp_path, noise):
    audio.save(tmp_path / "clip.wav", 3 * noise, SR, subtype="FLOAT")
    np.testing.assert_array_equal(audio.load(tmp_path / "clip.wav")[0], 3 * noise)
    audio.save(tmp_path / "clip.flac", noise, SR, subtype="PCM_16")
    assert soundfile.info(tmp_path / "clip.flac").subtype == "PCM_16"


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".mp3"])
def test_the_same_samples_give_the_same_bytes(tmp_path, monkeypatch, noise, suffix):
    first, second = tmp_path / f"1{suffix}", tmp_path / f"2{suffix}"
    audio.save(first, noise, SR)
    audio.save(second, noise, SR)
    assert first.read_bytes() == second.read_bytes()


def test_saving_says_when_it_clips(tmp_path, caplog):
    audio.save(tmp_path / "soft.wav", [0.5, -1.0], SR)
    audio.save(tmp_path / "float.wav", [2.0], SR, subtype="FLOAT")
    assert caplog.text == ""
    with caplog.at_level(logging.WARNING, "retimbre"):
        audio.save(tmp_path / "loud.wav", [0.5, -2.0], SR)
    assert "loud.wav is clipped: it exceeds full scale by 6.02 dB" in caplog.text
    np.testing.assert_allclose(audio.load(tmp_path / "loud.wav")[0], [0.5, -1.0], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "y", "sr", "subtype", "message"),
    [
        ("clip.xyz", [0.0], SR, None, r"Unsupported output format '\.xyz' .*clip\.xyz"),
        ("clip", [0.0], SR, None, "Unsupported output format"),
        ("clip.wav", [[0.0, 0.0]], SR, None, r"shape \(n,\), given \(1, 2\)"),
        ("clip.wav", [0.0, np.nan], SR, None, "must be finite"),
        ("clip.wav", [np.inf], SR, None, "must be finite"),
        ("clip.wav", [0.0], 0, None, "must be > 0 Hz"),
        ("clip.wav", [0.0], SR, "VORBIS", "WAV cannot hold 'VORBIS'; use one of .*PCM_24"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_leaves_nothing(
    tmp_path, name, y, sr, subtype, message
):
    with pytest.raises(ParameterError, match=message):
        audio.save(tmp_path / name, y, sr, subtype=subtype)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_refused(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(WriteError, match=r"folder\.wav cannot be written: it is a folder\."):
        audio.save(tmp_path / "folder.wav", [0.0], SR)
    with pytest.raises(WriteError, match="none does not exist"):
        audio.save(tmp_path / "none" / "clip.wav", [0.0], SR)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError(28, "No space left")])
def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch, noise, interruption):
    path = tmp_path / "clip.wav"
    path.write_bytes(b"old")
    write = soundfile.SoundFile.write
    blocks_written = []

    def interrupted(self, block):
        if blocks_written:
            raise interruption
        blocks_written.append(len(block))
        write(self, block)

    monkeypatch.setattr(soundfile.SoundFile, "write", interrupted)
    with pytest.raises((KeyboardInterrupt, WriteError)):
        audio.save(path, noise, SR)
    assert blocks_written
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence(tmp_path, noise):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(WriteError, match=r"clip\.wav cannot be written: .*\."):
            audio.save(tmp_path / "clip.wav", noise, SR)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_inputs_are_left_as_they_are(tmp_path, noise):
    y = 3 * noise
    before = y.copy()
    y.setflags(write=False)
    audio.resample(y, SR, 16_000)
    list(audio.resample_blocks([y], SR, 16_000))
    audio.save(tmp_path / "clip.wav", y, SR)
    np.testing.assert_array_equal(y, before)
