"""`pegboard explain`."""

from __future__ import annotations

from typing import Any

import click

from pegboard import PegboardError, Task
from pegboard.sessions.default import serving_session
from pegboard_cli._session import attached, plugin_option
from pegboard_cli._target import Target


@click.command()
@plugin_option
@click.argument("target", type=Target(), metavar="MODULE:TASK")
def explain(plugins: tuple[str, ...], target: Task[..., Any]) -> None:
    """Tell what a task does: its options, scopes, layers in order, and who observes which event."""
    try:
        with attached(plugins) as session:
            click.echo(str((session or serving_session()).explain(target)))
    except PegboardError as error:
        raise click.UsageError(str(error)) from None
