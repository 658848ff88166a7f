"""The rows of the table of the sound."""

from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """A figure.

    Attributes
    ----------
    figure : str
        What was measured.
    measured : str
        The value, with its unit.
    target : str
        What it should be; empty for a figure that only explains another.
    remark : str
    """

    figure: str
    measured: str
    target: str = ""
    remark: str = ""


def to_markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    head = "| figure | measured | target | |\n|---|---|---|---|"
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in rows)])


def share(values: Sequence[bool]) -> str:
    """Return how many of some values hold, in per cent and as a fraction."""
    n, total = sum(values), len(values)
    return f"{100.0 * n / max(total, 1):.1f} % ({n} of {total})"
