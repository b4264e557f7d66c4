"""What a forked child does with its parent's threads, locks and connections: it begins anew."""

from __future__ import annotations

import functools
import itertools
import os
import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any

# By number: the object, and its class's function. Not a WeakMethod, whose callback fails while the interpreter ends.
_methods: dict[int, tuple[weakref.ref[object], Callable[[Any], object]]] = {}
_next_number = itertools.count().__next__
_registered: list[bool] = []


def after_fork(method: Callable[[], object]) -> None:
    """Have a method called in every child that this process forks from now on, for as long as its object lives.

    It replaces what works in the parent alone: locks, as a thread that did not come along may hold them; threads; sockets
    and files that two processes cannot share; and what the parent has yet to send. It takes none of the parent's locks.

    The object is not kept alive. Methods are called in the order in which they were registered, in the child's only thread,
    before any of its own code; `fork` of `os` and of `multiprocessing` both do so, and a child's children are told, too. What
    one raises keeps no other from being called; the first such error is reported by `sys.unraisablehook`. Where processes do
    not fork, as on Windows, nothing is ever called.

    Args:
        method: Bound to the object, as `self._begin_anew`.

    Raises:
        TypeError: It is no bound method, or its object cannot be referred to weakly.
    """
    if not isinstance(method, MethodType):
        raise TypeError(f"after_fork() takes a bound method, as self.begin_anew, not {method!r}.")
    number = _next_number()
    # All of C, as the collector calls it: a Ctrl-C in a function of Python would be swallowed there.
    forget = functools.partial(
        _methods.pop, number
    )  # the reference it is called with is what `pop` falls back on
    _methods[number] = weakref.ref(method.__self__, forget), method.__func__
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(after_in_child=_begin_anew)


def _begin_anew() -> None:
    errors = []
    for reference, function in list(_methods.values()):
        owner = reference()
        if owner is not None:
            try:
                function(owner)
            except Exception as error:  # noqa: BLE001 - the others have locks of dead threads, too
                errors.append(error)
    if errors:
        raise errors[0]  # Python reports one for each handler
