"""`pegboard explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pegboard_cli._failures import preparing, traceback_option
from pegboard_cli._session import attached, plugin_option
from pegboard_cli._target import Target

if TYPE_CHECKING:
    from pegboard import Task


@click.command()
@plugin_option
@traceback_option
@click.argument("target", type=Target(), metavar="MODULE:TASK")
def explain(plugins: tuple[str, ...], target: Task[..., Any]) -> None:
    """Tell what a task does: its options, scopes, layers in order, and who observes which event."""
    with attached(plugins) as session, preparing():
        click.echo(str(session.explain(target)))
