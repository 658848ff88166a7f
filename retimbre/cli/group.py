"""A click group whose own callback is the main job."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

import click

from retimbre.errors import RetimbreError, one_line

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""

LAST_SECTION = "Run"
"""Heading of the options that every command has (help)."""


class SectionOption(click.Option):
    """An option that is listed under a heading of the help page.

    Parameters
    ----------
    section : str
        The heading.
    show_range : bool
        Whether the help page shows the range of its numbers.
    """

    def __init__(self, *args: Any, section: str, show_range: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.show_range = show_range

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return what the help page shows in brackets."""
        extra = super().get_help_extra(ctx)
        if not self.show_range:
            extra.pop("range", None)
        return extra


@contextmanager
def _without_usage_of_values() -> Iterator[None]:
    """Leave the two lines on usage out of errors about a value; they say nothing of it."""
    try:
        yield
    except click.UsageError as error:
        is_missing = isinstance(error, click.MissingParameter)
        is_value = isinstance(error, click.BadParameter) and not is_missing
        if is_value or isinstance(error.__cause__, RetimbreError):
            error.ctx = None
        raise


class MainJobGroup(click.Group):
    """A group whose own callback is the main job.

    A first word that is the name of a command runs that command; anything else is taken as the
    arguments of the main job (a file that is named like a command is given as ``./name``). The
    modules of the commands are imported when they are run, not to list them.

    Parameters
    ----------
    lazy : dict of str to (str, str)
        Name of each command, its ``module:attribute`` and what the help page says of it.
    """

    allow_interspersed_args = True

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **(kwargs | {"invoke_without_command": True}))
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing its module."""
        if cmd_name not in self.lazy:
            return None
        try:
            command = resolve_name(self.lazy[cmd_name][0])
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"'retimbre {cmd_name}' needs {error.name}; "
                "in a checkout of retimbre, install it with: pip install '.[train]'"
            ) from error
        assert isinstance(command, click.Command)
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse for the main job, or let the command that is named parse for itself."""
        first = args[0] if args else ""
        command = self.get_command(click.Context(self, info_name=info_name), first)
        with _without_usage_of_values():
            if command is None:
                return super().make_context(info_name, args, parent, **extra)
            # Commands are parsed beside the group, not below it, and would not inherit these.
            extra = {**self.context_settings, **command.context_settings, **extra}
            return command.make_context(f"{info_name} {first}", args[1:], parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments of the main job, none of which is the name of a command."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            raise click.exceptions.NoArgsIsHelpError(ctx)
        return click.Command.parse_args(self, ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run; an error that gets so far becomes one line, unless ``-v`` asks for all of it."""
        try:
            with _without_usage_of_values():
                if ctx.command is not self:
                    return ctx.command.invoke(ctx)
                return click.Command.invoke(self, ctx)
        except KeyboardInterrupt:
            click.echo("\nretimbre: interrupted; files already written are complete.", err=True)
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        # A boundary: no traceback reaches a user who did not ask for it.
        except Exception as error:
            is_closed_pipe = isinstance(error, OSError) and error.errno == errno.EPIPE
            if is_closed_pipe or ctx.params.get("verbose"):
                raise
            raise click.ClickException(one_line(error)) from error

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the main job's usage; commands are listed further down."""
        return click.Command.collect_usage_pieces(self, ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options under their headings, then the commands."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                section = param.section if isinstance(param, SectionOption) else LAST_SECTION
                sections.setdefault(section, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(self.lazy.items())])
