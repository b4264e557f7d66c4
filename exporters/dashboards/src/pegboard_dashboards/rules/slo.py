"""Objectives of one task, and the rules that watch over them."""

from __future__ import annotations

import re
from typing import Any

import attrs

from pegboard import Task
from pegboard.parts import checks
from pegboard.texts import encodable
from pegboard_dashboards._promql import (
    BUCKET,
    BY_PROCESS,
    BY_SERVICE,
    COUNT,
    COUNTED,
    FAILED,
    from_zero,
    matches,
    ratio,
    selector,
)
from pegboard_dashboards._texts import literal, quoted
from pegboard_dashboards._times import Seconds, duration, seconds
from pegboard_dashboards.rules.burn_rate import FAST, SLOW, WINDOWS, burning, checked_objective
from pegboard_dashboards.rules.rule import RUNBOOKS, SERVICE, Group, Rule, alert, linked, record, to_yaml
from pegboard_metrics import names

_WATCH = "slo:pegboard_watched"
_CALLS = "slo:pegboard_calls:total"
_FAILURES = "slo:pegboard_failures:total"


def _name(task: str | Task[..., Any]) -> str:
    """Name a task as its label does."""
    name: object = task.name if isinstance(task, Task) else task
    if not isinstance(name, str) or not name:
        raise ValueError(f"task={task!r}: a task is meant, or the name of one.")
    return encodable(name)


def _latency(given: Seconds | None) -> float | None:
    return None if given is None else seconds(given, "latency")


def _fresh(given: Seconds | None) -> float | None:
    return None if given is None else seconds(given, "fresh")


def _window(given: Seconds) -> float:
    return seconds(given, "window")


def _ratio(window: str) -> str:
    return f"slo:pegboard_errors:ratio_rate{window}"


@attrs.frozen
class SLO:
    """A service level objective: so many of a task's calls are to succeed, maybe within a time.

    Attributes:
        task: The task, or its static name; kept as the name.
        objective: Per cent of its calls.
        latency: Seconds within which a call has to end to count; one of the bounds of the duration buckets.
        fresh: How long ago the last success may be, for tasks that run on a schedule.
        window: Over which the budget is counted.
        job: Of the scrape configuration, where several have a task of this name.

    Times are seconds, timedeltas, or texts such as `26h` and `1.5d`; they are kept as seconds.

    Raises:
        ValueError: A value makes no sense.
    """

    task: str = attrs.field(converter=_name)
    objective: float = attrs.field(default=99.0, converter=checked_objective)
    latency: float | None = attrs.field(default=None, kw_only=True, converter=_latency)
    fresh: float | None = attrs.field(default=None, kw_only=True, converter=_fresh)
    window: float = attrs.field(default=30 * 86_400.0, kw_only=True, converter=_window)
    job: str | None = attrs.field(
        default=None, kw_only=True, validator=checks.text().or_none("every job is meant")
    )

    @latency.validator
    def _check_latency(self, _: attrs.Attribute[float | None], value: float | None) -> None:
        if value is not None and value not in names.BUCKETS:
            raise ValueError(
                f"latency={value:g}: only at the bounds of the buckets is it known how many calls took less.\n"
                f"Take one of {', '.join(f'{bound:g}' for bound in names.BUCKETS)} (seconds)."
            )

    @property
    def name(self) -> str:
        """The label `slo` of its series: the task, and the latency if there is one."""
        return self.task if self.latency is None else f"{self.task} {self.latency:g}s"

    @property
    def file_name(self) -> str:
        """The name of a rule file for it."""
        return f"slo-{re.sub(r'[^A-Za-z0-9_.-]+', '-', self.name).strip('.-') or 'task'}.yml"

    @property
    def resource_name(self) -> str:
        """A name for it as a resource of Kubernetes."""
        word = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "task"
        return f"pegboard-slo-{word}"[:253].rstrip("-")

    def groups(self, runbooks: str = RUNBOOKS) -> list[Group]:
        """Make its rule groups: recorded counters and error ratios, the budget that is left, and the alerts.

        Args:
            runbooks: Address of the page that tells what to do about the alerts.
        """
        windows = dict.fromkeys((*WINDOWS, duration(self.window)))
        budget = _ratio(duration(self.window))
        left = f"1 - {budget}{self._labels} / {(100 - self.objective) / 100:.6g}"
        rules = [
            self._record(_WATCH, "vector(1)"),
            self._from_zero(_CALLS, self._total()),
            self._from_zero(_FAILURES, self._failures()),
            *(self._record(_ratio(window), self._error_ratio(window)) for window in windows),
            self._record("slo:pegboard_error_budget:left", left),
        ]
        groups: list[Group] = [
            {"name": f"pegboard.slo.{self.name}", "rules": rules},
            {"name": f"pegboard.slo.{self.name}.alerts", "rules": self._alerts()},
        ]
        return linked(groups, runbooks)

    def to_yaml(self, runbooks: str = RUNBOOKS) -> str:
        """Write its rule file."""
        return to_yaml(self.groups(runbooks))

    @property
    def _labels(self) -> str:
        return selector(matches("slo", self.name))

    def _matchers(self) -> tuple[str, ...]:
        job = () if self.job is None else (matches("job", self.job),)
        return (*job, matches(names.TASK, self.task))

    def _total(self) -> str:
        return f"sum by ({BY_PROCESS}) ({COUNT}{selector(*self._matchers(), COUNTED)})"

    def _failures(self) -> str:
        """The calls that failed, or took too long; 0 where there is none."""
        if self.latency is None:
            failed = f"sum by ({BY_PROCESS}) ({COUNT}{selector(*self._matchers(), FAILED)})"
            return f"({failed} or 0 * {self._total()})"
        in_time = selector(*self._matchers(), COUNTED, f'{names.STATUS}!="error"', _bound(self.latency))
        good = f"sum by ({BY_PROCESS}) ({BUCKET}{in_time})"
        return f"({self._total()} - ({good} or 0 * {self._total()}))"

    def _error_ratio(self, window: str) -> str:
        failures, calls = (
            f"sum(increase({counter}{self._labels}[{window}]))" for counter in (_FAILURES, _CALLS)
        )
        return ratio(failures, calls)

    def _from_zero(self, name: str, counter: str) -> Rule:
        watch = f"{_WATCH}{self._labels}"
        return self._record(name, from_zero(f"{name}{self._labels}", counter, BY_PROCESS, watch))

    def _record(self, name: str, expression: str) -> Rule:
        return record(name, expression, slo=self.name)

    def _alerts(self) -> list[Rule]:
        what = f"{self.objective:.15g} % of the calls of {literal(self.task)} are to succeed"
        if self.latency is not None:
            what += f" within {self.latency:g} s"
        rules = [
            alert(
                f"PegboardSLO{speed}",
                burning(_ratio, self.objective, pairs, self._labels),
                severity,
                f"{literal(self.name)} uses up its error budget",
                f"{self._services()}{what}; {{{{ $value | humanizePercentage }}}} do not.",
                slo=self.name,  # its series have it, too; so no two objectives have the same rule
            )
            for speed, severity, pairs in (("BurnsFast", "critical", FAST), ("BurnsSlow", "warning", SLOW))
        ]
        return rules if self.fresh is None else [*rules, *self._freshness(self.fresh)]

    def _services(self) -> str:
        """Name the services that have the task: of the objective's own series, none is left."""
        if self.job is not None:
            return f"{literal(self.job)}: "
        query = quoted(f"count by ({BY_SERVICE}) ({COUNT}{selector(*self._matchers())})")
        return f"{{{{ range query {query} }}}}{{{{ or .Labels.exported_job .Labels.job }}}}: {{{{ end }}}}"

    def _freshness(self, allowed: float) -> list[Rule]:
        last = f"{names.LAST_SUCCESS.name}{selector(*self._matchers())}"
        known = f"max by ({BY_SERVICE}) (max_over_time({last}[{duration(2 * allowed)}]))"
        said, task = duration(allowed), literal(self.task)
        where = "" if self.job is None else f" in {literal(self.job)}"
        return [
            alert(
                "PegboardSLOStale",
                f"time() - topk(1, {known}) > {allowed:.15g}",
                "critical",
                f"{task} has not succeeded for {said}",
                f"The last success of {task} in {SERVICE} was {{{{ $value | humanizeDuration }}}} ago.",
                slo=self.name,
            ),
            alert(
                "PegboardSLOMissing",
                f"absent({last})",
                "critical",
                f"{task} is not to be seen",
                f"{task}{where} has not been seen to succeed for {said}: no metrics of it are scraped, or it never has.",
                wait=allowed,
                slo=self.name,
            ),
        ]


def _bound(latency: float) -> str:
    """Match a bucket, however its bound is written: Prometheus says 1.0 after a scrape, and 1 after OTLP."""
    text = re.escape(f"{latency:g}").replace("\\", "\\\\")
    return f'le=~"{text}(\\\\.0)?"' if latency == int(latency) else f'le="{latency:g}"'
