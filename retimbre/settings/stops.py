"""Lists of instruments, as people write them.

One grammar holds wherever instruments are given by words: ``-i``, ``instruments=``,
``retimbre instruments show`` and what a run prints::

    list  =  item, item, ...
    item  =  what  or  what@SECONDS
    what  =  NAME           a named instrument of the model
             random         a random instrument, drawn by the seed of the run
             random:NUMBER  a random instrument that depends on the number (0..2**53) alone
             FILE.json      what ``save_instrument`` or ``--save-instruments`` wrote

Either all items have a time or none. Spaces around a part do not count, nor do capitals in
``random`` and ``.json``. Double quotes take a comma, an @ or the word random as a part of a name:
``"Piano, grand"@8.5``; a quote in quotes is written twice. Commas part one text into items; in a
sequence each text is one item.

A file of several instruments is a path. Alone it is played as it was, with its times. In a list
its instruments stand in its place, and its times do not count.
"""

import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from retimbre.errors import ParameterError

if TYPE_CHECKING:
    from retimbre._typing import FloatArray
    from retimbre.instrument import Instrument, Instruments

GivenInstrument: TypeAlias = "str | os.PathLike[str] | Instrument | Instruments | FloatArray"
GivenInstruments: TypeAlias = "GivenInstrument | Sequence[GivenInstrument]"
"""Items of the grammar, files, instruments and latent vectors, mixed as one likes."""

LARGEST_SEED = 2**53
"""Up to it every reader of JSON keeps an integer exact."""

MOST_TOLD = 8
"""Longer lists of names are shortened where they are printed."""

_SUFFIX = ".json"
_ITEM = re.compile(r'\s*"(?:[^"]|"")*"[^,]*|[^,]*')
_QUOTED = re.compile(r'"((?:[^"]|"")*)"\s*(?:@(.*))?', re.DOTALL)
_RANDOM = re.compile(r"random\s*(:.*)?", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r":\s*0*([0-9]{1,16})")


class Random(NamedTuple):
    """A random instrument.

    Attributes
    ----------
    seed : int or None
        None where it is to be drawn.
    """

    seed: int | None = None

    @property
    def word(self) -> str:
        """What asks for it."""
        return "random" if self.seed is None else f"random:{self.seed}"


class Stop(NamedTuple):
    """An instrument on the way of the timbre.

    Attributes
    ----------
    what : str, Random, Path, Instrument or Instruments
        A name of the palette, a random one, a file of instruments, or what was given itself.
    time : float or None [seconds]
        When it is reached, if that is given.
    """

    what: "str | Random | Path | Instrument | Instruments"
    time: float | None = None

    @property
    def word(self) -> str:
        """The item without its time, in the words of the grammar; what has none is called z."""
        if isinstance(self.what, Random):
            return self.what.word
        if isinstance(self.what, str | Path):
            return quoted(str(self.what), is_file=isinstance(self.what, Path))
        return getattr(self.what, "name", "") or "z"


def read_stops(given: "GivenInstruments") -> tuple[Stop, ...]:
    """Read a list of instruments.

    Parameters
    ----------
    given : str, path-like, Instrument, Instruments, np.ndarray or sequence of them
        A text holds a list of the grammar above, a text in a sequence one item of it. An array is
        one z [shape=(latent_dim,)] or, alone, several [shape=(n, latent_dim)]. A path-like is a
        .json file. None but items in words have a time.

    Returns
    -------
    stops : tuple of Stop
        One at least.

    Raises
    ------
    ParameterError
        If a name is missing, a time is no number from 0 on, times do not ascend, some
        instruments have a time and others none, the number of a random one is none, a z is not one
        row of finite numbers, or something else is given.

    Examples
    --------
    >>> [stop.what for stop in read_stops("Flute@0, Grand Piano@8.5")]
    ['Flute', 'Grand Piano']
    >>> read_stops("random, random:7")
    (Stop(what=Random(seed=None), time=None), Stop(what=Random(seed=7), time=None))
    """
    items = items_of(given)
    told = ",".join(i if isinstance(i, str) else Stop(i).word for i in items[:MOST_TOLD])
    if not items or any(isinstance(item, str) and not item.strip() for item in items):
        raise ParameterError(
            f"An instrument in {told!r} has no name; write names as in 'Flute,Cello'."
        )
    stops = tuple(_read_item(item) if isinstance(item, str) else Stop(item) for item in items)
    times = [stop.time for stop in stops if stop.time is not None]
    if len(times) not in (0, len(stops)):
        raise ParameterError(
            f"Only some instruments in {told!r} have a time; give one to all (as in "
            "'Flute@0,Cello@8.5') or to none."
        )
    if times != sorted(times):
        shown = tell([f"{t:g}" for t in times])
        raise ParameterError(f"Instrument times must be in ascending order, given {shown}.")
    return stops


def items_of(given: "GivenInstruments") -> "list[str | Path | Instrument | Instruments]":
    """Return what is given one by one: latent vectors as instruments, path-likes as paths.

    Raises
    ------
    ParameterError
        If one is of another kind.
    """
    if isinstance(given, str):
        return [*_parted(given)]
    # NumPy comes with it, which the help of the command line does without.
    from retimbre.instrument import Instrument, Instruments

    many: Any = given
    is_vector = hasattr(many, "ndim") and many.dtype.kind in "fiu" and many.ndim < 2
    if is_vector or isinstance(many, Instrument | Instruments | os.PathLike):
        many = [given]
    if not isinstance(many, Iterable):
        many = [given]
    return list(map(_checked_item, many))


def _checked_item(item: Any) -> "str | Path | Instrument | Instruments":
    from retimbre.instrument import Instrument, Instruments

    if isinstance(item, str | Instrument):
        return item
    if isinstance(item, Instruments):
        if not item.is_plain:
            raise ParameterError(
                "The path that is given was paced by even_path; give the one it was made from."
            )
        if not all(map(math.isfinite, item.times)):
            raise ParameterError(
                f"The path that is given needs finite times, given {item.times!s:.60}."
            )
        return item
    if isinstance(item, os.PathLike):
        path = Path(os.fsdecode(item))
        if path.suffix.lower() != _SUFFIX:
            raise ParameterError(
                f"{str(path)!r} is no file of instruments, which ends in .json; use like= for a "
                "recording."
            )
        return path
    if not hasattr(item, "ndim"):
        raise ParameterError(
            f"{item!r:.60} is no instrument; give a name, a .json file, an Instrument or an "
            "array z."
        )
    return Instrument(item)


def _parted(text: str) -> list[str]:
    """Part a text at the commas that stand in no quotes."""
    items, start = [], 0
    while True:
        match = _ITEM.match(text, start)
        assert match is not None  # it may be empty
        items.append(match.group())
        if match.end() == len(text):
            return items
        start = match.end() + 1


def _read_item(item: str) -> Stop:
    text = item.strip()
    is_quoted = text.startswith('"')
    time: str | None = None
    if is_quoted:
        match = _QUOTED.fullmatch(text)
        if match is None:
            raise ParameterError(
                f"The quotes of {text!r:.60} do not fit; put a name in two double quotes, as in "
                "'\"Piano, grand\"@8.5'."
            )
        name, time = match[1].replace('""', '"').strip(), match[2]
    elif text.lower().endswith(_SUFFIX) or "@" not in text:
        name = text
    else:
        name, _, time = (part.strip() for part in text.rpartition("@"))
    seconds = None if time is None else _seconds(time)
    if not name or (seconds is not None and math.isnan(seconds)):
        raise ParameterError(
            f"{text!r:.60} must be a name, @ and a time in seconds (0 or more), as in 'Cello@8.5'; "
            "a name with an @ in it is put in double quotes."
        )
    return Stop(_what(name, is_quoted), seconds)


def _seconds(text: str) -> float:
    """Return a time, NaN for what is none."""
    try:
        time = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return math.nan
    return time if 0.0 <= time < math.inf else math.nan


def _what(name: str, is_quoted: bool) -> "str | Random | Path":
    if name.lower().endswith(_SUFFIX):
        return Path(name)
    match = None if is_quoted else _RANDOM.fullmatch(name)
    if match is None:
        return name
    if match[1] is None:
        return Random()
    number = _NUMBER.fullmatch(match[1])
    if number is None or int(number[1]) > LARGEST_SEED:
        raise ParameterError(
            f"{name!r:.60} must have a whole number from 0 to {LARGEST_SEED} behind its colon, as "
            "in 'random:7'."
        )
    return Random(int(number[1]))


def quoted(name: str, *, is_file: bool = False) -> str:
    """Return a name as the grammar takes it: in quotes where it would be taken for more.

    Parameters
    ----------
    name : str
    is_file : bool
        Whether it is that of a .json file.

    Examples
    --------
    >>> print(quoted("Flute"), quoted("random"), quoted("Piano, grand"))
    Flute "random" "Piano, grand"
    """
    try:
        is_plain = read_stops(name) == (Stop(Path(name) if is_file else name),)
    except ParameterError:
        is_plain = False
    doubled = name.replace('"', '""')
    return name if is_plain else f'"{doubled}"'


def tell(words: Sequence[str]) -> str:
    """Join words for a message; of long lists only the first are told.

    >>> tell(["Flute", "Cello"])
    'Flute, Cello'
    >>> tell([str(k) for k in range(200)])
    '0, 1, 2, 3, 4, 5, 6, 7 and 192 more'
    """
    more = len(words) - MOST_TOLD
    return ", ".join(words[:MOST_TOLD]) + (f" and {more:,} more" if more > 0 else "")
