"""Names, numbers and durations as a terminal may show them."""

from __future__ import annotations

from pegboard.texts import JOINERS, one_line


def safe(name: str) -> str:
    """Escape what no line of a terminal should have in it."""
    return one_line(name, JOINERS)


def error_name(error: BaseException) -> str:
    """Name an exception by its class alone: its message may hold values."""
    return safe(type(error).__qualname__.rpartition("<locals>.")[2])


def duration(seconds: float) -> str:
    """Write a duration in the unit that a reader would choose: `840 us`, `12.3 ms`, `1.25 s`, `2 m 05 s`, `1 h 02 m`."""
    if seconds < 0.000_999_5:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 0.999_95:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 attempt`, `10,000 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
