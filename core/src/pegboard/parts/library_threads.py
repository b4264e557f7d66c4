"""Threads that a library starts for itself, and that do not come along when a process forks."""

from __future__ import annotations

import functools

from pegboard.parts.forks import after_fork


class LibraryThreads:
    """The threads of one library, which starts them when it is first used: a child would wait for them for ever.

    Args:
        library: Its name.
    """

    def __init__(self, library: str) -> None:
        self._library = library
        self._are_started = False
        self._are_left_behind = False
        after_fork(self._leave_behind)

    def use(self) -> None:
        """Note that the library is used now.

        Raises:
            OSError: It was used before this process was forked, so nothing would come of it.
        """
        self._are_started = True
        if self._are_left_behind:
            raise OSError(
                f"{self._library} was in use when this process was forked, and cannot be used here; spawn it instead"
            )

    def _leave_behind(self) -> None:
        self._are_left_behind = self._are_started


@functools.cache
def threads_of(library: str) -> LibraryThreads:
    """Return the threads of a library, the same ones to all that use it."""
    return LibraryThreads(library)
