"""What is kept of one task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pegboard.parts import new_rlock
from pegboard.records import error_type
from pegboard.texts import encodable
from pegboard_metrics._counter import Counter
from pegboard_metrics.names import OTHER

if TYPE_CHECKING:
    from pegboard import Call

ERROR_TYPES_MOST = 10


class TaskSeries:
    """What is kept of all calls of the tasks of one name, whatever their session.

    Attributes:
        name: The label value: the task's static name, or `_OTHER` for all tasks over the cap.
        active: The calls that have begun and not ended.
        last_success: Unix time at which a call last ended ok, or None.
        last_other: Unix time at which a call last ended in another way, or None.
        served: Calls answered from a cache or journal, which have no duration.
        served_failures: Those of them that failed all the same.
        not_run: Calls that ended without a run of the function.
    """

    __slots__ = (
        "_error_types",
        "_guard",
        "_on_overflow",
        "active",
        "last_other",
        "last_success",
        "name",
        "not_run",
        "served",
        "served_failures",
    )

    def __init__(self, name: str, on_overflow: Callable[[], None]) -> None:
        self.name = name
        self.active: set[Call] = set()
        self.last_success: float | None = None
        self.last_other: float | None = None
        self.served = Counter()
        self.served_failures = Counter()
        self.not_run = Counter()
        self._guard = new_rlock()
        self._error_types: set[str] = set()
        self._on_overflow = on_overflow

    def error_type(self, error: BaseException | None) -> str:
        """Name the type of an error; "" where there is none, `_OTHER` from the eleventh type of this task on."""
        return self.known_error_type(error_type(error))

    def known_error_type(self, name: str) -> str:
        """Do the same with the name of a type, as calls elsewhere tell it."""
        name = encodable(name)
        if not name:
            return ""
        with self._guard:
            if name in self._error_types or len(self._error_types) < ERROR_TYPES_MOST:
                self._error_types.add(name)
                return name
        self._on_overflow()
        return OTHER
