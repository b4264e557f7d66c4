"""Burn rates: how many times faster than allowed a task uses up the failures it may have.

Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts". A long window keeps a short peak from
firing the alert, a short one ends the alert soon after the failures end.
"""

from __future__ import annotations

from collections.abc import Callable

from pegboard.parts import checks

Pair = tuple[float, str, str]

FAST: tuple[Pair, ...] = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
"""Factor, long and short window: 2 % of a 30-day budget in an hour, 5 % in six."""
SLOW: tuple[Pair, ...] = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))
"""10 % of a 30-day budget in a day, or in three."""
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""All of them, over which error ratios are recorded."""
_OBJECTIVE = checks.number(
    least=50,
    below=100,
    type_error=ValueError,
    hint="It is per cent of the calls, as in 99.9; with 100, the first failure would be one too many.",
)


def checked_objective(objective: object) -> float:
    """Check a share of calls that are to succeed, in per cent.

    Raises:
        ValueError: It is not between 50 and 100; a fraction is a likely mistake.
    """
    return float(_OBJECTIVE.check("objective", objective))


def burning(ratio: Callable[[str], str], objective: float, pairs: tuple[Pair, ...], labels: str = "") -> str:
    """Write when a recorded error ratio burns too fast in one of the pairs of windows.

    Args:
        ratio: Name of the ratio over a window.
        objective: In per cent.
        pairs: Factor, long window, short window.
        labels: A selector of the ratio's series.
    """
    budget = (100 - objective) / 100
    return "\nor\n".join(
        f"({ratio(long)}{labels} > {factor * budget:.6g} and {ratio(short)}{labels} > {factor * budget:.6g})"
        for factor, long, short in pairs
    )
