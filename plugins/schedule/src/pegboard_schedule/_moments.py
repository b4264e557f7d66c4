"""Moments and seconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def whole_seconds(moment: datetime) -> int:
    """Return the seconds since the epoch, without the fraction."""
    return (moment.astimezone(UTC) - _EPOCH) // _SECOND


def from_seconds(seconds: int, zone: tzinfo) -> datetime:
    """Return a moment in a zone. `datetime.fromtimestamp` does not know those before 1970 on every system."""
    return (_EPOCH + seconds * _SECOND).astimezone(zone)
