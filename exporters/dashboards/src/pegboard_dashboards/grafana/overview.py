"""The dashboard that shows all tasks side by side."""

from __future__ import annotations

from pegboard_dashboards._promql import COUNT, calls, error_ratio, errors, quantile, ratio
from pegboard_dashboards.grafana.panels import Json, dashboard
from pegboard_dashboards.grafana.queries import JOB, STEP, TASK_LEGEND, jobs, panel, per_second
from pegboard_metrics import names


def _hit_ratio() -> str:
    hits = per_second(names.CACHE_LOOKUPS.name, names.TASK, f'{names.CACHE_RESULT}="hit"')
    lookups = per_second(names.CACHE_LOOKUPS.name, names.TASK)
    return ratio(f"({hits} or 0 * {lookups})", lookups)


def _totals() -> str:
    return f"sort_desc(sum by ({names.TASK}, {names.STATUS}) (increase({COUNT}{{{JOB}}}[$__range])))"


_NOW = [
    panel(
        "Calls per second",
        "All tasks.",
        f"sum({calls(STEP, names.TASK, JOB)})",
        unit="cps",
        kind="stat",
        width=6,
    ),
    panel(
        "Failing",
        "Part of the calls that end in an error; calls that were cancelled do not count.",
        ratio(f"sum({errors(STEP, names.TASK, JOB)})", f"sum({calls(STEP, names.TASK, JOB)})"),
        unit="percentunit",
        kind="stat",
        width=6,
        steps=(0.01, 0.05),
    ),
    panel(
        "Active calls",
        "Begun and not ended.",
        f"sum({names.ACTIVE.name}{{{JOB}}})",
        kind="stat",
        width=6,
    ),
    panel(
        "Oldest active call",
        "Grows while something is stuck.",
        f"max({names.OLDEST_AGE.name}{{{JOB}}})",
        unit="s",
        kind="stat",
        width=6,
        steps=(600, 3600),
    ),
]

_TASKS = [
    panel("Calls per second", "By task.", calls(STEP, names.TASK, JOB), TASK_LEGEND, "cps"),
    panel(
        "Failing",
        "Part of the calls of each task.",
        error_ratio(STEP, names.TASK, JOB),
        TASK_LEGEND,
        "percentunit",
    ),
    panel(
        "95 % take at most",
        "By task, waits included.",
        quantile(0.95, STEP, names.TASK, JOB),
        TASK_LEGEND,
        "s",
    ),
    panel(
        "Retries per second",
        "Extra runs, by task.",
        per_second(names.RETRIES.name, names.TASK),
        TASK_LEGEND,
        "cps",
    ),
    panel(
        "Served from the cache",
        "Part of the lookups that found a result, by task.",
        _hit_ratio(),
        TASK_LEGEND,
        "percentunit",
    ),
    panel(
        "Errors per second",
        "By type. `_OTHER` stands for all beyond ten types of a task.",
        per_second(COUNT, names.ERROR_TYPE, f'{names.STATUS}="error"'),
        f"{{{{{names.ERROR_TYPE}}}}}",
        "cps",
    ),
    panel(
        "Since the last success",
        "Of each task that has succeeded at least once.",
        f"sort_desc(time() - max by ({names.TASK}) ({names.LAST_SUCCESS.name}{{{JOB}}}))",
        unit="s",
        kind="table",
        width=12,
    ),
    panel("Calls", "Within the chosen time, by task and how they ended.", _totals(), kind="table", width=12),
]


def overview() -> Json:
    """Make the dashboard of all tasks."""
    return dashboard("pegboard-overview", "Pegboard: overview", [jobs()], [("Now", _NOW), ("Tasks", _TASKS)])
