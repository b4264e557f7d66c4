"""Recording rules: what dashboards and alerts ask for again and again."""

from __future__ import annotations

from pegboard_dashboards._promql import (
    BY_PROCESS,
    BY_TASK,
    COUNT,
    COUNTED,
    FAILED,
    from_zero,
    increase,
    quantile,
    ratio,
    selector,
)
from pegboard_dashboards.rules.burn_rate import WINDOWS
from pegboard_dashboards.rules.rule import Group, Rule, record
from pegboard_metrics import names

BY_TASK_OF_PROCESS = f"{BY_PROCESS}, {names.TASK}"
BY_HOOK = f"{BY_PROCESS}, {names.PLUGIN}, {names.HOOK}"
BY_LOSS = f"{BY_PROCESS}, {names.SIGNAL}, {names.REASON}"

SUCCEEDED = selector(f'{names.STATUS}=~"ok|closed"', f'{names.SOURCE}!="fallback"')
"""Calls that gave what they were made for."""

CALLS = "job_instance_task:pegboard_calls:total"
ERRORS = "job_instance_task:pegboard_errors:total"
SUCCESSES = "job_instance_task:pegboard_successes:total"
RETRIES = "job_instance_task:pegboard_retries:total"
HOOK_ERRORS = "job_instance_hook:pegboard_hook_errors:total"
DROPPED = "job_instance_reason:pegboard_telemetry_dropped:total"
"""Counters as they are, but that each begins at 0."""
_WATCH = "pegboard:watched"
LAST_SUCCESS = "job_task:pegboard_last_success_timestamp_seconds:max"
"""When a task last succeeded anywhere in its service."""


def error_ratio_name(window: str) -> str:
    """Name the recorded error ratio of each task."""
    return f"job_task:pegboard_errors:ratio_rate{window}"


def recording_groups() -> list[Group]:
    """Make all groups."""
    return [
        {"name": "pegboard.counters", "rules": [record(_WATCH, "vector(1)"), *_counters(), _last_success()]},
        {"name": "pegboard.calls", "rules": [*_rates(), *_quantiles()]},
        {"name": "pegboard.errors", "rules": [_error_ratio(window) for window in WINDOWS]},
    ]


def _counters() -> list[Rule]:
    by = BY_TASK_OF_PROCESS
    total = f"sum by ({by}) ({COUNT}{selector(COUNTED)})"
    failed = f"(sum by ({by}) ({COUNT}{selector(FAILED)}) or 0 * {total})"
    return [
        _from_zero(CALLS, total, by),
        _from_zero(ERRORS, failed, by),
        _from_zero(SUCCESSES, f"sum by ({by}) ({COUNT}{SUCCEEDED})", by),
        _from_zero(RETRIES, f"sum by ({by}) ({names.RETRIES.name})", by),
        _from_zero(HOOK_ERRORS, f"sum by ({BY_HOOK}) ({names.HOOK_ERRORS.name})", BY_HOOK),
        _from_zero(DROPPED, f"sum by ({BY_LOSS}) ({names.DROPPED.name})", BY_LOSS),
    ]


def _last_success() -> Rule:
    return record(LAST_SUCCESS, f"max by ({BY_TASK}) ({names.LAST_SUCCESS.name})")


def _from_zero(name: str, counter: str, by: str) -> Rule:
    return record(name, from_zero(name, counter, by, _WATCH))


def _error_ratio(window: str) -> Rule:
    failed, total = (increase(counter, window, BY_TASK) for counter in (ERRORS, CALLS))
    return record(error_ratio_name(window), ratio(failed, total))


def _rates() -> list[Rule]:
    lookups = f"sum by ({BY_TASK}) (rate({names.CACHE_LOOKUPS.name}[5m]))"
    hits = f'sum by ({BY_TASK}) (rate({names.CACHE_LOOKUPS.name}{{{names.CACHE_RESULT}="hit"}}[5m]))'
    return [
        record("job_task:pegboard_calls:rate5m", _per_second(CALLS)),
        *(
            record(f"job_task:pegboard_calls:increase{window}", increase(CALLS, window, BY_TASK))
            for window in ("1h", "1d")
        ),
        record("job_task:pegboard_retries:rate5m", _per_second(RETRIES)),
        record("job_task:pegboard_cache_hits:ratio_rate5m", ratio(f"({hits} or 0 * {lookups})", lookups)),
    ]


def _per_second(counter: str) -> str:
    return f"sum by ({BY_TASK}) (rate({counter}[5m]))"


def _quantiles() -> list[Rule]:
    return [
        record(f"job_task:pegboard_duration_seconds:p{q * 100:.0f}_5m", quantile(q, "5m"))
        for q in (0.5, 0.95, 0.99)
    ]
