"""``python -m retimbre`` is the command ``retimbre``."""

from retimbre.cli import main

if __name__ == "__main__":
    main()
