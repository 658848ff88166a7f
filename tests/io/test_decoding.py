"""Decoding: every codec to the right samples, everything else to one clear sentence."""

import io
import logging
import os
import struct

import numpy as np
import pytest
import soundfile
from media import SR, encode, encode_picture, pitch_of, sine

from retimbre.errors import DecodeError, ReadError
from retimbre.io.decoding import decode_chunks

PCM_16_STEP = 2.0**-15


def decode(path):
    """Return all samples of a file [shape=(n, channels)] and their rate."""
    chunks = list(decode_chunks(path))
    return np.concatenate([samples for samples, _ in chunks]), chunks[0][1]


def write(tmp_path, content, name="clip.bin"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def sounded(file_format, y, sr=SR, subtype=None):
    """Return the bytes of a file that soundfile writes."""
    sink = io.BytesIO()
    soundfile.write(sink, y, sr, format=file_format, subtype=subtype)
    return sink.getvalue()


def wav_bytes(samples, *, sr=8000, data_size=None, n_channels=1):
    """Return a 16-bit WAV file whose header may lie about the size of its data."""
    data = np.asarray(samples, "<i2").tobytes()
    size = len(data) if data_size is None else data_size
    block = 2 * n_channels
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, n_channels, sr, sr * block, block, 16)
    return (
        b"RIFF" + struct.pack("<I", 36) + b"WAVE" + fmt + struct.pack("<4sI", b"data", size) + data
    )


# Frames that a codec may add behind the sound because it works in whole blocks.
LOSSLESS, LOSSY, AAC = 0, 0, 1024
ALIGNED = [
    ("libopus", "webm", LOSSY),
    ("libopus", "ogg", LOSSY),
    ("aac", "ipod", AAC),
    ("aac", "mp4", AAC),
    ("libmp3lame", "mp3", LOSSY),
    ("alac", "mov", LOSSLESS),
    ("flac", "matroska", LOSSLESS),
    ("flac", "ogg", LOSSLESS),
    ("flac", "flac", LOSSLESS),
    ("pcm_s16le", "wav", LOSSLESS),
]


def has_encoder(codec):
    import av

    try:
        av.codec.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


@pytest.mark.parametrize(("codec", "container", "padding"), ALIGNED)
@pytest.mark.parametrize("suffix", [".wav", ".aac", ""])
def test_every_codec_keeps_length_and_time_whatever_the_suffix(
    tmp_path, codec, container, padding, suffix
):
    if not has_encoder(codec):
        pytest.skip(f"{codec} cannot be encoded here")
    # A sweep has one place only where it fits, unlike a tone.
    t = np.arange(SR) / SR
    y = 0.5 * np.sin(2 * np.pi * (200.0 * t + 400.0 * t**2))
    path = write(tmp_path, encode(codec, container, np.stack([y, y])), "clip" + suffix)
    samples, sr = decode(path)
    assert sr == SR
    assert samples.shape[1] == 2
    assert 0 <= len(samples) - len(y) <= padding
    error = samples[: len(y), 0] - y
    assert np.sqrt(np.mean(error**2)) < 0.1 * np.sqrt(np.mean(y**2))


def test_raw_aac_decodes_to_its_pitch(tmp_path):
    samples, sr = decode(write(tmp_path, encode("aac", "adts", sine(440.0)), "clip.mp3"))
    assert sr == SR
    assert len(samples) / sr == pytest.approx(1.0, abs=0.05)  # with the encoder's delay
    assert pitch_of(samples[4800:-4800, 0], sr) == pytest.approx(440.0, abs=0.1)


def test_webm_without_a_duration_decodes_to_its_end(tmp_path):
    import av

    path = write(tmp_path, encode("libopus", "webm", sine(seconds=1.5), is_live=True))
    with av.open(str(path)) as container:
        assert container.duration is None
    samples, sr = decode(path)
    assert (len(samples), sr) == (1.5 * SR, SR)


@pytest.mark.parametrize("sr", [8000, 11025, 16000, 44100, 96000, 192000])
@pytest.mark.parametrize(
    ("subtype", "step"),
    [
        ("PCM_U8", 2.0**-7),
        ("PCM_16", PCM_16_STEP),
        ("PCM_24", 2.0**-23),
        ("PCM_32", 2.0**-24),
        ("FLOAT", 0.0),
        ("DOUBLE", 0.0),
    ],
)
def test_wav_is_exact_to_its_step(tmp_path, rng, sr, subtype, step):
    y = rng.uniform(-0.9, 0.9, 500).astype(np.float32)
    samples, rate = decode(write(tmp_path, sounded("WAV", y, sr, subtype)))
    assert rate == sr
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples[:, 0], y, rtol=0, atol=step)


@pytest.mark.parametrize(
    ("codec", "step"),
    [
        ("pcm_u8", 2.0**-7),
        ("pcm_s16le", PCM_16_STEP),
        ("pcm_s32le", 2.0**-24),
        ("pcm_f32le", 0.0),
        ("pcm_f64le", 0.0),
    ],
)
def test_every_sample_format_of_ffmpeg_has_the_right_scale(tmp_path, rng, codec, step):
    y = rng.uniform(-0.9, 0.9, (2, 500)).astype(np.float32)
    samples, _ = decode(write(tmp_path, encode(codec, "matroska", y)))
    np.testing.assert_allclose(samples.T, y, rtol=0, atol=step)


def test_a_chained_ogg_is_read_to_the_last_link(tmp_path):
    link = sounded("OGG", sine(seconds=0.5), subtype="VORBIS")
    samples, _ = decode(write(tmp_path, link + link))
    assert len(samples) == pytest.approx(SR, abs=2048)


def test_a_change_of_rate_keeps_time_and_pitch(tmp_path):
    links = [encode("flac", "ogg", sine(440.0, sr=sr), sr) for sr in (44100, 22050)]
    samples, sr = decode(write(tmp_path, b"".join(links)))
    assert sr == 44100
    assert len(samples) == pytest.approx(2 * 44100, abs=2)
    assert pitch_of(samples[50000:80000, 0], sr) == pytest.approx(440.0, abs=0.1)


@pytest.mark.parametrize("data_size", [0, 0xFFFFFFFF, 123456])
def test_a_wav_with_a_wrong_size_is_read_to_its_end(tmp_path, data_size):
    samples, _ = decode(write(tmp_path, wav_bytes(np.arange(4000), data_size=data_size)))
    np.testing.assert_array_equal(samples[:, 0], np.arange(4000) * PCM_16_STEP)


def test_samples_that_are_no_numbers_become_zero(tmp_path):
    y = np.array([0.5, np.nan, -0.5, np.inf, -np.inf, 0.25], np.float32)
    samples, _ = decode(write(tmp_path, sounded("WAV", y, subtype="FLOAT")))
    np.testing.assert_array_equal(samples[:, 0], [0.5, 0.0, -0.5, 0.0, 0.0, 0.25])


def test_what_precedes_the_end_of_a_truncated_file_counts(tmp_path, caplog, rng):
    y = rng.uniform(-0.5, 0.5, 4 * SR).astype(np.float32)
    whole = sounded("FLAC", y, subtype="PCM_16")
    path = write(tmp_path, whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING, "retimbre"):
        samples, _ = decode(path)
    assert len(samples) == pytest.approx(2 * SR, abs=8192)
    np.testing.assert_allclose(samples[:, 0], y[: len(samples)], rtol=0, atol=PCM_16_STEP)
    assert len(caplog.records) == 1
    assert f"{path} is damaged (" in caplog.text
    assert f"the {len(samples) / SR:.2f} s that can be decoded" in caplog.text


def test_what_follows_a_damaged_place_counts(tmp_path, caplog, rng):
    y = rng.uniform(-0.5, 0.5, 4 * SR).astype(np.float32)
    content = bytearray(sounded("FLAC", y, subtype="PCM_16"))
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    samples, _ = decode(write(tmp_path, bytes(content)))
    assert len(samples) > 3.5 * SR
    np.testing.assert_allclose(samples[-SR:, 0], y[-SR:], rtol=0, atol=PCM_16_STEP)
    assert "is damaged" in caplog.text


def test_where_one_decoder_stops_the_other_goes_on(tmp_path, rng):
    # Frames of 4608 samples: the chunks of the two decoders end at different places.
    y = rng.uniform(-0.5, 0.5, 6 * SR).astype(np.float32)
    content = bytearray(encode("flac", "flac", y))
    damaged = 3 * len(content) // 4
    content[damaged : damaged + 2000] = bytes(2000)
    samples, _ = decode(write(tmp_path, bytes(content)))
    n = round(4.3 * SR)
    np.testing.assert_allclose(samples[:n, 0], y[:n], rtol=0, atol=PCM_16_STEP)


def test_a_damaged_mp3_is_read_on_and_nothing_is_said_on_stderr(tmp_path, capfd):
    content = bytearray(encode("libmp3lame", "mp3", sine(seconds=4.0)))
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path = write(tmp_path, bytes(content))
    samples, _ = decode(path)
    assert len(samples) > 3.0 * SR
    assert capfd.readouterr().err == ""


def test_damage_is_not_logged_when_not_asked(tmp_path, caplog, rng):
    whole = sounded("FLAC", rng.uniform(-0.5, 0.5, SR))
    list(decode_chunks(write(tmp_path, whole[: len(whole) // 2]), log_damage=False))
    assert caplog.text == ""


REFUSED = [
    (b"", r"is empty \(0 bytes\)\."),
    (b"This is not a wave file.\n", r"cannot be read as audio: its format is unknown"),
    (bytes(range(256)) * 40, r"cannot be read as audio: its format is unknown"),
    (wav_bytes([]), r"contains no samples\."),
    (wav_bytes([])[:36], r"cannot be read as audio: Error in WAV file: No 'data' chunk"),
    (wav_bytes([1, 2], sr=1), r"cannot be read as audio: .* a sample rate of 1"),
    (b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", r"cannot be read as audio"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED)
@pytest.mark.parametrize("suffix", [".wav", ".raw", ".mp3", ".txt"])
def test_what_is_no_audio_is_refused_in_one_sentence(tmp_path, content, message, suffix, capfd):
    path = write(tmp_path, content, "clip" + suffix)
    with pytest.raises(DecodeError, match=message) as caught:
        decode(path)
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert capfd.readouterr().err == ""


def test_a_video_without_sound_holds_no_audio_stream(tmp_path):
    with pytest.raises(DecodeError, match=r"clip.bin has no audio stream\."):
        decode(write(tmp_path, encode_picture()))


@pytest.mark.parametrize("container", ["matroska", "mp3"])
def test_tags_that_are_no_text_do_not_matter(tmp_path, container):
    codec = {"matroska": "flac", "mp3": "libmp3lame"}[container]
    content = encode(codec, container, sine(), title="QQQQQQQQ")
    broken = content.replace(b"QQQQQQQQ", b"QQ\xff\xfe\xc3QQQ")
    assert broken != content
    samples, _ = decode(write(tmp_path, broken))
    assert len(samples) == SR


def test_a_playlist_opens_no_other_file(tmp_path, monkeypatch):
    other = write(tmp_path, sounded("WAV", sine()), "other.wav")
    monkeypatch.chdir(tmp_path)
    lists = [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {other}\n",
        "ffconcat version 1.0\nfile other.wav\n",
    ]
    for content in lists:
        path = write(tmp_path, content.encode(), "list.m3u8")
        with pytest.raises(DecodeError, match="cannot be read as audio"):
            decode(path)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(ReadError, match=r"none\.wav does not exist\."):
        decode(tmp_path / "none.wav")
    with pytest.raises(ReadError, match="is a folder"):
        decode(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match="not a regular file"):
        decode(tmp_path / "pipe")
