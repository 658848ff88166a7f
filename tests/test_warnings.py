"""Warnings of our own code fail the tests; those of dependencies are listed."""

import gc
import re
import warnings

import pytest

WARN = "import warnings; warnings.warn('old', DeprecationWarning)"


def warn_from(module):
    exec(compile(WARN, "code.py", "exec"), {"__name__": module})


@pytest.mark.parametrize("module", ["retimbre", "retimbre.pitch.crepe.network", "test_warnings"])
def test_our_own_warnings_are_errors(module):
    with pytest.raises(DeprecationWarning, match="old"):
        warn_from(module)


@pytest.mark.parametrize("module", ["numpy.lib", "keras.src.saving"])
def test_warnings_of_dependencies_are_not(module):
    with warnings.catch_warnings(record=True) as caught:
        warn_from(module)
    assert [str(warning.message) for warning in caught] == ["old"]


def test_a_file_that_we_leave_open_is_an_error(tmp_path, monkeypatch):
    code = "def leave(path): handle = open(path, 'w')"
    names = {"__name__": "retimbre.io.files"}
    exec(compile(code, "/somewhere/retimbre/files.py", "exec"), names)
    seen = []
    monkeypatch.setattr("sys.unraisablehook", lambda hook: seen.append(hook.exc_type))
    names["leave"](tmp_path / "left")
    gc.collect()
    assert seen == [ResourceWarning]


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/somewhere/retimbre/files.py", True),
        ("/somewhere/retimbre/pitch/crepe.py", True),
        ("/home/me/retimbre/.venv/lib/python3.11/site-packages/keras/files.py", False),
    ],
)
def test_what_nobody_can_catch_is_an_error_in_our_own_code(pytestconfig, path, is_ours):
    (line,) = [line for line in pytestconfig.getini("filterwarnings") if "Unraisable" in line]
    text = f'Exception ignored in: <_io>\nTraceback:\n  File "{path}", line 1, in leave\n'
    assert bool(re.match(line.split(":")[1], text)) == is_ours
