"""The expressions that rules are made of; metric and label names come from the table of the metrics plugin."""

from __future__ import annotations

import re
from datetime import timedelta

from pegboard_metrics import names

COUNT = f"{names.DURATION.name}_count"
BUCKET = f"{names.DURATION.name}_bucket"
BY_TASK = f"job, {names.TASK}"
COUNTED = f'{names.STATUS}!~"cancelled|suspended"'
"""Calls that count: nobody stopped them. A stream that its reader closed is a success."""
FAILED = f'{names.STATUS}="error"'

Seconds = float | timedelta | str
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


def seconds(given: Seconds, setting: str) -> float:
    """Read a span of time: seconds, a timedelta, or a text as Prometheus writes it (`90s`, `15m`, `26h`).

    Raises:
        ValueError: It is none, or not above 0.
    """
    if isinstance(given, str):
        found = _DURATION.fullmatch(given)
        value = float(found[1]) * _UNITS[found[2]] if found else -1.0
    else:
        value = given.total_seconds() if isinstance(given, timedelta) else float(given)
    if not 0 < value < float("inf"):
        raise ValueError(
            f"{setting}: {given!r} is no span of time above 0; write 90 (seconds), '15m' or '26h', say."
        )
    return value


def duration(value: float) -> str:
    """Write seconds as Prometheus does: `90s`, `15m`, `26h`."""
    if value < 1 or value % 1:
        return f"{round(value * 1000)}ms"
    unit = next(unit for unit in ("d", "h", "m", "s") if value % _UNITS[unit] == 0)
    return f"{round(value / _UNITS[unit])}{unit}"


def selector(*matchers: str) -> str:
    """Join matchers: `{a="b",c="d"}`; "" without any."""
    kept = [matcher for matcher in matchers if matcher]
    return "{" + ",".join(kept) + "}" if kept else ""


def matches(label: str, value: str) -> str:
    """Write a matcher for exactly this value, whatever characters it has."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label}="{escaped}"'


def calls(window: str, by: str = BY_TASK, *matchers: str) -> str:
    """Calls per second that count."""
    return f"sum by ({by}) (rate({COUNT}{selector(*matchers, COUNTED)}[{window}]))"


def errors(window: str, by: str = BY_TASK, *matchers: str) -> str:
    """Failed calls per second; nothing where none has failed yet."""
    return f"sum by ({by}) (rate({COUNT}{selector(*matchers, FAILED)}[{window}]))"


def error_ratio(window: str, by: str = BY_TASK, *matchers: str) -> str:
    """The part of the calls that failed; 0 where none has."""
    total = calls(window, by, *matchers)
    return f"(\n  {errors(window, by, *matchers)}\n  or\n  0 * {total}\n)\n/\n{total}"


def quantile(q: float, window: str, by: str = BY_TASK, *matchers: str) -> str:
    """A quantile of how long calls took, in seconds."""
    return f"histogram_quantile({q}, sum by ({by}, le) (rate({BUCKET}{selector(*matchers)}[{window}])))"
