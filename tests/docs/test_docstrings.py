"""The examples in the docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

import retimbre

PACKAGE = Path(retimbre.__file__).parent
MODULES = sorted(
    ".".join(("retimbre", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text()
)


def test_there_are_examples() -> None:
    assert sum(run_examples(name).attempted for name in MODULES) >= 10


def run_examples(name: str) -> doctest.TestResults:
    module = importlib.import_module(name.removesuffix(".__init__"))
    return doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert run_examples(name).failed == 0
