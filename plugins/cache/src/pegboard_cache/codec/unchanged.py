"""Whether a value came back as it was: by the text that it has in keys, which tells apart all that differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pegboard import texts
from pegboard_cache._store import Unstorable
from pegboard_cache.keys.encoder import Unhashable, canonical

T = TypeVar("T")


def refuse_changed(value: object, written: T, load: Callable[[T], Any]) -> T:
    """Read again what was written, and return it if it is the same value.

    Raises:
        Unstorable: It would come back as another one, or not at all.
    """
    try:
        is_same = canonical((value,)) == canonical((load(written),))
    except Unhashable:
        is_same = False
    except Exception:  # noqa: BLE001 - a library that cannot read what it wrote
        is_same = False
    if not is_same:
        library = type(value).__module__.partition(".")[0]
        raise Unstorable(
            f"it is or holds {texts.a(type(value).__name__)} of {library} that would not come back as it is"
        )
    return written
