"""What the machine can do, and what is said where something is missing."""

import os
import sys

import pytest

from retimbre.errors import ModelNotFoundError, ParameterError
from retimbre.runtime import processor_flags
from retimbre.train import framework


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flags\t\t: fpu sse2 avx512f avx512_bf16 clzero", True),
        ("flags\t\t: fpu amx_bf16 amx_tile", True),
        ("Features\t: fp asimd bf16 i8mm", True),
        ("flags\t\t: fpu sse2 avx512f avx512bw", False),
        ("bugs\t\t: bf16", False),
    ],
)
def test_a_processor_says_what_it_can(tmp_path, monkeypatch, line, expected):
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\n{line}\npower management:\n")
    monkeypatch.setattr(framework, "processor_flags", lambda: processor_flags(info))
    assert framework.cpu_has_bfloat16() == expected


def test_a_system_that_does_not_say_cannot(tmp_path, monkeypatch):
    none = tmp_path / "none"
    monkeypatch.setattr(framework, "processor_flags", lambda: processor_flags(none))
    assert not framework.cpu_has_bfloat16()


@pytest.mark.parametrize(
    ("gpu", "cpu", "expected"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_auto_asks_the_gpu_first(monkeypatch, gpu, cpu, expected):
    monkeypatch.setattr(framework, "gpu_has_bfloat16", lambda: gpu)
    monkeypatch.setattr(framework, "cpu_has_bfloat16", lambda: cpu)
    assert framework.choose_precision("auto") == expected


def test_a_precision_that_is_named_is_taken():
    assert framework.choose_precision("bfloat16")
    assert not framework.choose_precision("float32")
    with pytest.raises(ParameterError, match="'float16'"):
        framework.choose_precision("float16")


@pytest.mark.parametrize("package", ["keras", "onnx", "tensorflow"])
def test_a_missing_package_says_how_to_get_it(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ModelNotFoundError, match=rf"^Training needs .* {package}; .*install .*train"
    ):
        framework.need_tensorflow()


def test_only_the_packages_that_are_needed_are_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    framework.need_packages("Importing", "json")
    with pytest.raises(ModelNotFoundError, match=r"^Importing needs the package tensorflow; in a"):
        framework.need_packages("Importing", "json", "tensorflow")


def test_only_what_libraries_say_while_they_load_is_kept_away(capfd):
    def load():
        with framework.silent_libraries():
            os.write(2, b"built for AVX2")
            raise ImportError("no such library")

    with pytest.raises(ImportError, match="no such library"):
        load()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
