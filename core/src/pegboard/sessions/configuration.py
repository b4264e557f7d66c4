"""Settings from `[tool.pegboard]` in pyproject.toml, from pegboard.toml and from the environment."""

# pathlib costs a quarter of what importing all of Pegboard does, and most processes read no file here.
# ruff: noqa: PTH100, PTH109, PTH113, PTH118, PTH120, PTH123, PTH202

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pegboard import discovery, environment, texts
from pegboard.discovery import did_you_mean
from pegboard.errors import ConfigError, MissingPlugin

PLUGINS_VARIABLE = "PEGBOARD_PLUGINS"
DISABLE_VARIABLE = "PEGBOARD_DISABLE"
CONFIG_VARIABLE = "PEGBOARD_CONFIG"
_BYTES_MOST = 1_000_000
_DEPTH_MOST = 32
_KEYS: Mapping[str, type] = {
    "plugins": list,
    "disable": list,
    "executor": str,
    "strict": bool,
    "strict_plugins": bool,
    "settings": dict,
}


class Config(NamedTuple):
    """What the default session is made of.

    Attributes:
        plugins: Names, in the order of attachment.
        disabled: Names that the default session may not attach, not even for an option.
        executor: `inline`, `threads`, the name of an executor of a plugin, such as `processes`, or None.
        strict, strict_plugins: As for `Session`.
        settings: Keyword arguments for plugins, by plugin name: `[tool.pegboard.settings.prometheus] port = 9464`.
        where: The file that was read, or "".
    """

    plugins: tuple[str, ...] = ()
    disabled: frozenset[str] = frozenset()
    executor: str | None = None
    strict: bool = False
    strict_plugins: bool = False
    settings: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    where: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was configured that concerns a task without options."""
        return self._replace(disabled=frozenset(), where="") == Config()


def load_config(folder: str | None = None) -> Config:
    """Read the nearest configuration at or above `folder` (the current one), and the environment.

    Raises:
        ConfigError: A file cannot be read, is no TOML, too large, or holds an unknown key or a value of the wrong type.
    """
    found = _named() or _nearest(folder or os.getcwd())
    values: Mapping[str, Any] = {}
    path = ""
    if found is not None:
        path, values = found
        _check(path, values)
    disabled = disabled_plugins() | set(values.get("disable", ()))
    named = [*values.get("plugins", ()), *_names_in(PLUGINS_VARIABLE)]
    return Config(
        plugins=tuple(name for name in dict.fromkeys(named) if name not in disabled),
        disabled=disabled,
        executor=values.get("executor"),
        strict=values.get("strict", False),
        strict_plugins=values.get("strict_plugins", False),
        settings=values.get("settings", {}),
        where=path,
    )


def refuse_unknown(config: Config) -> None:
    """Refuse the names of plugins that are not installed, and settings for others than those that are to be attached.

    Raises:
        MissingPlugin, ConfigError: There is one.
    """
    for name in config.plugins:
        if name not in discovery.installed():
            where = PLUGINS_VARIABLE if name in _names_in(PLUGINS_VARIABLE) else config.where
            raise MissingPlugin(f"{where}: {discovery.missing(name)}", plugin=name)
    for name in config.settings:
        if name not in config.plugins and name not in config.disabled:
            raise ConfigError(
                f"{config.where}: there are settings for {name!r}, and plugins does not list it."
                f"{did_you_mean(name, config.plugins)}",
                where=config.where,
                key=f"settings.{name}",
            )


def disabled_plugins() -> frozenset[str]:
    """Return the names in PEGBOARD_DISABLE: plugins that no session of this process may attach."""
    return frozenset(_names_in(DISABLE_VARIABLE))


def _names_in(variable: str) -> list[str]:
    return [name for part in os.environ.get(variable, "").split(",") if (name := part.strip())]


def _named() -> tuple[str, Mapping[str, Any]] | None:
    """Read the file that the environment names, if it names one.

    Raises:
        ConfigError: It is not there, or holds no configuration.
    """
    path = os.environ.get(CONFIG_VARIABLE)
    if not path:
        return None
    values = _read(path)
    if os.path.split(path)[1] != "pyproject.toml":
        return path, values
    tools = values.get("tool")
    if not isinstance(tools, dict) or "pegboard" not in tools:
        raise ConfigError(f"{CONFIG_VARIABLE}: {path} has no table [tool.pegboard].", where=path, key="")
    return path, tools["pegboard"]


def _nearest(folder: str) -> tuple[str, Mapping[str, Any]] | None:
    place = os.path.abspath(folder)
    while True:
        own = os.path.join(place, "pegboard.toml")
        if os.path.lexists(own):  # whatever it is, it was meant
            return own, _read(own)
        project = os.path.join(place, "pyproject.toml")
        if os.path.isfile(project):
            tools = _read(project).get("tool")
            if isinstance(tools, dict) and "pegboard" in tools:
                return project, tools["pegboard"]
        above = os.path.dirname(place)
        if above == place:
            return None
        place = above


def _read(path: str) -> Mapping[str, Any]:
    import tomllib

    if not os.path.isfile(path):
        raise ConfigError(f"{path} is no file that can be read.", where=path, key="")
    try:
        if os.path.getsize(path) > _BYTES_MOST:
            raise ConfigError(
                f"{path} is larger than {_BYTES_MOST:,} bytes; a configuration is not.", where=path, key=""
            )
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        if _has_long_key(text):
            raise ConfigError(f"{path} is nested more than {_DEPTH_MOST} deep.", where=path, key="")
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is no valid TOML: {error}", where=path, key="") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}", where=path, key="") from None
    if _deeper_than(values, _DEPTH_MOST):
        raise ConfigError(f"{path} is nested more than {_DEPTH_MOST} deep.", where=path, key="")
    return values


def _has_long_key(text: str) -> bool:
    """Whether a dotted key has so many parts that reading it would take memory by the square of them."""
    import re

    part = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
    return re.search(rf"(?<![\w-]){part}(?:[ \t]*+\.[ \t]*+{part}){{{2 * _DEPTH_MOST}}}", text) is not None


def _deeper_than(value: object, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if depth == 0:
        return True
    return any(
        _deeper_than(inner, depth - 1) for inner in (value.values() if isinstance(value, dict) else value)
    )


def _check(where: str, values: Any) -> None:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: [tool.pegboard] is not a table.", where=where, key="")
    for key, value in values.items():
        if key not in _KEYS:
            raise unknown_key(where, key, _KEYS)
        expected = _KEYS[key]
        if not isinstance(value, expected) or not all(isinstance(name, str) for name in _items(value)):
            what = "a list of names" if expected is list else f"a {expected.__name__}"
            raise ConfigError(f"{where}: {key} is {what}, not {value!r}.", where=where, key=key)
    for name, table in values.get("settings", {}).items():
        if not isinstance(table, dict):
            raise ConfigError(
                f"{where}: settings.{name} is a table of keyword arguments, not {texts.a(type(table).__name__)}.",
                where=where,
                key=f"settings.{name}",
            )


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def unknown_key(where: str, key: str, known: Collection[str]) -> ConfigError:
    """Say that a setting is unknown, and which one was probably meant."""
    return ConfigError(
        f"{where}: unknown setting {key!r}.{did_you_mean(key, known)} Known: {', '.join(sorted(known))}.",
        where=where,
        key=key,
    )


def make_plugins(config: Config, *, but: Collection[str] = ()) -> list[object]:
    """Make the plugins that a configuration names, `but` these, with their settings.

    Raises:
        ConfigError: Settings that a plugin does not take, or of one that is not named.
        MissingPlugin: One is not installed.
    """
    refuse_unknown(config)
    return [_make(name, config) for name in config.plugins if name not in but]


def with_configured(plugins: Iterable[object]) -> list[object]:
    """Return these plugins, instances or names, and those that the configuration names beside them.

    Raises:
        ConfigError, MissingPlugin: As `load_config` and `make_plugins` do.
    """
    given = list(plugins)
    names = {each if isinstance(each, str) else discovery.plugin_name(each) for each in given}
    return [*given, *make_plugins(load_config(), but=names)]


def _make(name: str, config: Config) -> object:
    return environment.make_named(name, discovery.find(name), checked_settings(name, config))


def checked_settings(name: str, config: Config) -> Mapping[str, Any]:
    """Return the settings of a plugin in the file.

    Raises:
        ConfigError: The plugin does not take one of them.
    """
    settings = config.settings.get(name, {})
    if settings:
        import inspect

        known = inspect.signature(discovery.find(name)).parameters
        for key in settings:
            if key not in known:
                raise unknown_key(f"settings of plugin {name!r}", key, list(known))
    return settings
