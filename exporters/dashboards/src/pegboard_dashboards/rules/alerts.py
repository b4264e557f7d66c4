"""Alert rules for every task, whatever its name."""

from __future__ import annotations

import attrs

from pegboard.parts import checks
from pegboard_dashboards._promql import BY_TASK, COUNT, FAILED, Seconds, duration, seconds, selector
from pegboard_dashboards.rules.burn_rate import FAST, SLOW, burning, checked_objective
from pegboard_dashboards.rules.recording import error_ratio_name
from pegboard_dashboards.rules.rule import Group, Rule, alert
from pegboard_metrics import names

_TASK = f"{{{{ $labels.{names.TASK} }}}}"


def _seconds(given: Seconds) -> float:
    return seconds(given, "Thresholds")


@attrs.frozen(kw_only=True)
class Thresholds:
    """From where on the shipped alerts fire.

    Attributes:
        objective: Per cent of the calls of each task that are to succeed, for the burn-rate alerts.
        min_calls: Calls of a task within an hour (a day, for the slow alert) below which its ratio says too little.
        no_success: How long a task that is tried may go without success.
        stuck: How old the oldest active call of a task may get.
        breaker_open: How long a circuit breaker may be open.
        abandoned: Threads that may go on behind their timeouts, for a quarter of an hour.

    Times are seconds, timedeltas, or texts such as `15m`.

    Raises:
        ValueError: A value makes no sense.
    """

    objective: float = attrs.field(default=99.0, converter=checked_objective)
    min_calls: int = attrs.field(default=10, validator=checks.whole(least=0))
    no_success: float = attrs.field(default=3600.0, converter=_seconds)
    stuck: float = attrs.field(default=3600.0, converter=_seconds)
    breaker_open: float = attrs.field(default=300.0, converter=_seconds)
    abandoned: int = attrs.field(default=10, validator=checks.whole(least=0))


def alert_groups(thresholds: Thresholds) -> list[Group]:
    """Make all groups."""
    health = [
        _breaker_open(thresholds),
        _abandoned_threads(thresholds),
        _telemetry_dropped(),
        _hook_errors(),
    ]
    return [
        {"name": "pegboard.burn", "rules": _burn(thresholds)},
        {"name": "pegboard.tasks", "rules": [_no_success(thresholds), _stuck(thresholds)]},
        {"name": "pegboard.health", "rules": health},
    ]


def _burn(thresholds: Thresholds) -> list[Rule]:
    rules = []
    for name, severity, pairs, window in (
        ("PegboardErrorBudgetFast", "critical", FAST, "1h"),
        ("PegboardErrorBudgetSlow", "warning", SLOW, "1d"),
    ):
        enough = f"on ({BY_TASK}) job_task:pegboard_calls:increase{window} >= {thresholds.min_calls}"
        rules.append(
            alert(
                name,
                f"({burning(error_ratio_name, thresholds.objective, pairs)})\nand {enough}",
                severity,
                f"Task {_TASK} fails too often",
                f"{{{{ $value | humanizePercentage }}}} of the calls of {_TASK} in {{{{ $labels.job }}}} fail; "
                f"{thresholds.objective:g} % are to succeed.",
            )
        )
    return rules


def _no_success(thresholds: Thresholds) -> Rule:
    window = duration(max(thresholds.no_success, 60.0))
    failing = f"sum by ({BY_TASK}) (increase({COUNT}{selector(FAILED)}[{window}])) > 0"
    recent = f"max by ({BY_TASK}) ({names.LAST_SUCCESS.name}) > time() - {thresholds.no_success:g}"
    return alert(
        "PegboardNoSuccess",
        f"{failing}\nunless on ({BY_TASK})\n{recent}",
        "critical",
        f"Task {_TASK} only fails",
        f"{_TASK} in {{{{ $labels.job }}}} was tried and failed, and no call has succeeded for {duration(thresholds.no_success)}.",
    )


def _stuck(thresholds: Thresholds) -> Rule:
    return alert(
        "PegboardStuck",
        f"max by ({BY_TASK}) ({names.OLDEST_AGE.name}) > {thresholds.stuck:g}",
        "warning",
        f"A call of {_TASK} does not end",
        f"The oldest call of {_TASK} in {{{{ $labels.job }}}} began {{{{ $value | humanizeDuration }}}} ago.",
    )


def _breaker_open(thresholds: Thresholds) -> Rule:
    breaker = f"{{{{ $labels.{names.BREAKER} }}}}"
    return alert(
        "PegboardBreakerOpen",
        f"max by (job, {names.BREAKER}) ({names.BREAKER_STATE.name}) == 2",
        "warning",
        f"Circuit breaker {breaker} is open",
        f"What {breaker} protects in {{{{ $labels.job }}}} keeps failing, so it is not called.",
        wait=thresholds.breaker_open,
    )


def _abandoned_threads(thresholds: Thresholds) -> Rule:
    return alert(
        "PegboardAbandonedThreads",
        f"max by (job, instance) ({names.ABANDONED.name}) > {thresholds.abandoned}",
        "warning",
        "Functions go on behind their timeouts",
        "{{ $value }} threads of {{ $labels.instance }} still run functions that nobody waits for.",
        wait=900,
    )


def _telemetry_dropped() -> Rule:
    return alert(
        "PegboardTelemetryDropped",
        f"sum by (job, {names.SIGNAL}, {names.REASON}) (increase({names.DROPPED.name}[15m])) > 0",
        "warning",
        "Telemetry is incomplete",
        f"{{{{ $labels.job }}}} has dropped {{{{ $labels.{names.SIGNAL} }}}}: {{{{ $labels.{names.REASON} }}}}.",
    )


def _hook_errors() -> Rule:
    plugin = f"{{{{ $labels.{names.PLUGIN} }}}}"
    return alert(
        "PegboardHookErrors",
        f"sum by (job, {names.PLUGIN}, {names.HOOK}) (increase({names.HOOK_ERRORS.name}[15m])) > 0",
        "warning",
        f"Plugin {plugin} fails",
        f"{plugin} fails in {{{{ $labels.{names.HOOK} }}}} in {{{{ $labels.job }}}}; tasks go on.",
    )
