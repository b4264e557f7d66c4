"""The calls of functions that run: found where they are, on the stacks of threads, so that a call costs nothing for it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from pegboard.plans import function

if TYPE_CHECKING:
    from pegboard.calls.call import Call


def _codes_within(make: Callable[..., Any]) -> Iterable[CodeType]:
    return (each for each in make.__code__.co_consts if isinstance(each, CodeType))


# Of the runners: each has its call in the local variable `call`.
_RUNNERS = frozenset(code for make in function.MAKERS for code in _codes_within(make))


def calls_on_stacks() -> list[Call]:
    """Return the calls of functions that run at this moment in any thread of this process, nested ones too."""
    found: dict[Call, None] = {}
    for top in (*sys._current_frames().values(), *_switched_away()):
        frame: FrameType | None = top
        while frame is not None:
            if frame.f_code in _RUNNERS:
                found[frame.f_locals["call"]] = None
            frame = frame.f_back
    return list(found)


def _switched_away() -> list[FrameType]:
    """The stacks of greenlets that wait, as those of gevent and of SQLAlchemy's async engine do: no thread has them."""
    greenlet: Any = getattr(sys.modules.get("greenlet"), "greenlet", None)
    if greenlet is None:
        return []
    frames = [each.gr_frame for each in gc.get_objects() if issubclass(type(each), greenlet)]
    return [each for each in frames if each is not None]
