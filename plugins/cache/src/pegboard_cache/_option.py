"""What a task asks for: that its values are kept, for how long, and under which key."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from pegboard import Option
from pegboard_cache._opening import checked_store
from pegboard_cache._store import Store  # noqa: TC001 - attrs may resolve the annotations

CustomKey = Callable[[Mapping[str, Any]], str]


def _ttl(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{attribute.name} is a number of seconds, or None for ever, not {value!r}.")
    if not math.isfinite(value) or value < 0:
        raise ValueError(
            f"{attribute.name} is a finite number of seconds, not {value!r}. None keeps values for ever."
        )


def _key(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise TypeError(
            f"{attribute.name} is a function that takes the inputs by name and returns a string, not {value!r}.\n"
            f"Write Cache(key=lambda inputs: inputs['url'])."
        )


def _version(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and type(value) not in {int, str}:
        raise TypeError(f"{attribute.name} is a string or a whole number, not {value!r}.")


def _store(_: object, __: attrs.Attribute[Any], value: object) -> None:
    checked_store(value)


@attrs.frozen
class Cache(Option):
    """Keep what the task returns, and answer equal calls with it.

    Attributes:
        ttl: Seconds for which a value is good; None is for ever, 0 turns the cache off. A kept value is good for the
            shorter of this and of the ttl that it was stored with.
        key: Stands in for the arguments: takes them by name, defaults included, and returns a string. Calls with
            equal strings share a value. Name, code and `version` of the task count all the same.
        version: Change it to leave the values kept so far behind.
        store: A path, or a `Store`, for this task alone; None is the store of the session's `Caching`.
    """

    plugin_name = "cache"
    stores_values = True

    ttl: float | None = attrs.field(default=None, validator=_ttl)
    key: CustomKey | None = attrs.field(default=None, validator=_key, kw_only=True)
    version: str | int | None = attrs.field(default=None, validator=_version, kw_only=True)
    store: str | os.PathLike[str] | Store | None = attrs.field(default=None, validator=_store, kw_only=True)
