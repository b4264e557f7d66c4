"""Numbers, times and names as a line may show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.texts import JOINERS, cut, one_line

if TYPE_CHECKING:
    from pegboard_progress._bar import Bar

_LABEL_MOST = 40


def label(name: str, index: int | None = None) -> str:
    """Name a bar, cut to 40 characters."""
    name = cut(one_line(name, JOINERS), _LABEL_MOST, "...")
    return name if index is None else f"{name}[{index}]"


def amount(number: float) -> str:
    """Write a number with what matters of it: `1,204`, `0.25`, `1.5e+12`."""
    if number == int(number) and abs(number) < 1e12:
        return f"{int(number):,}"
    return f"{number:.3g}"


def duration(seconds: float) -> str:
    """Write a time like a clock: `0:07`, `12:05`, `1:02:05`; 99 days and more as `99d`."""
    if seconds >= 99 * 86_400:
        return "99d"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def rate(per_second: float) -> str:
    """Write a rate in the unit in which it is above 1: `12.5/s`, `3.0/min`, `2.0/h`."""
    if per_second >= 1e9:
        return f"{per_second:.3g}/s"
    if per_second >= 1:
        return f"{amount(round(per_second)) if per_second >= 100 else f'{per_second:.1f}'}/s"
    if per_second * 60 >= 1:
        return f"{per_second * 60:.1f}/min"
    return f"{per_second * 3600:.1f}/h"


def counts(bar: Bar) -> str:
    """Write how much is done: `12/100`, or `12`."""
    return amount(bar.done) if bar.total is None else f"{amount(bar.done)}/{amount(bar.total)}"


def line(bar: Bar) -> str:
    """Write a bar as a line of text, for where nothing can move."""
    parts = [f"{bar.label}  {counts(bar)}"]
    if bar.total:
        parts.append(f"{int(min(100 * bar.done / bar.total, 100.0))}%")
    if bar.failed:
        parts.append(f"{bar.failed:,} failed")
    speed, left = bar.rate, bar.remaining
    if speed is not None:
        parts.append(rate(speed))
    if left is not None:
        parts.append(f"{duration(left)} left")
    if bar.ended is not None:
        parts.append(f"{bar.status} after {duration(bar.elapsed)}")
    return ", ".join(parts)
