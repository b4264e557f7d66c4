"""Why a run stops, where several things in it stopped at once."""

from __future__ import annotations

from pegboard import Suspended
from pegboard_durable._errors import Fenced, RunCancelled


def only_reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what a group of errors, as `asyncio.TaskGroup` raises one, means to a run.

    One of suspensions alone is a suspension; with errors among them, the errors win. A run that was taken over, or cancelled, is
    that, whatever else went wrong.
    """
    for kind in (Fenced, RunCancelled):
        found = group.subgroup(kind)
        if found is not None:
            return _first(found)
    rest = group.split(Suspended)[1]
    return _first(group) if rest is None else rest


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
