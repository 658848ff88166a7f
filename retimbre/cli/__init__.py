"""The command line: options in, one call of the batch runner, results and talk out."""

import io
import sys


def main() -> None:
    """Run the command ``retimbre`` and exit with its code."""
    from retimbre.cli.command import command

    # Names of files need not be text in the terminal's encoding; they are printed as they are.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    command(prog_name="retimbre")
