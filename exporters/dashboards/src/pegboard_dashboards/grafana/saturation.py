"""The dashboard of what is full, stuck or lost."""

from __future__ import annotations

from pegboard_dashboards import _durable as durable
from pegboard_dashboards.grafana.panels import Json, dashboard
from pegboard_dashboards.grafana.queries import (
    JOB,
    STEP,
    TASK_LEGEND,
    jobs,
    or_zero,
    panel,
    per_second,
    waits,
)
from pegboard_metrics import names

_WORK = [
    panel("Active calls", "By task.", f"sum by ({names.TASK}) ({names.ACTIVE.name}{{{JOB}}})", TASK_LEGEND),
    panel(
        "Oldest active call",
        "By task.",
        f"max by ({names.TASK}) ({names.OLDEST_AGE.name}{{{JOB}}})",
        TASK_LEGEND,
        "s",
    ),
    panel("Waiting", "95 % of the waits took at most this, by task.", waits(names.TASK), TASK_LEGEND, "s"),
    panel(
        "Waits per second",
        "By the limit or executor that was waited for.",
        or_zero(per_second(f"{names.WAIT.name}_count", names.EXECUTOR)),
        f"{{{{{names.EXECUTOR}}}}}",
        "cps",
    ),
    panel(
        "Queues",
        "Functions that wait for a worker, by executor.",
        f"sum by ({names.EXECUTOR}) ({names.QUEUE_DEPTH.name}{{{JOB}}})",
        f"{{{{{names.EXECUTOR}}}}}",
    ),
    panel(
        "Workers",
        "Threads or processes that an executor may use.",
        f"sum by ({names.EXECUTOR}) ({names.WORKER_COUNT.name}{{{JOB}}})",
        f"{{{{{names.EXECUTOR}}}}}",
    ),
    panel(
        "Late runs",
        "95 % of the scheduled runs began at most so late, by task.",
        f"histogram_quantile(0.95, {per_second(f'{names.LATENESS.name}_bucket', f'{names.TASK}, le')})",
        TASK_LEGEND,
        "s",
    ),
    panel(
        "Dropped runs per second",
        "Scheduled runs that were dropped, by task.",
        or_zero(per_second(names.MISSED.name, names.TASK)),
        TASK_LEGEND,
        "cps",
    ),
    panel(
        "Circuit breakers",
        "One that no task has asked for yet is not there.",
        f"max by ({names.BREAKER}) ({names.BREAKER_STATE.name}{{{JOB}}})",
        f"{{{{{names.BREAKER}}}}}",
        words=tuple(word.replace("_", " ") for word in names.BREAKER_STATES),
        steps=(1, 2),
    ),
    panel(
        "Abandoned threads",
        "They run functions that outlived their timeouts.",
        f"sum by (instance) ({names.ABANDONED.name}{{{JOB}}})",
        "{{instance}}",
    ),
]

_DURABLE = [
    panel(
        "Durable runs",
        "In the journal, by status.",
        f"max by ({durable.STATUS}) ({durable.RUNS}{{{JOB}}})",
        f"{{{{{durable.STATUS}}}}}",
    ),
    panel(
        "Durable runs ended per second",
        "Or set aside, by status.",
        or_zero(per_second(durable.ENDED, durable.STATUS)),
        f"{{{{{durable.STATUS}}}}}",
        "cps",
    ),
    panel(
        "Durable steps",
        "95 % of the steps that ran took at most this, by task.",
        f"histogram_quantile(0.95, {per_second(f'{durable.STEPS}_bucket', f'{names.TASK}, le')})",
        TASK_LEGEND,
        "s",
    ),
    panel(
        "Replays per second",
        "Steps that were answered from the journal, by task.",
        or_zero(per_second(durable.REPLAYS, names.TASK)),
        TASK_LEGEND,
        "cps",
    ),
    panel(
        "Leases lost per second",
        "Runs that another process took over while this one still worked on them.",
        or_zero(per_second(durable.LEASE_LOSSES, "instance")),
        "{{instance}}",
        "cps",
    ),
]

_PROCESS = [
    panel(
        "Processor",
        "Cores in use. Needs Prometheus(include_default=True).",
        f"rate(process_cpu_seconds_total{{{JOB}}}[{STEP}])",
        "{{instance}}",
    ),
    panel(
        "Memory",
        "Resident. Needs Prometheus(include_default=True).",
        f"process_resident_memory_bytes{{{JOB}}}",
        "{{instance}}",
        "bytes",
    ),
    panel(
        "Scrape duration",
        "How long the endpoint takes to answer.",
        f"scrape_duration_seconds{{{JOB}}}",
        "{{instance}}",
        "s",
    ),
]

_TELEMETRY = [
    panel(
        "Telemetry dropped per second",
        "Counted under _OTHER, or lost.",
        per_second(names.DROPPED.name, f"{names.SIGNAL}, {names.REASON}"),
        f"{{{{{names.SIGNAL}}}}} {{{{{names.REASON}}}}}",
        "cps",
        width=12,
    ),
    panel(
        "Errors of plugins per second",
        "Where they may only watch; the calls went on.",
        or_zero(per_second(names.HOOK_ERRORS.name, f"{names.PLUGIN}, {names.HOOK}")),
        f"{{{{{names.PLUGIN}}}}} {{{{{names.HOOK}}}}}",
        "cps",
        width=12,
    ),
]


def saturation() -> Json:
    """Make the dashboard of what runs full."""
    rows = [("Work", _WORK), ("Durable runs", _DURABLE), ("Process", _PROCESS), ("Telemetry", _TELEMETRY)]
    return dashboard("pegboard-saturation", "Pegboard: saturation", [jobs()], rows)
