"""The command, run as a test wants it."""

import json

from click.testing import CliRunner

from retimbre.cli.command import command


def retimbre(*args, exit_code=0):
    """Run the command; show what it said if the exit code is another."""
    result = CliRunner().invoke(command, [str(arg) for arg in args], prog_name="retimbre")
    told = f"stdout:\n{result.stdout}\nstderr:\n{result.stderr}\n{result.exception!r}"
    assert result.exit_code == exit_code, told
    return result


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]
