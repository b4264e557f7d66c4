"""The dashboard of one task."""

from __future__ import annotations

from pegboard_dashboards._promql import BUCKET, COUNT, error_ratio, quantile
from pegboard_dashboards.grafana.panels import Json, Panel, Query, dashboard, variable
from pegboard_dashboards.grafana.queries import JOB, STEP, TASK, TASK_LEGEND, jobs, panel, per_second, waits
from pegboard_metrics import names

_CALLS = [
    panel(
        "Calls per second",
        "By how they ended.",
        per_second(COUNT, names.STATUS, TASK),
        f"{{{{{names.STATUS}}}}}",
        "cps",
    ),
    panel(
        "Failing",
        "Part of the calls.",
        error_ratio(STEP, names.TASK, JOB, TASK),
        TASK_LEGEND,
        "percentunit",
    ),
    panel(
        "Errors per second",
        "By type.",
        per_second(COUNT, names.ERROR_TYPE, TASK, f'{names.STATUS}="error"'),
        f"{{{{{names.ERROR_TYPE}}}}}",
        "cps",
    ),
]

_QUANTILES = tuple(
    Query(quantile(q, STEP, names.TASK, JOB, TASK), f"p{q * 100:g}", True) for q in (0.5, 0.95, 0.99)
)

_DURATION = [
    Panel(
        "Duration",
        "Half, 95 % and 99 % of the calls take at most this. Points are exemplars: traces.",
        _QUANTILES,
        "s",
        width=12,
    ),
    panel(
        "Durations",
        "How many calls took how long.",
        per_second(BUCKET, "le", TASK),
        "{{le}}",
        "s",
        kind="heatmap",
        width=12,
    ),
]

_AROUND = [
    panel("Active calls", "Begun and not ended.", f"sum({names.ACTIVE.name}{{{JOB},{TASK}}})"),
    panel(
        "Oldest active call",
        "Grows while it is stuck.",
        f"max({names.OLDEST_AGE.name}{{{JOB},{TASK}}})",
        unit="s",
    ),
    panel(
        "Since the last success",
        "A fallback's value is no success.",
        f"time() - max({names.LAST_SUCCESS.name}{{{JOB},{TASK}}})",
        unit="s",
    ),
    panel(
        "Since the last failure",
        "Empty until one fails; a process forgets it when it ends.",
        f"time() - max({names.LAST_FAILURE.name}{{{JOB},{TASK}}})",
        unit="s",
    ),
    panel(
        "Retries per second",
        "By the error that made them necessary.",
        per_second(names.RETRIES.name, names.ERROR_TYPE, TASK),
        f"{{{{{names.ERROR_TYPE}}}}}",
        "cps",
    ),
    panel(
        "Cache lookups per second",
        "By what was found.",
        per_second(names.CACHE_LOOKUPS.name, names.CACHE_RESULT, TASK),
        f"{{{{{names.CACHE_RESULT}}}}}",
        "cps",
    ),
    panel(
        "Waiting",
        "95 % of the waits for a limit or executor took at most this.",
        waits(names.EXECUTOR, TASK),
        f"{{{{{names.EXECUTOR}}}}}",
        "s",
    ),
]


def one_task() -> Json:
    """Make the dashboard of one task."""
    task = variable("task", f"label_values({names.ACTIVE.name}{{{JOB}}}, {names.TASK})", many=False)
    rows = [("Calls", _CALLS), ("Duration", _DURATION), ("Around it", _AROUND)]
    return dashboard("pegboard-task", "Pegboard: one task", [jobs(), task], rows)
