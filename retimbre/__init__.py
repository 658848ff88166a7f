"""Play a recorded melody on instruments that never existed.

The names of ``__init__.pyi`` are loaded when they are first used, so that the import itself costs
nothing.

>>> import retimbre
>>> result = retimbre.retimbre_file("in.webm", confidence=0.8, seed=0)  # doctest: +SKIP
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)

# Without `retimbre`: it would take the place of the package after ``from retimbre import *``.
__all__ = [*sorted(set(_names) - {"retimbre"}), "__version__"]
