"""The command line: options in, one call of the batch runner, results and talk out."""


def main() -> None:
    """Run the command ``retimbre`` and exit with its code."""
    from retimbre.cli.command import command

    command(prog_name="retimbre")
