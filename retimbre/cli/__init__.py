"""Command line: options in, results and messages out."""

import io
import os
import sys


def main() -> None:
    """Run the command ``retimbre`` and exit with its code."""
    from retimbre.cli.command import command

    _fill_missing_streams()
    # Names of files need not be text in the terminal's encoding; they are printed as they are.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    command(prog_name="retimbre")


def _fill_missing_streams() -> None:
    """Open the standard streams that are closed, on nothing.

    The next file to be opened would take their number, and libraries' warnings would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
