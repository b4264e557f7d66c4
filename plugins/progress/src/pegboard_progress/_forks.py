"""What a fork leaves behind: locks held by threads that the child does not have."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Has to know that it is in a child process now."""

    def forked(self) -> None:
        """Begin anew in the child; called before any of the child's own code."""


_watched: weakref.WeakSet[Forked] = weakref.WeakSet()
_registered: list[bool] = []


def watch_forks(watched: Forked) -> None:
    """Have `watched.forked()` called in every child that this process forks, as long as it lives."""
    _watched.add(watched)
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    for watched in list(_watched):
        watched.forked()
