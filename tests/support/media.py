"""Small media files for the tests, of any codec and container, made in memory or on disk."""

import io
from fractions import Fraction

import numpy as np

SR = 48_000


def sine(hz=440.0, seconds=1.0, sr=SR, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * sr)) / sr)).astype(
        np.float32
    )


def pitch_of(y, sr):
    """Frequency [Hz] of the strongest partial, to a small part of a bin (parabola in dB)."""
    spectrum = np.log(np.abs(np.fft.rfft(y * np.hanning(len(y)))) + 1e-12)
    k = int(np.argmax(spectrum))
    below, peak, above = spectrum[k - 1 : k + 2]
    return (k + 0.5 * (below - above) / (below - 2 * peak + above)) * sr / len(y)


class _Pipe(io.RawIOBase):
    """A sink that cannot seek, so that no container can complete its header afterwards."""

    def __init__(self):
        self.content = b""

    def writable(self):
        return True

    def write(self, data):
        self.content += bytes(data)
        return len(data)


def encode(codec, container, y, sr=SR, *, is_live=False, title=None):
    """Encode samples [shape=(n,) or (2, n)] with PyAV and return the bytes of the file."""
    import av

    y = np.atleast_2d(y).astype(np.float32)
    layout = {1: "mono", 2: "stereo"}[len(y)]
    sink = _Pipe() if is_live else io.BytesIO()
    with av.open(sink, "w", format=container) as output:
        if title is not None:
            output.metadata["title"] = title
        stream = output.add_stream(codec, rate=sr)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(y, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = sr, 0, Fraction(1, sr)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return sink.content if is_live else sink.getvalue()


def encode_picture():
    """Return the bytes of a video of one frame without sound."""
    import av

    sink = io.BytesIO()
    with av.open(sink, "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return sink.getvalue()
