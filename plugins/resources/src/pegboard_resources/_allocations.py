"""tracemalloc, on while anybody needs it."""

from __future__ import annotations

import tracemalloc

from pegboard.parts import new_lock


class _Allocations:
    """Counts who needs tracemalloc; leaves it alone when somebody else had started it."""

    def __init__(self) -> None:
        self._guard = new_lock()
        self._users = 0
        self._ours = False

    def start(self) -> None:
        with self._guard:
            self._users += 1
            if self._users == 1 and not tracemalloc.is_tracing():
                tracemalloc.start()
                self._ours = True

    def stop(self) -> None:
        with self._guard:
            self._users -= 1
            if self._users == 0 and self._ours:
                self._ours = False
                tracemalloc.stop()


ALLOCATIONS = _Allocations()
