"""`pegboard doctor`."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version

import click

from pegboard import discovery
from pegboard.environment import settings_of
from pegboard.sessions.configuration import Config, load_config


@click.command()
def doctor() -> None:
    """Tell which settings are in force here, and where each comes from."""
    config = load_config()
    click.echo(f"pegboard {version('pegboard-core')} on Python {platform.python_version()}")
    click.echo(f"configuration: {config.where or 'no file'}")
    click.echo(f"executor: {config.executor or 'threads'}")
    click.echo(f"disabled: {', '.join(sorted(config.disabled)) or 'nothing'}")
    click.echo("plugins:" if config.plugins else "plugins: none")
    for name in config.plugins:
        click.echo(f"  {name}")
        for line in _settings(name, config):
            click.echo(f"    {line}")


def _settings(name: str, config: Config) -> Iterator[str]:
    by_environment = settings_of(name, discovery.find(name))
    for keyword, value in config.settings.get(name, {}).items():
        if keyword not in by_environment:
            shown = repr(value) if isinstance(value, bool | int | float) else "***"
            yield f"{keyword} = {shown}  from {config.where}"
    for keyword, setting in by_environment.items():
        yield f"{keyword} = {setting.shown}  from {setting.variable}"
