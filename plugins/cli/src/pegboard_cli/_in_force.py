"""Which settings are in force, and where each comes from."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from pegboard import PegboardError, discovery
from pegboard.environment import names_of, settable, settings_of
from pegboard.parts.kinds import is_open
from pegboard.sessions.configuration import (
    DISABLE_VARIABLE,
    PLUGINS_VARIABLE,
    Config,
    checked_settings,
    refuse_unknown,
)

DEFAULT = "default"
_MASK = "***"


@attrs.frozen
class InForce:
    """A setting.

    Attributes:
        keyword: Its name.
        value: Its value, or `***`: any text may be a secret.
        source: A file, a variable, several variables, or `default`.
    """

    keyword: str
    value: Any
    source: str


@attrs.frozen
class PluginInForce:
    """A plugin, and its settings.

    Attributes:
        name: Its name.
        source: What has it attached; "" where only a program would.
        settings: All that can be set.
        problem: Why it cannot be made with them, or "".
        warnings: What it says of what it stands on here.
    """

    name: str
    source: str
    settings: list[InForce] = attrs.Factory(list)
    problem: str = ""
    warnings: list[str] = attrs.Factory(list)


def of_sessions(config: Config) -> list[InForce]:
    """Return what the default session is set to."""
    return [
        InForce("executor", config.executor or "threads", config.where if config.executor else DEFAULT),
        InForce("strict", config.strict, config.where if config.strict else DEFAULT),
        InForce("strict_plugins", config.strict_plugins, config.where if config.strict_plugins else DEFAULT),
        *(
            InForce("disable", name, _named_by(DISABLE_VARIABLE, name, config))
            for name in sorted(config.disabled)
        ),
    ]


def of_plugins(config: Config) -> Iterator[PluginInForce]:
    """Yield the plugins that are attached by the configuration, then those that variables are set for.

    Raises:
        PegboardError: The configuration names what is not installed, or has settings for a plugin that it does not name.
    """
    refuse_unknown(config)
    for name in config.plugins:
        yield _plugin(name, _named_by(PLUGINS_VARIABLE, name, config), config)
    for name in discovery.installed():
        if name not in config.plugins and names_of(name):
            yield _plugin(name, "", config)


def of_nothing() -> list[str]:
    """Return the variables that look like settings, and are of no plugin that is installed."""
    known = {variable for name in discovery.installed() for variable in names_of(name)}
    return sorted(
        variable
        for variable in os.environ
        if variable.startswith("PEGBOARD_") and "__" in variable and variable not in known
    )


def _named_by(variable: str, name: str, config: Config) -> str:
    names = [each.strip() for each in os.environ.get(variable, "").split(",")]
    return variable if name in names else config.where


def _plugin(name: str, source: str, config: Config) -> PluginInForce:
    try:
        settings = list(_settings(name, config if source else Config()))
        return PluginInForce(name, source, settings, warnings=_warnings(name))
    except PegboardError as error:
        return PluginInForce(name, source, problem=str(error))
    except Exception as error:  # noqa: BLE001 - whatever a module of anybody's does when it is imported
        missing = f": {error}" if isinstance(error, ImportError) else ""
        return PluginInForce(
            name, source, problem=f"{name} cannot be imported: {type(error).__name__}{missing}"
        )


def _warnings(name: str) -> list[str]:
    """Ask a plugin's class what is to be known of what it stands on: its `doctor_warnings()`, if it has that."""
    ask: Callable[[], Iterable[str]] | None = getattr(discovery.find(name), "doctor_warnings", None)
    return [] if ask is None else list(ask())


def _settings(name: str, config: Config) -> Iterator[InForce]:
    cls = discovery.find(name)
    by_environment, by_file = settings_of(name, cls), checked_settings(name, config)
    of_others: Mapping[str, tuple[str, ...]] = getattr(cls, "falls_back_on", {})
    parameters = inspect.signature(cls).parameters
    for keyword, kinds in settable(cls).items():
        found = by_environment.get(keyword)
        others = [variable for variable in of_others.get(keyword, ()) if os.environ.get(variable, "").strip()]
        if found is not None:
            yield InForce(keyword, found.value if found.is_open else _MASK, found.variable)
        elif keyword in by_file:
            yield InForce(keyword, _shown(by_file[keyword], kinds), config.where)
        elif others:
            yield InForce(keyword, _MASK, ", ".join(others))
        elif kinds and parameters[keyword].default is not inspect.Parameter.empty:
            yield InForce(keyword, _shown(parameters[keyword].default, kinds), DEFAULT)


def _shown(value: Any, kinds: list[Any]) -> Any:
    return value if is_open(value, kinds) or value in ("", (), [], {}) else _MASK


def plain(value: Any) -> Any:
    """Return a value as JSON has it: a number that it does not know as a text."""
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
