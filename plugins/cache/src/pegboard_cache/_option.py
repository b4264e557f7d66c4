"""What a task asks for: that its values are kept, for how long, and under which key."""

from __future__ import annotations

import os
from typing import Any

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard_cache._store import Store  # noqa: TC001 - attrs may resolve the annotations
from pegboard_cache.keys.key import CustomKey  # noqa: TC001 - as above
from pegboard_cache.stores.opening import checked_store, shown

_TTL = checks.seconds().or_none("keeping values for ever")
_KEY = checks.callable_(
    "a function that takes the inputs by name and returns a string",
    hint="Write Cache(key=lambda inputs: inputs['url']).",
).or_none("all of the inputs")


def _version(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and type(value) not in {int, str}:
        raise TypeError(f"{attribute.name} is a string or a whole number, not {checks.shown(value)}.")


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
        store: For this task alone, in any of the forms that `Caching` takes; None is the store of the session's
            `Caching`.
        lock: Let one process at a time compute a value that several want. For functions and coroutines, with a
            folder or a Redis server; within a process equal calls share one run in any case.
    """

    plugin_name = "cache"
    stores_values = True

    ttl: float | None = attrs.field(default=None, validator=_TTL)
    key: CustomKey | None = attrs.field(default=None, validator=_KEY, kw_only=True)
    version: str | int | None = attrs.field(default=None, validator=_version, kw_only=True)
    store: str | os.PathLike[str] | Store | Any = attrs.field(
        default=None, validator=_store, kw_only=True, repr=shown
    )
    lock: bool = attrs.field(default=False, validator=checks.flag(), kw_only=True)
