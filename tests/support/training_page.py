"""The page on training, as tests read it."""

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text("utf-8")


def sections(page: str = PAGE) -> dict[str, str]:
    """Return what stands under every heading of the second level."""
    return dict(re.findall(r"^## (?:\d+\. )?(.*)\n((?:(?!## ).*\n?)*)", page, re.MULTILINE))


def rows(first: str, page: str = PAGE) -> list[list[str]]:
    """Return the cells of all tables whose first column is headed so."""
    found = re.findall(rf"^\| {re.escape(first)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert found, first
    # Within a cell a bar is escaped.
    return [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for table in found
        for line in table.splitlines()
    ]


def spans(text: str) -> list[str]:
    """Return what is set as code within a text, blocks aside."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def blocks(language: str, page: str = PAGE) -> list[str]:
    """Return the blocks of code in a language, "" for those of none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return [block for named, block in found if named == language]


def subsection(title: str, page: str = PAGE) -> str:
    """Return what stands under a heading of the third level."""
    found = re.search(rf"^### {re.escape(title)}\n((?:(?!##).*\n?)*)", page, re.MULTILINE)
    assert found, title
    return found[1]
