"""Recording rules: what dashboards and alerts ask for again and again."""

from __future__ import annotations

from pegboard_dashboards._promql import BY_TASK, COUNT, COUNTED, calls, error_ratio, quantile, selector
from pegboard_dashboards.rules.burn_rate import WINDOWS
from pegboard_dashboards.rules.rule import Group, Rule, record
from pegboard_metrics import names


def error_ratio_name(window: str) -> str:
    """Name the recorded error ratio of each task."""
    return f"job_task:pegboard_errors:ratio_rate{window}"


def recording_groups() -> list[Group]:
    """Make all groups."""
    ratios = [record(error_ratio_name(window), error_ratio(window)) for window in WINDOWS]
    return [
        {"name": "pegboard.calls", "rules": [*_rates(), *_quantiles()]},
        {"name": "pegboard.errors", "rules": ratios},
    ]


def _rates() -> list[Rule]:
    lookups = names.CACHE_LOOKUPS.name
    hits = f'sum by ({BY_TASK}) (rate({lookups}{{{names.CACHE_RESULT}="hit"}}[5m]))'
    return [
        record("job_task:pegboard_calls:rate5m", calls("5m")),
        *(
            record(
                f"job_task:pegboard_calls:increase{window}",
                f"sum by ({BY_TASK}) (increase({COUNT}{selector(COUNTED)}[{window}]))",
            )
            for window in ("1h", "1d")
        ),
        record("job_task:pegboard_retries:rate5m", f"sum by ({BY_TASK}) (rate({names.RETRIES.name}[5m]))"),
        record(
            "job_task:pegboard_cache_hits:ratio_rate5m",
            f"{hits}\n/\nsum by ({BY_TASK}) (rate({lookups}[5m]))",
        ),
    ]


def _quantiles() -> list[Rule]:
    return [
        record(f"job_task:pegboard_duration_seconds:p{q * 100:.0f}_5m", quantile(q, "5m"))
        for q in (0.5, 0.95, 0.99)
    ]
