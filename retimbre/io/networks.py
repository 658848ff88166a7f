"""ONNX Runtime, and where the embedded networks lie."""

import os
from pathlib import Path
from typing import Any

from retimbre.errors import ModelFormatError

_PACKAGE = Path(__file__).resolve().parents[1]

MODEL_ROOTS = (_PACKAGE.parent / "models", _PACKAGE / "models")
"""In a checkout models/ lies beside the package; a wheel carries it inside."""


def embedded_file(name: str) -> Path:
    """Return where a file under ``models/`` lies.

    Parameters
    ----------
    name : str
        With ``/`` between folder and file.

    Raises
    ------
    ModelFormatError
        If the installation lacks it.
    """
    for root in MODEL_ROOTS:
        if (root / name).is_file():
            return root / name
    raise ModelFormatError(f"This installation lacks models/{name}; install retimbre again.")


def load_onnxruntime() -> Any:
    """Import ONNX Runtime without its telemetry.

    From version 1.32 on it would look up an address on the internet and write into the user's
    cache folder. It reads the setting while it is imported.

    Returns
    -------
    onnxruntime : module
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


def open_session(graph: bytes) -> Any:
    """Open a network that computes with one thread.

    Parameters
    ----------
    graph : bytes
        An ONNX file.

    Returns
    -------
    session : onnxruntime.InferenceSession

    Raises
    ------
    ModelFormatError
        If ONNX Runtime cannot run it; the sentence is the library's.
    """
    onnxruntime = load_onnxruntime()
    from onnxruntime.capi import onnxruntime_pybind11_state as ort

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime's classes have no base of their own.
    except (
        ort.Fail,
        ort.InvalidArgument,
        ort.InvalidGraph,
        ort.InvalidProtobuf,
        ort.NotImplemented,
        ort.RuntimeException,
    ) as error:
        raise ModelFormatError(str(error)) from error
