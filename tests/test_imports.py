"""What may know what, and what is not loaded until it is needed."""

import ast
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from fake_mel_model import write_mel_model
from fakes import LOUD, tones, write_wav

import retimbre

ROOT = Path(__file__).resolve().parents[1]

MAX_HELP_SECONDS = 0.4
"""Processor time of ``retimbre --help``."""

LONGEST_CHAIN, MOST_TOP_MODULES = 11, 15

MAX_IMPORT_SECONDS = 0.2
"""Processor time of ``import retimbre``."""

HEAVY = [
    *("tensorflow", "keras", "librosa", "onnxruntime", "numba", "scipy", "matplotlib"),
    *("av", "soxr", "soundfile", "h5py", "pretty_midi", "mido"),
]

PRINT_LOADED = """
import sys
try:
    {code}
finally:
    names = {names!r}
    print(*[name for name in names if name in sys.modules], file=sys.stderr)
"""


def loaded_after(code, names, cwd=None):
    """Run code in a fresh process; return which of the modules it loaded."""
    script = PRINT_LOADED.format(code=code, names=names)
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stderr.splitlines()[-1].split()


@pytest.mark.parametrize(
    "code",
    [
        "import retimbre",
        "import runpy; sys.argv = ['retimbre', '--help']; runpy.run_module('retimbre')",
        "import runpy; sys.argv = ['retimbre', '--help']\n"
        "    from retimbre.cli import main\n"
        "    main()",
    ],
)
def test_nothing_heavy_is_loaded_for_nothing(code):
    assert loaded_after(code, [*HEAVY, "numpy"]) == []


def test_the_check_would_see_a_heavy_import():
    assert loaded_after("import numpy", ["numpy", "scipy"]) == ["numpy"]


def test_main_job_needs_neither_tensorflow_nor_librosa(tmp_path):
    write_wav(tmp_path / "tone.wav", tones((60, 0.5, LOUD)))
    code = (
        "from retimbre.cli import main\n"
        "    sys.argv = ['retimbre', 'tone.wav', '--crepe-capacity', 'tiny', '-q']\n"
        "    main()"
    )
    loaded = loaded_after(code, ["tensorflow", "keras", "librosa", "onnxruntime"], cwd=tmp_path)
    assert (tmp_path / "tone.retimbred.wav").exists()
    assert loaded == ["onnxruntime"]


def test_models_of_gansynth_are_played_by_onnxruntime_alone(tmp_path):
    write_mel_model(tmp_path / "imported", np.zeros((128, 1024, 2), np.float32))
    code = (
        "from retimbre.cli import main\n"
        f"    sys.argv = ['retimbre', {str(ROOT / 'samples' / 'test.mid')!r}, '-m', 'imported',"
        " '-o', 'song.wav', '-q']\n"
        "    main()"
    )
    names = ["tensorflow", "keras", "onnx", "librosa", "onnxruntime"]
    loaded = loaded_after(code, names, cwd=tmp_path)
    assert (tmp_path / "song.wav").exists()
    assert loaded == ["onnxruntime"]


def test_help_is_quick():
    command = Path(sysconfig.get_path("scripts"), "retimbre")
    best = min(_processor_seconds([str(command), "--help"]) for _ in range(5))
    assert best < MAX_HELP_SECONDS


def test_import_is_quick():
    command = [sys.executable, "-c", "import retimbre"]
    assert min(_processor_seconds(command) for _ in range(5)) < MAX_IMPORT_SECONDS


def _processor_seconds(command):
    before = os.times()
    subprocess.run(command, capture_output=True, check=True)
    after = os.times()
    return (
        after.children_user
        + after.children_system
        - (before.children_user + before.children_system)
    )


def test_imports_go_one_way():
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


@pytest.mark.parametrize("name", [*retimbre.__all__, "retimbre"])
def test_public_names_can_be_loaded(name):
    assert getattr(retimbre, name) is not None


def test_the_names_of_the_stub_are_the_public_ones():
    tree = ast.parse((ROOT / "retimbre" / "__init__.pyi").read_text())
    (listed,) = (node.value for node in tree.body if isinstance(node, ast.Assign))
    assert {*ast.literal_eval(listed), "__version__"} == {*retimbre.__all__, "retimbre"}


def test_importing_all_names_keeps_the_package_its_own():
    names = {"retimbre": retimbre}
    exec("from retimbre import *", names)
    assert names["retimbre"] is retimbre
    assert names["retimbre_file"] is retimbre.retimbre_file


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="attribute retimber"):
        retimbre.retimber  # noqa: B018


def test_names_are_listed_before_they_are_loaded():
    assert {*retimbre.__all__, "retimbre"} - {"__version__"} <= set(dir(retimbre))


def _parts_imported():
    """Return which parts of the package each part imports, also inside functions."""
    imported = {}
    for path in (ROOT / "retimbre").rglob("*.py"):
        part = path.relative_to(ROOT / "retimbre").parts[0].removesuffix(".py")
        found = imported.setdefault(part, set())
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found |= {name.split(".")[1] for name in names if name.startswith("retimbre.")}
    # What is imported from the top is a module or a public name.
    return {
        part: {other for other in found if other in imported and other != part}
        for part, found in imported.items()
        if part != "__init__"
    }


def test_parts_form_no_circle_and_no_long_chain():
    imported = _parts_imported()
    longest = {}

    def length(part, above=()):
        assert part not in above, f"a circle: {' '.join((*above, part))}"
        if part not in longest:
            below = [length(other, (*above, part)) for other in imported[part]]
            longest[part] = 1 + max(below, default=0)
        return longest[part]

    assert max(map(length, imported)) <= LONGEST_CHAIN
    assert len([*(ROOT / "retimbre").glob("*.py")]) <= MOST_TOP_MODULES
