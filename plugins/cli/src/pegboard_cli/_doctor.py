"""`pegboard doctor`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import click

from pegboard.sessions.configuration import CONFIG_VARIABLE, Config, load_config
from pegboard_cli._in_force import DEFAULT, InForce, PluginInForce, of_nothing, of_plugins, of_sessions, plain

_MISUSE = 2


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one object, for programs.")
def doctor(as_json: bool) -> None:
    """Tell which settings are in force here, and where each comes from.

    Of texts, which may be secrets, it tells only that they are set. The status is 2 where the configuration cannot be used.
    """
    config = load_config()
    plugins = list(of_plugins(config))
    if as_json:
        click.echo(json.dumps(_as_object(config, plugins), indent=2))
    else:
        for line in _as_lines(config, plugins):
            click.echo(line)
    problems = [plugin.problem for plugin in plugins if plugin.source and plugin.problem]
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        click.get_current_context().exit(_MISUSE)


def _as_lines(config: Config, plugins: list[PluginInForce]) -> Iterator[str]:
    attached = [plugin for plugin in plugins if plugin.source]
    others = [plugin for plugin in plugins if not plugin.source]
    yield f"pegboard {version('pegboard-core')} on Python {platform.python_version()}"
    named = f"  from {CONFIG_VARIABLE}" if os.environ.get(CONFIG_VARIABLE) else ""
    yield f"configuration: {config.where or 'no file'}{named}"
    for setting in of_sessions(config):
        yield _line(setting)
    yield "plugins:" if attached else "plugins: none"
    for plugin in attached:
        yield from _of_plugin(plugin)
    if others:
        yield "plugins, where a program attaches them by name or by an option:"
    for plugin in others:
        yield from _of_plugin(plugin)
    for variable in of_nothing():
        yield f"{variable} sets nothing: no plugin of that name is installed"


def _of_plugin(plugin: PluginInForce) -> Iterator[str]:
    yield f"  {plugin.name}{plugin.source and f'  from {plugin.source}'}"
    if plugin.problem:
        yield f"    cannot be made: {plugin.problem.partition(chr(10))[0]}"
    for setting in plugin.settings:
        yield f"    {_line(setting)}"
    for warning in plugin.warnings:
        yield f"    warning: {warning}"


def _line(setting: InForce) -> str:
    shown = setting.value if isinstance(setting.value, str) else repr(setting.value)
    where = "by default" if setting.source == DEFAULT else f"from {setting.source}"
    return f"{setting.keyword} = {shown}  {where}"


def _as_object(config: Config, plugins: list[PluginInForce]) -> dict[str, Any]:
    return {
        "pegboard": version("pegboard-core"),
        "python": platform.python_version(),
        "configuration": config.where or None,
        "settings": [_setting(setting) for setting in of_sessions(config)],
        "plugins": [
            {
                "name": plugin.name,
                "from": plugin.source or None,
                "settings": [_setting(setting) for setting in plugin.settings],
                "problem": plugin.problem or None,
                "warnings": plugin.warnings,
            }
            for plugin in plugins
        ],
        "unused": of_nothing(),
    }


def _setting(setting: InForce) -> dict[str, Any]:
    return {"keyword": setting.keyword, "value": plain(setting.value), "from": setting.source}
