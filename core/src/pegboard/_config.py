"""Settings from `[tool.pegboard]` in pyproject.toml, from pegboard.toml and from the environment."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import attrs

from pegboard.errors import ConfigError

PLUGINS_VARIABLE = "PEGBOARD_PLUGINS"
DISABLE_VARIABLE = "PEGBOARD_DISABLE"
_BYTES_MOST = 1_000_000
_DEPTH_MOST = 32
_KEYS: Mapping[str, type] = {"plugins": list, "disable": list, "executor": str, "strict": bool, "strict_plugins": bool, "settings": dict}


@attrs.frozen
class Config:
    """What the default session is made of.

    Attributes:
        plugins: Names, in the order of attachment.
        executor: `inline` or `threads`, or None.
        strict, strict_plugins: As for `Session`.
        settings: Keyword arguments for plugins, by plugin name: `[tool.pegboard.settings.prometheus] port = 9464`.
    """

    plugins: tuple[str, ...] = ()
    executor: str | None = None
    strict: bool = False
    strict_plugins: bool = False
    settings: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was configured at all."""
        return self == Config()


def load_config(folder: Path | None = None) -> Config:
    """Read the nearest configuration at or above `folder` (the current one), and the environment.

    Raises:
        ConfigError: A file is no TOML, too large, or holds an unknown key or a value of the wrong type.
    """
    found = _nearest(folder or Path.cwd())
    values: Mapping[str, Any] = {}
    if found is not None:
        path, values = found
        _check(str(path), values)
    disabled = disabled_plugins() | set(values.get("disable", ()))
    named = [*values.get("plugins", ()), *_names_in(PLUGINS_VARIABLE)]
    return Config(
        plugins=tuple(name for name in dict.fromkeys(named) if name not in disabled),
        executor=values.get("executor"),
        strict=values.get("strict", False),
        strict_plugins=values.get("strict_plugins", False),
        settings=values.get("settings", {}),
    )


def disabled_plugins() -> frozenset[str]:
    """Return the names in PEGBOARD_DISABLE: plugins that no session of this process may attach."""
    return frozenset(_names_in(DISABLE_VARIABLE))


def _names_in(variable: str) -> list[str]:
    return [name for part in os.environ.get(variable, "").split(",") if (name := part.strip())]


def _nearest(folder: Path) -> tuple[Path, Mapping[str, Any]] | None:
    for place in (folder, *folder.parents):
        own = place / "pegboard.toml"
        if own.is_file():
            return own, _read(own)
        project = place / "pyproject.toml"
        if project.is_file():
            table = _read(project).get("tool", {}).get("pegboard")
            if table is not None:
                return project, table
    return None


def _read(path: Path) -> Mapping[str, Any]:
    import tomllib

    if path.stat().st_size > _BYTES_MOST:
        raise ConfigError(f"{path} is larger than {_BYTES_MOST:,} bytes; a configuration is not.", where=str(path), key="")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is no valid TOML: {error}", where=str(path), key="") from None
    if _deeper_than(values, _DEPTH_MOST):
        raise ConfigError(f"{path} is nested more than {_DEPTH_MOST} deep.", where=str(path), key="")
    return values


def _deeper_than(value: object, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if depth == 0:
        return True
    return any(_deeper_than(inner, depth - 1) for inner in (value.values() if isinstance(value, dict) else value))


def _check(where: str, values: object) -> None:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: [tool.pegboard] is not a table.", where=where, key="")
    for key, value in values.items():
        if key not in _KEYS:
            raise unknown_key(where, key, _KEYS)
        expected = _KEYS[key]
        if not isinstance(value, expected) or (expected is list and not all(isinstance(name, str) for name in value)):
            what = "a list of names" if expected is list else f"a {expected.__name__}"
            raise ConfigError(f"{where}: {key} is {what}, not {value!r}.", where=where, key=key)
    for name, table in values.get("settings", {}).items():
        if not isinstance(table, dict):
            raise ConfigError(f"{where}: settings.{name} is a table of keyword arguments, not {table!r}.", where=where, key=f"settings.{name}")


def unknown_key(where: str, key: str, known: Collection[str]) -> ConfigError:
    """Say that a setting is unknown, and which one was probably meant."""
    near = difflib.get_close_matches(key, known, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ConfigError(f"{where}: unknown setting {key!r}.{hint} Known: {', '.join(sorted(known))}.", where=where, key=key)
