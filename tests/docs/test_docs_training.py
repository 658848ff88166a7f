"""What the page on training says of commands, options, settings and messages is so."""

import re
import shlex
from pathlib import Path

import click
import pytest
from training_page import PAGE, blocks, rows, sections, spans

from retimbre.cli.command import COMMANDS, command
from retimbre.cli.dataset import tell
from retimbre.train.config import CONFIGS, TrainConfig
from retimbre.train.data import build as rendering
from retimbre.train.data.build import Built
from retimbre.train.framework import PRECISIONS

ROOT = Path(__file__).resolve().parents[2]
TOLD_OF = {"Make a data set": "dataset build", "Train": "train", "Export and play": "export"}
"""The command whose options a section tells of."""

LINES = [
    line
    for block in blocks("sh")
    for line in block.splitlines()
    if line.split(maxsplit=1)[0] == "retimbre"
]
SAID = [(title, span) for title, text in sections().items() for span in spans(text)]
OPTIONS = [(title, span) for title, span in SAID if re.match(r"--?[a-z]", span)]


def find(name: str) -> click.Command:
    """Return a command by the words after ``retimbre``."""
    found: click.Command = command
    for word in name.split():
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner is not None, word
        found = inner
    return found


def names_of(name: str) -> set[str]:
    """Return the options of a command."""
    return {opt for param in find(name).params if param.param_type_name == "option"
            for opt in param.opts}  # fmt: skip


def parse(name: str, words: list[str]) -> dict[str, object]:
    """Parse words for a command and return the texts that they give.

    Whether the files that they name exist is not looked at.
    """
    found = find(name)
    ctx = click.Context(found)
    values, rest, _ = found.make_parser(ctx).parse_args([*words])
    assert not rest, rest
    given = {
        name: value
        for name, value in values.items()
        if isinstance(value, str | list | tuple) and value
    }
    for param in found.params:
        if param.name in given and not isinstance(param.type, click.Path):
            param.type_cast_value(ctx, given[param.name])
    return given


def is_understood(name: str, words: list[str]) -> bool:
    try:
        parse(name, words)
    except click.UsageError:
        return False
    return True


@pytest.mark.parametrize("line", LINES)
def test_every_command_line_is_understood(line: str) -> None:
    _, *words = shlex.split(line, comments=True)
    n_names = 0 if words[0] not in COMMANDS else 2 if words[0] == "dataset" else 1
    name = " ".join(words[:n_names])
    values = parse(name, words[n_names:])
    for param in find(name).params:
        if param.required:
            assert param.name in values
    if name == "train":
        assert values.get("config_name") in (None, "tiny.json", *CONFIGS)


@pytest.mark.parametrize(("title", "name"), TOLD_OF.items())
def test_every_option_is_told_of_where_its_command_is(title: str, name: str) -> None:
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", sections()[title]))
    for param in find(name).params:
        if param.param_type_name == "option":
            assert told & set(param.opts), param.opts


@pytest.mark.parametrize("title", ["Make a data set", "Train"])
def test_options_in_tables_are_those_of_the_command(title: str) -> None:
    told = [spans(row[0])[0].split()[0] for row in rows("option", sections()[title])]
    assert len(told) >= 7
    assert set(told) <= names_of(TOLD_OF[title])


@pytest.mark.parametrize(("title", "span"), OPTIONS)
def test_every_option_that_is_named_exists(title: str, span: str) -> None:
    words = shlex.split(span)
    if len(words) == 1 or re.fullmatch(r"[A-Z|-]+", words[1]):
        # A name, or a name and what stands for its value.
        assert any(words[0] in names_of(name) for name in TOLD_OF.values())
    else:
        assert any(is_understood(name, words) for name in TOLD_OF.values())


def values_of(cell: str) -> list[tuple[float, ...]]:
    """Read ``0, 100,000; 24,000``: a comma within a number has no space behind it."""
    return [
        tuple(float(number.replace(",", "")) for number in part.split(", "))
        for part in cell.split("; ")
    ]


def test_the_defaults_of_the_settings_are_those_of_the_code() -> None:
    told = rows("setting")
    assert len(told) >= 10
    defaults = TrainConfig()
    for names, values, _ in told:
        for name, value in zip(spans(names), values_of(values), strict=True):
            default = getattr(defaults, name)
            assert value == (default if isinstance(default, tuple) else (default,)), name


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    whole, short, mel = (CONFIGS[name] for name in ("harmonic", "harmonic_short", "mel_prog_hires"))
    keys, touches = rendering.PITCHES, rendering.VELOCITIES
    text = PAGE.replace("\n", " ")
    for figure in (
        f"{len(keys)} keys",
        f"MIDI {keys[0]} to {keys[-1]}",
        f"{touches[0]}, {touches[1]} and {touches[2]}",
        f"{whole.batch_size}.",
        f"{whole.n_held_out} instruments",
        f"`harmonic_short` ({short.total_notes:,} notes)",
        f"`harmonic` ({whole.total_notes:,} notes)",
        *(f"{config.n_grown:,}" for config in (whole, short, mel)),
    ):
        assert figure in text, figure
    assert {"auto", "bfloat16", "float32"} == set(PRECISIONS)


def test_what_a_build_tells_is_shown() -> None:
    (shown,) = blocks("")
    left_out = {"silent": 10_287, "not at their pitch": 4_254}
    built = Built(31_051, 278, 0, left_out, duplicates=[None] * 33)  # type: ignore[list-item]
    assert shown.splitlines() == tell(built, Path("datasets/mine"))


def test_every_message_that_is_named_is_in_the_code() -> None:
    code = "".join(path.read_text() for path in sorted((ROOT / "retimbre").rglob("*.py")))
    # Sentences go on from line to line.
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    messages = [span for row in rows("you see") for span in spans(row[0])]
    assert len(messages) >= 8
    for message in messages:
        for part in map(str.strip, re.split(r"\.\.\.|\d+", message)):
            # What is at work is filled in: "Training", "Importing".
            assert part.removeprefix("Training ") in code, part


@pytest.mark.parametrize("name", re.findall(r"\]\(([a-z][\w/.-]+)(?:#[\w-]+)?\)", PAGE))
def test_every_file_that_is_linked_exists(name: str) -> None:
    assert (ROOT / "docs" / name).exists()


@pytest.mark.parametrize("name", [s for _, s in SAID if re.fullmatch(r"[\w/]+\.py", s)])
def test_every_module_that_is_named_exists(name: str) -> None:
    assert (ROOT / name).exists()
