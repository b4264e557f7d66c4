"""Alert rules for every task, whatever its name."""

from __future__ import annotations

from typing import Any

import attrs

from pegboard.parts import checks
from pegboard_dashboards import _durable as durable
from pegboard_dashboards._promql import BY_SERVICE, BY_TASK, COUNT, FAILED, increase, selector
from pegboard_dashboards._times import Seconds, duration, seconds
from pegboard_dashboards.rules.burn_rate import FAST, SLOW, burning, checked_objective
from pegboard_dashboards.rules.recording import (
    BY_TASK_OF_PROCESS,
    DROPPED,
    ERRORS,
    HOOK_ERRORS,
    LAST_SUCCESS,
    SUCCEEDED,
    SUCCESSES,
    error_ratio_name,
)
from pegboard_dashboards.rules.rule import SERVICE, Group, Rule, alert
from pegboard_metrics import names

_TASK = f"{{{{ $labels.{names.TASK} }}}}"
_INSTANCE = "{{ with $labels.instance }} on {{ . }}{{ end }}"
_COUNT = checks.whole(least=0, type_error=ValueError)


def _time(setting: str, default: Seconds) -> Any:
    """A field that is a span of time."""
    return attrs.field(default=default, converter=lambda given: seconds(given, setting))


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

    Times are seconds, timedeltas, or texts such as `15m` and `1.5d`.

    Raises:
        ValueError: A value makes no sense.
    """

    objective: float = attrs.field(default=99.0, converter=checked_objective)
    min_calls: int = attrs.field(default=10, validator=_COUNT)
    no_success: float = _time("no_success", "1h")
    stuck: float = _time("stuck", "1h")
    breaker_open: float = _time("breaker_open", "5m")
    abandoned: int = attrs.field(default=10, validator=_COUNT)


def alert_groups(thresholds: Thresholds) -> list[Group]:
    """Make all groups."""
    health = [
        _breaker_open(thresholds),
        _abandoned_threads(thresholds),
        _telemetry_dropped(),
        _hook_errors(),
    ]
    tasks = [_no_success(thresholds), _no_success_here(thresholds), _stuck(thresholds)]
    return [
        {"name": "pegboard.burn", "rules": _burn(thresholds)},
        {"name": "pegboard.tasks", "rules": tasks},
        {"name": "pegboard.durable", "rules": [_run_stuck(), _run_attention()]},
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
                f"Task {_TASK} of {SERVICE} fails too often",
                f"{{{{ $value | humanizePercentage }}}} of the calls of {_TASK} in {SERVICE} fail; "
                f"{thresholds.objective:.15g} % are to succeed.",
            )
        )
    return rules


def _no_success(thresholds: Thresholds) -> Rule:
    """Fire where a task fails and succeeds nowhere in its service: at once, as the first failure may be the only one tonight."""
    by = BY_TASK_OF_PROCESS
    lately = _service_succeeded(thresholds)
    since = (
        f"max by ({by}) ({names.LAST_FAILURE.name}) < on ({BY_TASK}) group_left () {_remembered(thresholds)}"
    )
    failing = f"{_failing(thresholds)}\nunless on ({BY_TASK})\n({lately})\nunless on ({by})\n({since})"
    return alert(
        "PegboardNoSuccess",
        f"count by ({BY_TASK}) (\n{failing}\n)",
        "critical",
        f"Task {_TASK} of {SERVICE} only fails",
        f"{_TASK} in {SERVICE} was tried and failed, and no call has succeeded for {duration(thresholds.no_success)}.",
    )


def _no_success_here(thresholds: Thresholds) -> Rule:
    """Fire where a task goes on failing in one process, and succeeds in others of its service."""
    by = BY_TASK_OF_PROCESS
    said, window = duration(thresholds.no_success), _window(thresholds)
    own = f"max by ({by}) (max_over_time({names.LAST_SUCCESS.name}[{window}])) > time() - {thresholds.no_success:.15g}"
    since = f"max by ({by}) ({names.LAST_SUCCESS.name}) > max by ({by}) ({names.LAST_FAILURE.name})"
    elsewhere = _service_succeeded(thresholds)
    return alert(
        "PegboardNoSuccess",
        f"{_failing(thresholds)}\nand on ({BY_TASK})\n({elsewhere})\nunless on ({by})\n({own})\nunless on ({by})\n({since})",
        "warning",
        f"Task {_TASK} of {SERVICE} only fails{_INSTANCE}",
        f"{_TASK} in {SERVICE} fails{_INSTANCE} and has not succeeded there for {said}; elsewhere in {SERVICE} it does.",
        wait=thresholds.no_success,
    )


def _failing(thresholds: Thresholds) -> str:
    """The tasks of processes that failed and did not succeed, whether that was seen to happen or not.

    Lately, by the counters; in all the time of a process that never succeeded, as in the file of a job, which says the same
    every night; or as far as it is known when.
    """
    by, window = BY_TASK_OF_PROCESS, _window(thresholds)
    lately = f"{increase(ERRORS, window, by)} > 0 unless {increase(SUCCESSES, window, by)} > 0"
    never = f"sum by ({by}) ({COUNT}{selector(FAILED)}) > 0 unless sum by ({by}) ({COUNT}{SUCCEEDED}) > 0"
    known = f"max by ({by}) ({names.LAST_FAILURE.name})"
    return f"(\n  {lately}\n  or {never}\n  or {known}\n)"


def _service_succeeded(thresholds: Thresholds) -> str:
    """The tasks that succeeded lately somewhere in their service; a process that has ended since counts."""
    return f"{_remembered(thresholds)} > time() - {thresholds.no_success:.15g}"


def _remembered(thresholds: Thresholds) -> str:
    return f"max_over_time({LAST_SUCCESS}[{duration(max(thresholds.no_success, 86_400.0))}])"


def _window(thresholds: Thresholds) -> str:
    """The time within which a failure is news; never so short that only one scrape falls into it."""
    return duration(max(thresholds.no_success, 300.0))


def _stuck(thresholds: Thresholds) -> Rule:
    return alert(
        "PegboardStuck",
        f"max by ({BY_TASK}) ({names.OLDEST_AGE.name}) > {thresholds.stuck:.15g}",
        "warning",
        f"A call of {_TASK} of {SERVICE} does not end",
        f"The oldest call of {_TASK} in {SERVICE} began {{{{ $value | humanizeDuration }}}} ago.",
    )


def _run_stuck() -> Rule:
    return alert(
        "PegboardRunStuck",
        _runs("STUCK"),
        "critical",
        f"Durable runs of {SERVICE} are stuck",
        f"{{{{ $value }}}} runs in the journal of {SERVICE} ended their process again and again, and are not taken up any more.",
    )


def _run_attention() -> Rule:
    return alert(
        "PegboardRunAttention",
        _runs("ATTENTION|UNDO_FAILED"),
        "warning",
        f"Durable runs of {SERVICE} want a look",
        f"{{{{ $value }}}} runs in the journal of {SERVICE} cannot go on, or could not be undone.",
    )


def _runs(statuses: str) -> str:
    """Durable runs of some statuses; every process with the journal tells of all of them."""
    each = f'max by ({BY_SERVICE}, {durable.STATUS}) ({durable.RUNS}{{{durable.STATUS}=~"{statuses}"}})'
    return f"sum by ({BY_SERVICE}) ({each}) > 0"


def _breaker_open(thresholds: Thresholds) -> Rule:
    breaker = f"{{{{ $labels.{names.BREAKER} }}}}"
    return alert(
        "PegboardBreakerOpen",
        f"max by ({BY_SERVICE}, {names.BREAKER}) ({names.BREAKER_STATE.name}) == 2",
        "warning",
        f"Circuit breaker {breaker} of {SERVICE} is open",
        f"What {breaker} protects in {SERVICE} keeps failing, so it is not called.",
        wait=thresholds.breaker_open,
    )


def _abandoned_threads(thresholds: Thresholds) -> Rule:
    return alert(
        "PegboardAbandonedThreads",
        f"max by ({BY_SERVICE}, instance) ({names.ABANDONED.name}) > {thresholds.abandoned}",
        "warning",
        f"Functions of {SERVICE} go on behind their timeouts",
        f"{{{{ $value }}}} threads of {SERVICE}{_INSTANCE} still run functions that nobody waits for.",
        wait=900,
    )


def _telemetry_dropped() -> Rule:
    by = f"{BY_SERVICE}, {names.SIGNAL}, {names.REASON}"
    return alert(
        "PegboardTelemetryDropped",
        f"{increase(DROPPED, '15m', by)} > 0",
        "warning",
        f"Telemetry of {SERVICE} is incomplete",
        f"{SERVICE} has dropped {{{{ $labels.{names.SIGNAL} }}}}: {{{{ $labels.{names.REASON} }}}}.",
    )


def _hook_errors() -> Rule:
    plugin, hook = f"{{{{ $labels.{names.PLUGIN} }}}}", f"{{{{ $labels.{names.HOOK} }}}}"
    return alert(
        "PegboardHookErrors",
        f"{increase(HOOK_ERRORS, '15m', f'{BY_SERVICE}, {names.PLUGIN}, {names.HOOK}')} > 0",
        "warning",
        f"Plugin {plugin} of {SERVICE} fails",
        f"{plugin} fails in {hook} in {SERVICE}; tasks go on.",
    )
