"""What a forked child does with its parent's threads, locks and connections: it begins anew."""

from __future__ import annotations

import functools
import itertools
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from importlib import _bootstrap
from types import MethodType
from typing import Any

# By number: the object, and its class's function. Not a WeakMethod, whose callback fails while the interpreter ends.
_methods: dict[int, tuple[weakref.ref[object], Callable[[Any], object]]] = {}
_locks: dict[int, weakref.ref[Any]] = {}
_held: dict[int, weakref.ref[Any]] = {}
_taken: dict[int, list[Any]] = {}  # by thread: what it holds while it forks
_PATIENCE = 2.0
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
    _methods[number] = weakref.ref(method.__self__, _forgetter(_methods, number)), method.__func__
    _register()


def new_lock() -> threading.Lock:
    """Make a `threading.Lock` that is free in every forked child, as a thread that held it did not come along."""
    lock = threading.Lock()
    _note(_locks, lock)
    return lock


def new_rlock() -> threading.RLock:
    """Make a `threading.RLock` that is free in every forked child, unless the thread that forked holds it itself."""
    lock = threading.RLock()
    _note(_locks, lock)
    return lock


def new_held_rlock() -> threading.RLock:
    """Make an RLock like that, which every fork of this process takes first, and waits up to two seconds for.

    So no other thread is within what it guards: it is for libraries with locks of their own, which a child cannot renew, as
    SQLite is. Code of the user is not to run under it.
    """
    lock = new_rlock()
    _note(_held, lock)
    return lock


def _note(locks: dict[int, weakref.ref[Any]], lock: object) -> None:
    number = _next_number()
    locks[number] = weakref.ref(lock, _forgetter(locks, number))
    _register()


def _forgetter(known: dict[int, Any], number: int) -> Callable[[Any], object]:
    """Return what takes an entry away, called with a reference that died, which `pop` takes for what to fall back on.

    All of C, as the collector calls it: a Ctrl-C in a function of Python would be swallowed there.
    """
    return functools.partial(known.pop, number)


def _register() -> None:
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(before=_take, after_in_parent=_let_go, after_in_child=_begin_anew)


def _take() -> None:
    end = time.monotonic() + _PATIENCE
    while _others_import() and time.monotonic() < end:
        time.sleep(0.001)
    locks = [lock for reference in list(_held.values()) if (lock := reference()) is not None]
    _taken[threading.get_ident()] = [
        lock for lock in locks if lock.acquire(timeout=max(end - time.monotonic(), 0.0))
    ]


def _others_import() -> bool:
    """Whether another thread is in the middle of an import: in a child, whoever imports the same would wait for it for ever."""
    return bool(_imports_of_others())


def _imports_of_others() -> list[str]:
    """The modules that other threads are importing, as far as Python tells."""
    here = threading.get_ident()
    locks = list(getattr(_bootstrap, "_module_locks", {}).items())
    return [name for name, reference in locks if getattr(reference(), "owner", None) not in (None, here)]


def _forget_imports() -> None:
    """In a child: have modules that threads of the parent were importing at that very moment be imported from their beginning."""
    for name in _imports_of_others():
        del _bootstrap._module_locks[name]  # type: ignore[attr-defined]
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if getattr(spec, "_initializing", False):
            del sys.modules[name]


def _let_go() -> None:
    for lock in reversed(_taken.pop(threading.get_ident(), [])):
        lock.release()


def _renew_locks() -> None:
    for reference in list(_locks.values()):
        lock = reference()
        if lock is not None and not (hasattr(lock, "_is_owned") and lock._is_owned()):
            lock._at_fork_reinit()


def _begin_anew() -> None:
    _let_go()
    _taken.clear()
    _renew_locks()
    _forget_imports()
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
