"""Formats that other distributions offer, found by name or extension and imported only then."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pegboard import texts
from pegboard_datasets._format import Format

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "pegboard.dataset_formats"


@functools.cache
def offered() -> dict[str, tuple[EntryPoint, ...]]:
    """Map every name on this machine to the entry points that have it; read once, nothing is imported."""
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        same = found.setdefault(entry.name, [])
        if all(entry.value != other.value for other in same):
            same.append(entry)
    return {name: tuple(entries) for name, entries in sorted(found.items())}


@functools.cache
def load(label: str) -> tuple[Format, ...]:
    """Import the formats offered under a name, which is that of a format or an extension without its dot.

    Raises:
        TypeError: What an entry point names is no `Format`.
    """
    formats = []
    for entry in offered().get(label, ()):
        found = entry.load()
        if not isinstance(found, Format):
            raise TypeError(
                f"entry point {entry.name!r} of {GROUP} names {entry.value}, which is {texts.a(type(found).__name__)} and no Format."
            )
        formats.append(found)
    return tuple(formats)
