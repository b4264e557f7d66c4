"""When the clock of a zone changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timezone, tzinfo
from functools import lru_cache

import attrs

from pegboard_schedule._moments import from_seconds, whole_seconds

_BLOCK = 1 << 22  # seconds, 48 days: looked through once
_STEP = 3 * 3_600  # clocks that change twice within this time are none of this world


@attrs.frozen
class Change:
    """The clock is set.

    Attributes:
        at: Seconds since the epoch: the first that has the new offset.
        before: Offset from UTC, in seconds.
        after: The same.
    """

    at: int
    before: int
    after: int


def existing(moment: datetime) -> datetime:
    """Return a moment as it is, and the first one after the gap where its clock leaves that time out."""
    zone = moment.tzinfo
    if zone is None or moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment.replace(
        tzinfo=None
    ):
        return moment
    begin, end = (whole_seconds(moment.replace(fold=fold)) for fold in (1, 0))
    change = next(changes(zone, begin - 1, end), None)
    return moment if change is None else from_seconds(change.at, zone)


def offset(zone: tzinfo, moment: int) -> int:
    """Return by how many seconds the clock is ahead of UTC."""
    found = from_seconds(moment, zone).utcoffset()
    return 0 if found is None else round(found.total_seconds())


def changes(zone: tzinfo, after: int, until: int) -> Iterator[Change]:
    """Return the changes later than `after`, and not later than `until`, in order."""
    if zone is UTC or isinstance(zone, timezone):
        return
    for block in range(after // _BLOCK, until // _BLOCK + 1):
        yield from (each for each in _in_block(zone, block) if after < each.at <= until)


@lru_cache(maxsize=2_048)
def _in_block(zone: tzinfo, block: int) -> tuple[Change, ...]:
    """Return the changes from the first second of a block until before the first of the next."""
    found = []
    end = (block + 1) * _BLOCK - 1
    moment = block * _BLOCK - 1
    before = offset(zone, moment)
    while moment < end:
        following = min(moment + _STEP, end)
        after = offset(zone, following)
        if after != before:
            following = _change_within(zone, moment, following, before)
            after = offset(zone, following)
            found.append(Change(following, before, after))
        moment, before = following, after
    return tuple(found)


def _change_within(zone: tzinfo, low: int, high: int, before: int) -> int:
    while high - low > 1:
        middle = (low + high) // 2
        if offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high
