"""Turn a recorded melody into the same melody played by instruments that never existed."""

__version__ = "0.1.0"
