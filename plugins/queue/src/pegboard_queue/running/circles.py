"""Items whose tasks wait for items: never in a circle, over all managers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pegboard.parts import after_fork
from pegboard.parts.contexts import context_manager
from pegboard_queue._errors import QueueError
from pegboard_queue.items.item import record_of
from pegboard_queue.running.dependencies import blocked_by, waited_for, way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pegboard_queue.items.item import Item


class Circles:
    """Notes which item waits for which, and refuses the wait that would close a circle.

    A wait with a timeout closes none: it ends by itself.
    """

    def __init__(self) -> None:
        self._renew()
        after_fork(self._renew)

    def _renew(self) -> None:
        self._guard = threading.Lock()

    @context_manager
    def waiting(self, outer: Item[Any], item: Item[Any], *, is_timed: bool) -> Iterator[None]:
        """Note in the block that the task of one item waits for another one.

        Raises:
            QueueError: That would never end.
        """
        with self._guard:
            path = way(item, outer, blocked_by if is_timed else waited_for)
            if path is not None:
                raise _for_ever(outer, path)
            if not is_timed:
                _add(outer, item)
        try:
            yield
        finally:
            if not is_timed:
                self._remove(outer, item)

    @context_manager
    def running(self, outer: Item[Any], item: Item[Any]) -> Iterator[None]:
        """Note in the block that the task of one item runs another one, and goes on only after it."""
        with self._guard:
            _add(outer, item)
        try:
            yield
        finally:
            self._remove(outer, item)

    def _remove(self, outer: Item[Any], item: Item[Any]) -> None:
        awaited = record_of(outer).awaited
        with self._guard:
            if awaited is not None:
                awaited.remove(item)


def _add(outer: Item[Any], item: Item[Any]) -> None:
    record = record_of(outer)
    if record.awaited is None:
        record.awaited = []
    record.awaited.append(item)


def _for_ever(outer: Item[Any], path: Sequence[Item[Any]]) -> QueueError:
    through = f", through {', '.join(repr(each.name) for each in path[1:-1])}" if len(path) > 2 else ""
    return QueueError(
        f"item {outer.name!r} waits for {path[0].name!r}, which cannot end before it{through}, so it would wait for ever."
    )


CIRCLES = Circles()
