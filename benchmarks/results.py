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
    pattern = _section(title)
    if pattern.search(text):
        text = pattern.sub(lambda _: section + "\n", text, count=1)
    else:
        text = text.rstrip() + "\n\n" + section
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text.rstrip() + "\n", encoding="utf-8")
    temporary.replace(path)


def read_section(title: str, *, path: Path = RESULTS) -> str:
    """Return what stands under a heading; nothing where there is no such section."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = _section(title).search(text)
    return found.group().split("\n", 1)[1].strip() if found else ""


def merge_rows(title: str, head: str, table: str, *, path: Path = RESULTS) -> None:
    """Put rows into the table of a section: in the place of those of the same name, or below.

    Parameters
    ----------
    title : str
        The section's heading.
    head : str
        What stands before the table. A section with another head is of something else: its rows
        are not kept.
    table : str
        Markdown; the first cells name the rows.
    path : Path
    """
    old = read_section(title, path=path)
    kept = old if old.startswith(head.strip()) else ""
    lines = [line for part in (kept, table) for line in part.splitlines() if line[:1] == "|"]
    rows = {line.split(" | ")[0]: line for line in lines}
    write_section(title, f"{head.strip()}\n\n" + "\n".join(rows.values()), path=path)


def _section(title: str) -> re.Pattern[str]:
    # A section ends where the next second-level heading begins, or with the file.
    return re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
