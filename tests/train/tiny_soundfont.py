"""A SoundFont of two instruments, written byte by byte, and a player that needs no library.

The layout is that of the SoundFont 2.01 specification: a RIFF form of three lists, the last of
which holds nine tables, each closed by a record that ends it.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retimbre.errors import ModelNotFoundError

RATE = 44100
PERIOD = 168
"""Samples a period: 262.5 Hz, 5.8 cents above middle C, which is told as the correction."""

CORRECTION = -6
INSTRUMENT, SAMPLE_MODES, SAMPLE_ID = 41, 54, 53


@dataclass(frozen=True)
class Tone:
    """A preset of one sample at middle C, looped or not."""

    name: str
    bank: int
    program: int
    wave: np.ndarray
    is_looped: bool


def saw(n_partials=20):
    """Ten periods of a sawtooth of whole partials."""
    phase = 2 * np.pi * np.arange(10 * PERIOD) / PERIOD
    return 0.4 * sum(np.sin(k * phase) / k for k in range(1, n_partials + 1))


def struck(n_partials=4, seconds=6.0):
    """A tone that dies away by 12 dB a second."""
    n = np.arange(round(seconds * RATE))
    tone = sum(np.sin(2 * np.pi * k * n / PERIOD) / k**2 for k in range(1, n_partials + 1))
    return 0.5 * tone * 10 ** (-12 * n / RATE / 20)


SAW = Tone("Saw", 0, 81, saw(), True)
STRUCK = Tone("Struck", 8, 14, struck(), False)


def chunk(name, data):
    """Return a RIFF chunk, padded to whole words."""
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _lists(name, *chunks):
    return chunk(b"LIST", name + b"".join(chunks))


def _text(text):
    return text.encode().ljust(20, b"\0")


def write_soundfont(path, tones=(SAW, STRUCK)):
    """Write a SoundFont of some tones; return its path."""
    silence = np.zeros(46, np.int16)
    samples, starts = [], []
    for tone in tones:
        starts.append(sum(map(len, samples)))
        samples += [np.rint(tone.wave * 32767).astype("<i2"), silence]
    data = np.concatenate(samples).tobytes()
    info = _lists(
        b"INFO",
        chunk(b"ifil", struct.pack("<HH", 2, 1)),
        chunk(b"isng", b"EMU8000\0"),
        chunk(b"INAM", b"tiny\0\0"),
    )
    body = info + _lists(b"sdta", chunk(b"smpl", data)) + _lists(b"pdta", *_tables(tones, starts))
    Path(path).write_bytes(chunk(b"RIFF", b"sfbk" + body))
    return Path(path)


def _tables(tones, starts):
    n = len(tones)
    presets, instruments, headers = [], [], []
    for i, (tone, start) in enumerate(zip(tones, starts, strict=True)):
        presets.append(
            _text(tone.name) + struct.pack("<HHHIII", tone.program, tone.bank, i, 0, 0, 0)
        )
        instruments.append(_text(tone.name) + struct.pack("<H", i))
        end = start + len(tone.wave)
        # The loop leaves a period on either side, for the players' interpolation.
        loop = (start + 2 * PERIOD, start + 8 * PERIOD)
        header = struct.pack("<IIIIIBbHH", start, end, *loop, RATE, 60, CORRECTION, 0, 1)
        headers.append(_text(tone.name) + header)
    presets.append(_text("EOP") + struct.pack("<HHHIII", 0, 0, n, 0, 0, 0))
    instruments.append(_text("EOI") + struct.pack("<H", n))
    headers.append(_text("EOS") + bytes(26))
    of_preset = [struct.pack("<HH", INSTRUMENT, i) for i in range(n)] + [bytes(4)]
    of_instrument = [
        struct.pack("<HHHH", SAMPLE_MODES, int(tone.is_looped), SAMPLE_ID, i)
        for i, tone in enumerate(tones)
    ] + [bytes(4)]
    preset_bags = [struct.pack("<HH", i, 0) for i in range(n + 1)]
    instrument_bags = [struct.pack("<HH", 2 * i, 0) for i in range(n + 1)]
    tables = {
        b"phdr": presets,
        b"pbag": preset_bags,
        b"pmod": [bytes(10)],
        b"pgen": of_preset,
        b"inst": instruments,
        b"ibag": instrument_bags,
        b"imod": [bytes(10)],
        b"igen": of_instrument,
        b"shdr": headers,
    }
    return [chunk(name, b"".join(records)) for name, records in tables.items()]


class TinyPlayer:
    """Stands for `fluid.FluidSynth`: reads and plays what `write_soundfont` writes."""

    def __init__(self, path):
        data = Path(path).read_bytes() if Path(path).is_file() else b""
        if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
            raise ModelNotFoundError(f"{path} cannot be opened by FluidSynth as a SoundFont.")
        found = {}
        for name, content in _chunks(data[12:]):
            if name == b"LIST":
                found |= dict(_chunks(content[4:]))
        self._samples = np.frombuffer(found[b"smpl"], "<i2") / 32768
        self._headers = [h[20:] for h in _records(found[b"shdr"], 46)]
        generators = list(struct.iter_unpack("<HH", found[b"igen"]))
        bags = [first for first, _ in struct.iter_unpack("<HH", found[b"ibag"])]
        self._presets = {}
        for i, header in enumerate(_records(found[b"phdr"], 38)[:-1]):
            name = header[:20].rstrip(b"\0").decode()
            program, bank = struct.unpack("<HH", header[20:24])
            self._presets[bank, program] = (name, dict(generators[bags[i] : bags[i + 1]]))

    def preset_name(self, bank, program):
        return self._presets.get((bank, program), (None,))[0]

    def play(self, bank, program, pitch, velocity, n_held, n_released):
        settings = self._presets[bank, program][1]
        start, end, loop_start, loop_end, rate, root, cents = struct.unpack(
            "<IIIIIBb", self._headers[settings[SAMPLE_ID]][:22]
        )
        step = rate / RATE * 2 ** ((pitch - root + cents / 100) / 12)
        place = start + step * np.arange(n_held + n_released)
        if settings[SAMPLE_MODES]:
            n = loop_end - loop_start
            place = np.where(place < loop_end, place, loop_start + (place - loop_start) % n)
        y = np.interp(place, np.arange(start, end + 46), self._samples[start : end + 46])
        y *= 0.5 * (velocity / 127) ** 2
        y[n_held:] *= np.exp(-np.arange(n_released) / (0.002 * RATE))
        return np.repeat(y[:, None], 2, axis=1).astype(np.float32)


def _chunks(data):
    while data:
        n = struct.unpack("<I", data[4:8])[0]
        yield data[:4], data[8 : 8 + n]
        data = data[8 + n + n % 2 :]


def _records(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]
