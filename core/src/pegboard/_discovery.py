"""Installed plugins: what the entry-point group `pegboard.plugins` offers, looked up only when a name is asked for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pegboard._provided import EXTRAS
from pegboard._suggest import did_you_mean
from pegboard.errors import MissingPlugin, PluginConflict

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
        raise MissingPlugin(_missing(name), plugin=name)
    plugin: type = entries[0].load()
    return plugin


def load(name: str) -> object:
    """Make an instance, with its defaults, of the plugin installed under `name`."""
    return find(name)()


def _missing(name: str) -> str:
    if name in EXTRAS:
        return f"plugin {name!r} is not installed: pip install 'pegboard[{name}]'"
    known = sorted({*EXTRAS, *installed()})
    return f"no plugin is called {name!r}.{did_you_mean(name, known)} Installed: {', '.join(installed()) or 'none'}."
