"""What a forked child does with the parent's threads and queues: it starts over."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable
from typing import Protocol


class Forkable(Protocol):
    """Something with threads, locks or connections of its own."""

    def forked(self) -> None:
        """Called in a child: replace what only works in the parent, and forget what the parent will send."""


_members: weakref.WeakSet[Forkable] = weakref.WeakSet()
_registered: list[bool] = []


def tell_of_forks(member: Forkable) -> None:
    """Have a member told in every child that is forked from now on, for as long as it lives."""
    _members.add(member)
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(after_in_child=_in_child)


def at_exit_of_child(flush: Callable[[], object]) -> None:
    """Flush when a child of `multiprocessing` has done its work: it ends with `os._exit`, without its parent's sessions."""
    if "multiprocessing.process" in sys.modules:
        from multiprocessing import parent_process
        from multiprocessing.util import Finalize

        if parent_process() is not None:
            Finalize(None, flush, exitpriority=10)


def _in_child() -> None:
    for member in list(_members):
        member.forked()
