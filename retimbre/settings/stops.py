"""Lists of instruments, as people write them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from retimbre.errors import ParameterError

if TYPE_CHECKING:
    from retimbre._typing import FloatArray
    from retimbre.instrument import Instrument

GivenInstruments: TypeAlias = (
    "str | Instrument | FloatArray | Sequence[str | Instrument | FloatArray]"
)
"""Names, instruments and latent vectors, mixed as one likes."""


class Stop(NamedTuple):
    """An instrument on the way of the timbre: by name, or itself.

    Attributes
    ----------
    name : str
    time : float or None [seconds]
        When it is reached, if that is given.
    instrument : Instrument or None
        None where the palette is asked for the name.
    """

    name: str
    time: float | None
    instrument: "Instrument | None" = None


def read_stops(given: "GivenInstruments") -> tuple[Stop, ...]:
    """Read a list of instruments.

    Parameters
    ----------
    given : str, Instrument, np.ndarray or sequence of them
        Names, in one text with commas between; all of them with ``@seconds`` behind, or none.
        Instruments and latent vectors have no time.

    Returns
    -------
    stops : tuple of Stop
        One at least.

    Raises
    ------
    ParameterError
        If a name is missing, a time is no number from 0 on, times do not ascend, some
        instruments have a time and others none, or a z is not one row of finite numbers.

    Examples
    --------
    >>> [stop.name for stop in read_stops("Flute@0, Grand Piano@8.5")]
    ['Flute', 'Grand Piano']
    """
    items = given.split(",") if isinstance(given, str) else _one_by_one(given)
    told = ",".join(i if isinstance(i, str) else i.name or "z" for i in items)
    if not items or any(isinstance(i, str) and not i.strip() for i in items):
        raise ParameterError(
            f"An instrument in {told!r} has no name; write names as in 'Flute,Cello'."
        )
    stops = tuple(map(_read_stop, items))
    times = [stop.time for stop in stops if stop.time is not None]
    if len(times) not in (0, len(stops)):
        raise ParameterError(
            f"Only some instruments in {told!r} have a time; give one to all (as in "
            "'Flute@0,Cello@8.5') or to none."
        )
    if times != sorted(times):
        shown = ", ".join(f"{t:g}" for t in times)
        raise ParameterError(f"Instrument times must be in ascending order, given {shown}.")
    return stops


def _one_by_one(given: Any) -> "list[str | Instrument]":
    """Return names and instruments; a latent vector becomes an instrument without a name."""
    # NumPy comes with it, which the help of the command line does without.
    from retimbre.instrument import Instrument

    is_array = hasattr(given, "ndim") and given.dtype.kind in "fiu"
    is_one = isinstance(given, Instrument) or (is_array and given.ndim < 2)
    items: list[str | Instrument] = []
    for item in [given] if is_one else given:
        if not (isinstance(item, str | Instrument) or hasattr(item, "ndim")):
            raise ParameterError(
                f"{item!r:.60} is no instrument; give a name, an Instrument or an array z."
            )
        items.append(item if isinstance(item, str | Instrument) else Instrument(item))
    return items


def _read_stop(item: "str | Instrument") -> Stop:
    if not isinstance(item, str):
        return Stop(item.name, None, item)
    name, at, text = item.rpartition("@")
    if not at:
        return Stop(item.strip(), None)
    try:
        time = float(text)
    except ValueError:
        time = math.nan
    if not (0.0 <= time < math.inf and name.strip()):
        raise ParameterError(
            f"{item.strip()!r} must be a name, @ and a time in seconds (0 or more), as in "
            "'Cello@8.5'."
        )
    return Stop(name.strip(), time)
