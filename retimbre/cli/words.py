"""Numbers in sentences, cells in columns."""

from collections.abc import Container, Sequence


def count(n: int, name: str) -> str:
    """Say how many there are.

    >>> count(1, "note"), count(1200, "note")
    ('1 note', '1,200 notes')
    """
    return f"{n:,} {name}" if n == 1 else f"{n:,} {name}s"


def choose(n: int, one: str, more: str) -> str:
    """Say how many there are, and what goes with it.

    >>> choose(1, "note was", "notes were"), choose(2, "note was", "notes were")
    ('1 note was', '2 notes were')
    """
    return f"{n:,} {one if n == 1 else more}"


def columns(rows: Sequence[Sequence[str]], *, to_the_left: Container[str]) -> list[str]:
    """Set rows under each other, in columns as wide as their widest cells.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the head.
    to_the_left : container of str
        Heads of the columns that begin at their left; the others end at their right.
    """
    aligned = []
    for cells in zip(*rows, strict=True):
        align = str.ljust if cells[0] in to_the_left else str.rjust
        width = max(map(len, cells))
        aligned.append([align(cell, width) for cell in cells])
    return ["  ".join(row).rstrip() for row in zip(*aligned, strict=True)]
