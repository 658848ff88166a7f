"""Keep benchmarks/RESULTS.md: one section a benchmark, replaced each time that it runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "# Results\n\nWritten by the scripts of this folder; each section by one of them.\n"


def write_section(title: str, markdown: str, *, path: Path = RESULTS) -> None:
    """Replace the section `title` of the results, or append it.

    Parameters
    ----------
    title : str
        The section's heading, without the leading ``##``.
    markdown : str
        What stands under it; headings in it are ``###`` or smaller, so that the next
        section is still found.
    path : Path
        The file to write.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else HEADING
    section = f"## {title}\n\n{markdown.strip()}\n"
    # A section ends where the next second-level heading begins, or with the file.
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    if pattern.search(text):
        text = pattern.sub(lambda _: section + "\n", text, count=1)
    else:
        text = text.rstrip() + "\n\n" + section
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text.rstrip() + "\n", encoding="utf-8")
    temporary.replace(path)


def update_rows(title: str, figures: list[str], table: str, *, path: Path = RESULTS) -> None:
    """Replace rows of the table in a section by those of the same name in another table.

    Parameters
    ----------
    title : str
        The section's heading.
    figures : list of str
        The first cells of the rows; each stands in both tables once.
    table : str
    path : Path

    Raises
    ------
    ValueError
        If a row is missing.
    """
    text = path.read_text(encoding="utf-8")
    start = text.index(f"## {title}\n")
    end = text.find("\n## ", start)
    section = text[start : end if end >= 0 else len(text)].splitlines()
    new = {line.split(" | ")[0]: line for line in table.splitlines()}
    for figure in figures:
        section[[line.split(" | ")[0] for line in section].index(f"| {figure}")] = new[
            f"| {figure}"
        ]
    write_section(title, "\n".join(section[1:]), path=path)
