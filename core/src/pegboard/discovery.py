"""Installed plugins: what the entry-point group `pegboard.plugins` offers, looked up only when a name is asked for."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pegboard._first_party import EXECUTORS, MEMBERS, PLUGINS
from pegboard.errors import MissingPlugin, PluginConflict
from pegboard.parts.forks import new_lock

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


GROUP = "pegboard.plugins"


@functools.cache
def installed() -> dict[str, tuple[EntryPoint, ...]]:
    """Map every plugin name on this machine to the entry points that claim it; read once, nothing is imported."""
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        same = found.setdefault(entry.name, [])
        if all(entry.value != other.value for other in same):
            same.append(entry)
    return {name: tuple(entries) for name, entries in sorted(found.items())}


def distribution_of(entry: EntryPoint) -> str:
    """Name the distribution that an entry point comes from."""
    return entry.dist.name if entry.dist is not None else entry.value


def find(name: str) -> type:
    """Return the plugin class installed under `name`.

    Raises:
        MissingPlugin: Nothing installed has that name.
        PluginConflict: Two distributions claim it.
    """
    entries = installed().get(name, ())
    if len(entries) > 1:
        names = tuple(distribution_of(entry) for entry in entries)
        raise PluginConflict(
            f"plugin name {name!r} is claimed by {' and '.join(names)}.\n"
            f"Pegboard will not guess between them. Uninstall one, or attach the plugin you mean by instance.",
            plugin=name,
            claimants=names,
        )
    if not entries:
        raise MissingPlugin(missing(name), plugin=name)
    plugin: type = entries[0].load()
    return plugin


def class_of(name: str) -> type:
    """Return the class of a plugin: of a first-party one without a look at what is installed, which takes its time.

    Raises:
        MissingPlugin, PluginConflict: As `find`.
    """
    if name not in PLUGINS:
        return find(name)
    plugin: type = of_member(name, PLUGINS[name], missing(name))
    return plugin


def of_member(member: str, name: str, otherwise: str) -> Any:
    """Return what a first-party distribution has under a name.

    Args:
        member: Which one.
        name: Of the class or function.
        otherwise: What to say where it is not installed.

    Raises:
        MissingPlugin: It is not.
    """
    module = f"pegboard_{member}"
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != module:  # installed, and a dependency of it is missing
            raise
        raise MissingPlugin(otherwise, plugin=member) from None


def executor_plugin(name: str) -> str | None:
    """Name the plugin that has the executor of this name, installed or not; None where there is none."""
    if name in EXECUTORS:
        return EXECUTORS[name]
    return name if name in installed() else None


def plugin_name(plugin: object) -> str:
    """Name a plugin, or the plugins of a class: its `name`, or that of its type or module."""
    name = getattr(plugin, "name", None) or getattr(plugin, "__name__", None)
    return name if isinstance(name, str) else type(plugin).__qualname__


def missing(name: str) -> str:
    """Say that no plugin of this name is installed, and what to do."""
    if name in MEMBERS:
        return f"plugin {name!r} is not installed: pip install 'pegboard[{name}]'"
    return f"no plugin is called {name!r}.{did_you_mean(name, known_names())} Installed: {', '.join(installed()) or 'none'}."


def known_names() -> list[str]:
    """Return the names of all plugins, installed or first-party."""
    return sorted({*MEMBERS, *installed()})


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?`, with its leading space, or nothing where no known name is near."""
    import difflib  # only ever needed for an error

    near = difflib.get_close_matches(word, list(known), 1)
    return f" Did you mean {near[0]!r}?" if near else ""


_guard = new_lock()
_everywhere: tuple[str, ...] = ()


def attach_everywhere(name: str) -> None:
    """Have sessions that start from now on attach this plugin."""
    global _everywhere
    with _guard:
        if name not in _everywhere:
            _everywhere = (*_everywhere, name)


def detach_everywhere(name: str) -> None:
    """Take `attach_everywhere` back."""
    global _everywhere
    with _guard:
        _everywhere = tuple(each for each in _everywhere if each != name)


def everywhere() -> tuple[str, ...]:
    """Return what is attached everywhere now."""
    return _everywhere
