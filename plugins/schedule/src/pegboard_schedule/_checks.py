"""Refusals of bad settings, where they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from pegboard.parts import checks


def seconds(name: str, value: object, least: float) -> float:
    """Return a span of time in seconds.

    Raises:
        TypeError: It is neither a number nor a timedelta.
        ValueError: It is shorter than `least`, or not finite.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    return float(checks.seconds(least=least, hint="Or a timedelta.").check(name, number))


def aware(name: str, value: object) -> datetime:
    """Return a moment.

    Raises:
        TypeError: It is no datetime.
        ValueError: It has no time zone, so that it would mean another moment on another machine.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"{name} is a datetime, and this is of type {type(value).__name__}.")
    if value.utcoffset() is None:
        raise ValueError(
            f"{name} is a datetime without a time zone, which means another moment on every machine.\n"
            f"Say which zone: {name}=datetime(..., tzinfo=ZoneInfo('Europe/Berlin')), or tzinfo=UTC."
        )
    return value


def zone(value: object) -> tzinfo:
    """Return a time zone, by its name in the IANA database or as it is.

    Raises:
        TypeError: It is neither.
        ValueError: The database has no zone of that name.
    """
    if isinstance(value, tzinfo):
        return value
    if not isinstance(value, str):
        raise TypeError(
            f"tz is the name of a time zone or a tzinfo, and this is of type {type(value).__name__}."
        )
    if value.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:  # unknown, no key at all, or a folder of the database
        raise ValueError(
            f"there is no time zone {checks.shown(value)}. Names look like 'Europe/Berlin'; where the system has no zones, "
            f"install `tzdata`."
        ) from error
