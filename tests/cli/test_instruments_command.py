"""``retimbre instruments``: a table for people, JSON for programs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_models import NAMES, palette_table, write_model

from retimbre.cli.command import command


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "fake")


def instruments(*args: object, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(command, ["instruments", *map(str, args)], prog_name="retimbre")
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result


def test_table_is_aligned_and_has_units(model: Path) -> None:
    head, *rows = instruments("-m", model).stdout.splitlines()
    assert head.split() == [
        "name", "brightness", "attack", "decay", "noisiness", "range", "source",
    ]  # fmt: skip
    assert [row[:16].strip() for row in rows] == list(NAMES)
    cello = rows[1].removeprefix("Cello").split("  ")
    assert [cell.strip() for cell in cello if cell] == [
        "750 Hz", "20 ms", "12.0 dB/s", "-55 dB", "C#2-C#6", "fake.sf2",
    ]  # fmt: skip
    # Figures end below each other, texts begin below each other.
    for name in ("brightness", "attack", "decay", "noisiness"):
        end = head.index(name) + len(name)
        assert all(row[end - 1] != " " and row[end] == " " for row in rows)
    for name in ("range", "source"):
        start = head.index(name)
        assert all(row[start - 1] == " " and row[start] != " " for row in rows)


def test_json_is_an_array_of_all_that_is_known(model: Path) -> None:
    told = json.loads(instruments("--model", model, "--json").stdout)
    wanted = palette_table()["instruments"]
    for row in wanted:
        del row["z"]
    assert told == wanted


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["piano"], ["Grand Piano", "Electric Piano 1"]),
        (["PIA", "gra"], ["Grand Piano"]),
        (["electro"], ["Électro-Basse"]),
        (["electricpiano1"], ["Electric Piano 1"]),
        (["glassharm"], ["Glass Harmonics"]),
    ],
)
def test_words_select(model: Path, words: list[str], names: list[str]) -> None:
    told = json.loads(instruments("-m", model, "--json", *words).stdout)
    assert [row["name"] for row in told] == names


@pytest.mark.parametrize(
    ("field", "first", "last"),
    [
        ("name", "Cello", "Électro-Basse"),
        ("brightness", "Flute", "Électro-Basse"),
        ("decay", "Flute", "Électro-Basse"),
        ("range", "Flute", "Électro-Basse"),
    ],
)
def test_fields_sort(model: Path, field: str, first: str, last: str) -> None:
    told = json.loads(instruments("-m", model, "--json", "--sort", field).stdout)
    assert (told[0]["name"], told[-1]["name"]) == (first, last)
    assert len(told) == len(NAMES)


def test_nothing_selected_is_one_sentence_with_near_names(model: Path) -> None:
    result = instruments("-m", model, "harmonica", exit_code=1)
    assert result.stdout == ""
    assert result.stderr.startswith(
        "Error: No instrument has 'harmonica' in its name. Did you mean Glass Harmonics, "
    )


def test_unknown_model_and_field_are_usage(model: Path) -> None:
    told = instruments("-m", "nowhere", exit_code=2).stderr
    assert "No model named 'nowhere'" in told
    assert "is not one of" in instruments("-m", model, "--sort", "size", exit_code=2).stderr


def test_model_without_a_palette_is_one_sentence(tmp_path: Path) -> None:
    old = write_model(tmp_path / "old", parts=())
    told = instruments("-m", old, exit_code=1).stderr
    assert told.startswith("Error: The model 'old' has no palette of named instruments;")
    assert told.count("\n") == 1


def test_listing_loads_no_network(model: Path) -> None:
    code = (
        "import sys; from retimbre.cli import main\n"
        "try: main()\n"
        "finally: print('onnxruntime' in sys.modules, file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, "instruments", "-m", model],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert run.stderr == "False\n"
    assert len(run.stdout.splitlines()) == len(NAMES) + 1
