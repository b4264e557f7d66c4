"""What the dashboards have in common: how they ask, and for which jobs."""

from __future__ import annotations

from pegboard_dashboards.grafana.panels import Json, Panel, Query, variable
from pegboard_metrics import names

STEP = "$__rate_interval"
JOB = 'job=~"$job"'
TASK = f'{names.TASK}="$task"'  # one value, so Grafana does not escape it for a regular expression
TASK_LEGEND = f"{{{{{names.TASK}}}}}"


def jobs() -> Json:
    """Make the variable of the scrape jobs to look at."""
    return variable("job", f"label_values({names.ACTIVE.name}, job)", many=True)


def per_second(metric: str, by: str, *matchers: str) -> str:
    """Write the rate of a counter."""
    return f"sum by ({by}) (rate({metric}{{{','.join((JOB, *matchers))}}}[{STEP}]))"


def or_zero(query: str) -> str:
    """Answer 0 where there is nothing that could be counted, as no plugin that could fail."""
    return f"{query} or on () vector(0)"


def waits(by: str, *matchers: str) -> str:
    """Write how long 95 % of the waits took at most."""
    return f"histogram_quantile(0.95, {per_second(f'{names.WAIT.name}_bucket', f'{by}, le', *matchers)})"


def panel(
    title: str, description: str, expression: str, legend: str = "", unit: str = "short", **more: object
) -> Panel:
    """Make a panel of one query; quantiles show exemplars."""
    exemplars = expression.startswith("histogram_quantile")
    return Panel(title, description, (Query(expression, legend, exemplars),), unit, **more)  # type: ignore[arg-type]
