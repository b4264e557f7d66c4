"""The command and its subcommands."""

from __future__ import annotations

import click

from pegboard_cli._commands import Commands
from pegboard_cli._doctor import doctor
from pegboard_cli._explain import explain
from pegboard_cli._failures import traceback_option
from pegboard_cli._hooks import hooks
from pegboard_cli._plugins import plugins
from pegboard_cli._run import run


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@traceback_option
@click.version_option(package_name="pegboard-core", prog_name="pegboard")
def main() -> None:
    """Run Pegboard tasks, and see what is hung on them."""


for command in (run, plugins, hooks, explain, doctor):
    main.add_command(command)
