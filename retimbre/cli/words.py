"""Numbers in sentences."""


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
