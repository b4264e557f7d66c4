"""Spans of time: read in the forms that people write, and written as Prometheus reads them."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from numbers import Real

Seconds = float | timedelta | str
"""Seconds, a timedelta, or a text: `90`, `15m`, `1.5d`, `1h30m`."""

_UNITS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1, "ms": 0.001}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_TEXT = re.compile("".join(f"(?:({_NUMBER}){unit})?" for unit in _UNITS))
_WRITTEN = ("d", "h", "m", "s")
_LEAST = 0.001  # what Prometheus can write
_MOST = 100.0 * _UNITS["y"]  # it counts in nanoseconds, of which 64 bits hold 292 years


def seconds(given: Seconds, setting: str) -> float:
    """Read a span of time.

    Raises:
        ValueError: It is none, or of no length that Prometheus can count with.
    """
    value = _read(given)
    if value is None or not _LEAST <= value <= _MOST:
        raise ValueError(
            f"{setting}: {given!r} is no span of time from 1 ms to 100 years; write 90 (seconds), '15m', '26h' or '1.5d', say."
        )
    return value


def duration(value: float) -> str:
    """Write seconds as Prometheus does, in whole numbers of the largest unit that fits: `90s`, `15m`, `36h`."""
    if value < 1 or value % 1:
        return f"{round(value * 1000)}ms"
    unit = next(unit for unit in _WRITTEN if value % _UNITS[unit] == 0)
    return f"{round(value / _UNITS[unit])}{unit}"


def _read(given: object) -> float | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, timedelta):
        return given.total_seconds()
    if isinstance(given, str):
        return _read_text(given)
    return float(given) if isinstance(given, Real | Decimal) else None


def _read_text(text: str) -> float | None:
    if re.fullmatch(_NUMBER, text):
        return float(text)
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    parts = zip(found.groups(), _UNITS.values(), strict=True)
    return round(sum(float(number) * unit for number, unit in parts if number), 6)
