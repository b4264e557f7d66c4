"""Which errors came out of `sensitive` tasks: their texts and stack traces are recorded nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard._context import current_call

if TYPE_CHECKING:
    from pegboard._call import Call

_MARK = "_pegboard_sensitive"


def mark_sensitive(error: BaseException) -> None:
    """Note on an error that it came out of a sensitive task; a class that takes no attributes stays as it is."""
    try:
        error.__dict__[_MARK] = True
    except AttributeError:
        pass


def is_sensitive(error: BaseException | None, call: Call | None = None) -> bool:
    """Whether nobody may record the text of an error.

    So it is for one that came out of a sensitive task, as itself, as a cause or context, or as a member of a group; and for
    every error in a sensitive task, or in what that called.

    Args:
        error: What is to be recorded.
        call: Whose error it is; default is the running call.
    """
    around = current_call() if call is None else call
    while around is not None:
        if around.task.sensitive:
            return True
        around = around.parent
    return _is_marked(error)


def _is_marked(error: BaseException | None) -> bool:
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        if _MARK in getattr(each, "__dict__", {}):
            return True
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
    return False
