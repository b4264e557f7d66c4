"""Making a container once more, with other items in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

_PLAIN = (list, dict, tuple, set, frozenset)


def maker_of(container: Any) -> Callable[[Iterable[Any]], Any]:
    """Return what makes a container of the same class of other items, for a mapping of pairs of key and value.

    What else an instance of a subclass has, such as the `default_factory` of a `defaultdict` and the attributes of one with a
    `__dict__`, it gets as well.
    """
    cls = type(container)
    if cls in _PLAIN:
        return cls
    if isinstance(container, tuple | frozenset):
        return lambda items: _fixed(container, items)
    return lambda items: _refilled(container, items)


def _fixed(container: Any, items: Iterable[Any]) -> Any:
    """Make a tuple or frozenset of a subclass, past its own `__new__`, whose arguments are anybody's guess."""
    base = tuple if isinstance(container, tuple) else frozenset
    made = base.__new__(type(container), items)
    if hasattr(made, "__dict__"):
        made.__dict__.update(vars(container))
    return made


def _refilled(container: Any, items: Iterable[Any]) -> Any:
    made = copy.copy(container)
    made.clear()
    if isinstance(made, dict):
        for key, value in items:
            made[key] = value
    else:
        (made.extend if isinstance(made, list) else made.update)(items)
    return made
