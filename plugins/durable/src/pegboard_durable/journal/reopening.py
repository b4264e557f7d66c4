"""What a run that is tried again forgets: what failed, and what was taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

UNDO = "!undo"
"""Key of the row that says that a run is being undone, and why; and how the keys of what takes a step back end."""


def forgotten(rows: Iterable[tuple[str, str, str]], *, is_undone: bool) -> set[str]:
    """Return the keys of the rows that no longer hold.

    Args:
        rows: Key, kind and status of each.
        is_undone: Whether all that could be taken back is: then those steps are to be done again, with what is in them and around
            them. Else a run that could not be undone goes on with that.
    """
    known = list(rows)
    found = {key for key, kind, status in known if kind != "undo" and status in ("error", "retrying")}
    if not is_undone or not any(key == UNDO for key, _, _ in known):
        return found
    undone = {key.removesuffix(UNDO) for key, kind, _ in known if kind == "undo" and key != UNDO}
    around = {each for key in undone for each in _around(key)}
    for key, kind, _ in known:
        step = key.removesuffix(UNDO) if kind == "undo" else key
        if step in undone or step in around or any(each in undone for each in _around(step)):
            found.add(key)
    return found | {UNDO}


def begun_since(rows: Iterable[tuple[str, float]], step: str) -> set[str]:
    """Return the keys of a step, of what is in it and around it, and of all that began after it; nothing without such a step.

    Args:
        rows: Key and start of each.
        step: Its key.
    """
    starts = dict(rows)
    if step not in starts:
        return set()
    begun = {
        key for key, at in starts.items() if at > starts[step] or key == step or key.startswith(f"{step}/")
    }
    around = {each for key in begun for each in _around(key)}
    return begun | around | {f"{key}{UNDO}" for key in begun | around}


def _around(key: str) -> Iterator[str]:
    """The keys of the steps around one."""
    at = key.rfind("/")
    while at > 0:
        yield key[:at]
        at = key.rfind("/", 0, at)
