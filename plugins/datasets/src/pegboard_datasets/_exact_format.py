"""The format of values that no other gives back as they are: what a cache keeps, in the same bytes.

Its codec is found by the entry-point group `pegboard.exact_values`, which pegboard-cache offers.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pegboard_datasets._format import Format, Unfit

if TYPE_CHECKING:
    from pegboard.records import ExactValues

GROUP = "pegboard.exact_values"


@functools.cache
def exact_values() -> ExactValues | None:
    """Return the codec that is installed, if one is."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        found: ExactValues = entry.load()
        return found
    return None


def _codec() -> ExactValues:
    found = exact_values()
    if found is None:
        raise Unfit("it needs pegboard-cache, which is not installed: pip install 'pegboard[cache]'")
    return found


def _dump_exact(value: object) -> bytes:
    try:
        return _codec().dump(value)
    except TypeError as reason:  # names types only
        raise Unfit(str(reason)) from None


def _load_exact(data: bytes, _: Any) -> Any:
    try:
        return _codec().load(data)
    except ValueError as reason:  # names no values: the module of a class is not imported here, say
        raise Unfit(str(reason)) from None


EXACT_FORMAT = Format("exact", (".exact",), (), _dump_exact, _load_exact, others=True)
