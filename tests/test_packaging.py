"""What the package says of itself to those who install it."""

import configparser
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")
PAGE = ROOT / CONFIG["metadata"]["long_description"].removeprefix("file: ")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def requirements(text):
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("%")]


def test_an_index_page_has_no_links_into_the_repository():
    links = re.findall(r"\]\(([^)]+)\)|<(?:img|a) [^>]*\"([^\"]+)\"", PAGE.read_text("utf-8"))
    assert all(target.startswith("https://") for pair in links for target in pair if target)


def test_the_page_is_in_the_sdist():
    assert f"graft {PAGE.parent.name}" in (ROOT / "MANIFEST.in").read_text().splitlines()


def test_the_versions_of_python_are_those_of_the_readme():
    named = re.findall(r"Python :: 3\.(\d+)$", CONFIG["metadata"]["classifiers"], re.MULTILINE)
    low, high = re.search(r"^Python 3\.(\d+) to 3\.(\d+)", README, re.MULTILINE).groups()
    assert named == [str(minor) for minor in range(int(low), int(high) + 1)]
    assert CONFIG["options"]["python_requires"] == f">=3.{low}"
    assert f"Python 3.{low} to 3.{high}" in PAGE.read_text("utf-8")


def test_nothing_is_held_back():
    everything = [CONFIG["options"]["install_requires"], *CONFIG["options.extras_require"].values()]
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    found = [r for text in (*everything, "\n".join(build)) for r in requirements(text)]
    assert len(found) > 20
    assert {s.operator for r in found for s in r.specifier} == {">="}


@pytest.mark.parametrize(
    "wanted",
    [r for r in requirements(CONFIG["options"]["install_requires"]) if r.specifier],
    ids=lambda wanted: wanted.name,
)
def test_the_oldest_versions_that_are_tried_are_the_oldest_allowed(wanted):
    oldest = {r.name: r for r in requirements((ROOT / ".ci" / "oldest.txt").read_text())}
    (least,) = (s.version for s in wanted.specifier)
    (tried,) = (s.version for s in oldest[wanted.name].specifier)
    assert (tried + ".0.0").startswith(least + ".")


def test_every_folder_of_modules_is_packed():
    folders = {path.parent for path in (ROOT / "retimbre").rglob("__init__.py")}
    names = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(CONFIG["options"]["packages"].split()) == names | {"retimbre.models"}


@pytest.mark.parametrize("python", ["/bin/false", sys.executable])
def test_a_wheel_that_does_not_play_fails_the_check(tmp_path, python):
    check = [
        ROOT / ".ci" / "check_wheel",
        python,
        tmp_path / "none.whl",
        tmp_path,
        tmp_path / "out",
    ]
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0
