"""The expressions that rules are made of; metric and label names come from the table of the metrics plugin."""

from __future__ import annotations

from pegboard_dashboards._texts import quoted
from pegboard_metrics import names

COUNT = f"{names.DURATION.name}_count"
BUCKET = f"{names.DURATION.name}_bucket"
BY_SERVICE = "job, exported_job"
"""`exported_job` is the job of a file or push that was scraped without `honor_labels`; most series have none."""
BY_TASK = f"{BY_SERVICE}, {names.TASK}"
BY_PROCESS = f"{BY_SERVICE}, instance"
COUNTED = f'{names.STATUS}!~"cancelled|suspended"'
"""Calls that count: nobody stopped them. A stream that its reader closed is a success."""
FAILED = f'{names.STATUS}="error"'


def selector(*matchers: str) -> str:
    """Join matchers: `{a="b",c="d"}`; "" without any."""
    kept = [matcher for matcher in matchers if matcher]
    return "{" + ",".join(kept) + "}" if kept else ""


def matches(label: str, value: str) -> str:
    """Write a matcher for exactly this value, whatever characters it has."""
    return f"{label}={quoted(value)}"


def calls(window: str, by: str = BY_TASK, *matchers: str) -> str:
    """Calls per second that count."""
    return f"sum by ({by}) (rate({COUNT}{selector(*matchers, COUNTED)}[{window}]))"


def errors(window: str, by: str = BY_TASK, *matchers: str) -> str:
    """Failed calls per second; 0 for a task that does not fail."""
    failed = f"sum by ({by}) (rate({COUNT}{selector(*matchers, FAILED)}[{window}]))"
    return f"({failed} or 0 * {calls(window, by, *matchers)})"


def ratio(part: str, whole: str) -> str:
    """Write which part of a whole something is: 0 of nothing, as nothing of it is."""
    return f"{part}\n/\n({whole} > 0)\nor\n0 * {whole}"


def error_ratio(window: str, by: str = BY_TASK, *matchers: str) -> str:
    """The part of the calls that failed; 0 where none has, and where there were none."""
    return ratio(errors(window, by, *matchers), calls(window, by, *matchers))


def quantile(q: float, window: str, by: str = BY_TASK, *matchers: str) -> str:
    """A quantile of how long calls took, in seconds."""
    return f"histogram_quantile({q}, sum by ({by}, le) (rate({BUCKET}{selector(*matchers)}[{window}])))"


def increase(counter: str, window: str, by: str) -> str:
    """By how much a counter went up within a window, over restarts."""
    return f"sum by ({by}) (increase({counter}[{window}]))"


def from_zero(record: str, counter: str, by: str, watch: str) -> str:
    """Let a record of a counter begin at 0, as `increase` does not see how a series begins.

    What a new process counted before it was first scraped, and the first error of a new type, are an increase this way. Two
    things are not: what was counted before anybody watched, and that a process was not to be reached for a while, after which
    it goes on where it was.

    Args:
        record: Selects what this expression is recorded as.
        counter: The counter.
        by: The labels that both have.
        watch: Selects what is recorded for as long as these rules are evaluated.
    """
    seen = f"({record} or present_over_time({record}[6h:5m]))"
    return f"0 * {counter}\nand on () ({watch} offset {_SETTLED})\nunless on ({by})\n{seen}\nor\n{counter}"


_SETTLED = "3m"  # by then, every target was scraped
