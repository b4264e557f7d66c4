"""Commands that installed plugins add."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from pegboard import texts
from pegboard.sessions.default import DEFAULT
from pegboard_cli._arguments import arguments_of
from pegboard_cli._failures import in_few_lines, preparing
from pegboard_cli._output import write
from pegboard_cli._session import check_configuration
from pegboard_cli._target import Target, imported

GROUP = "pegboard.commands"


class Commands(click.Group):
    """A group that finds commands among the entry points of installed distributions, too.

    They are named in the help, and loaded only when they are called: nothing runs because it is installed.

    Attributes:
        target: Finds the task that `module:task` names, for commands of plugins too: `ctx.find_root().command.target`.
        module: Imports a module, or a file by its path, for those.
        arguments: Fits words to what a task takes, for those.
        write: Writes a result, for those.
    """

    target = Target()
    module = staticmethod(imported)
    arguments = staticmethod(arguments_of)
    write = staticmethod(write)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, ours or a plugin's: a wrong configuration, a failure and Ctrl-C end all of them alike."""
        with in_few_lines():
            if not {"-h", "--help"}.intersection(ctx.args):
                check_configuration()
            try:
                return super().invoke(ctx)
            finally:
                DEFAULT.reset()  # so that what goes wrong at its end is told here, too

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, the command's own first."""
        own = super().list_commands(ctx)
        return [*own, *sorted(set(_found()) - set(own))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, the command's own before one of a plugin.

        Raises:
            click.UsageError: Two distributions have one of that name, or what is there is no command.
        """
        own = super().get_command(ctx, cmd_name)
        entries = _found().get(cmd_name, [])
        if own is not None or not entries:
            return own
        if len(entries) > 1:
            raise click.UsageError(
                f"the command {cmd_name!r} is in {' and in '.join(map(_owner, entries))}; uninstall one of them."
            )
        return _loaded(entries[0])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their help, and those of plugins with the distribution that has them."""
        known = {name: super(Commands, self).get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [
            (name, f"from {_owner(_found()[name][0])}" if command is None else command.get_short_help_str())
            for name, command in known.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _found() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        if entry not in found.setdefault(entry.name, []):
            found[entry.name].append(entry)
    return found


def _owner(entry: EntryPoint) -> str:
    return entry.value if entry.dist is None else entry.dist.name


def _loaded(entry: EntryPoint) -> click.Command:
    with preparing(f"the command {entry.name!r} of {_owner(entry)} cannot be loaded: "):
        command: Any = entry.load()
    if not isinstance(command, click.Command):
        raise click.UsageError(
            f"the command {entry.name!r} of {_owner(entry)} is no click command, but {texts.a(type(command).__name__)}."
        )
    return command
