"""`pegboard plugins`."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import click

from pegboard import Session


@click.command()
def plugins() -> None:
    """List the installed plugins; none of them is imported or attached."""
    found = sorted(entry_points(group="pegboard.plugins"), key=lambda entry: entry.name)
    if not found:
        click.echo("no plugin is installed: pip install 'pegboard[retry]'")
        return
    manager = Session(inherit=False).pm
    width = max(len(entry.name) for entry in found)
    for entry in found:
        disabled = "  disabled by PEGBOARD_DISABLE" if manager.is_blocked(entry.name) else ""
        click.echo(f"{entry.name:{width}}  {_distribution(entry)}  {entry.value}{disabled}")


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "unknown"
