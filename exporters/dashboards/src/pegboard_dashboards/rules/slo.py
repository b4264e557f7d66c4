"""Objectives of one task, and the rules that watch over them."""

from __future__ import annotations

import re

import attrs

from pegboard.parts import checks
from pegboard_dashboards._promql import (
    BUCKET,
    COUNT,
    COUNTED,
    FAILED,
    Seconds,
    duration,
    matches,
    seconds,
    selector,
)
from pegboard_dashboards.rules.burn_rate import FAST, SLOW, WINDOWS, burning, checked_objective
from pegboard_dashboards.rules.rule import Group, Rule, alert, record, to_yaml
from pegboard_metrics import names


def _optional_seconds(given: Seconds | None) -> float | None:
    return None if given is None else seconds(given, "SLO")


def _ratio(window: str) -> str:
    return f"slo:pegboard_errors:ratio_rate{window}"


@attrs.frozen
class SLO:
    """A service level objective: so many of a task's calls are to succeed, maybe within a time.

    Attributes:
        task: Static name of the task.
        objective: Per cent of its calls.
        latency: Seconds within which a call has to end to count; one of the bounds of the duration buckets.
        fresh: How long ago the last success may be, for tasks that run on a schedule.
        window: Over which the budget is counted.
        job: Of the scrape configuration, where several have a task of this name.

    Times are seconds, timedeltas, or texts such as `26h`.

    Raises:
        ValueError: A value makes no sense.
    """

    task: str = attrs.field(validator=checks.text())
    objective: float = attrs.field(default=99.0, converter=checked_objective)
    latency: float | None = attrs.field(default=None, kw_only=True, converter=_optional_seconds)
    fresh: float | None = attrs.field(default=None, kw_only=True, converter=_optional_seconds)
    window: str = attrs.field(default="30d", kw_only=True)
    job: str | None = attrs.field(default=None, kw_only=True)

    @latency.validator
    def _check_latency(self, _: attrs.Attribute[float | None], value: float | None) -> None:
        if value is not None and value not in names.BUCKETS:
            raise ValueError(
                f"latency={value:g}: only at the bounds of the buckets is it known how many calls took less.\n"
                f"Take one of {', '.join(f'{bound:g}' for bound in names.BUCKETS)} (seconds)."
            )

    @window.validator
    def _check_window(self, _: attrs.Attribute[str], value: str) -> None:
        seconds(value, "window")

    @property
    def name(self) -> str:
        """The label `slo` of its series: the task, and the latency if there is one."""
        return self.task if self.latency is None else f"{self.task} {self.latency:g}s"

    @property
    def file_name(self) -> str:
        """The name of a rule file for it."""
        return f"slo-{re.sub(r'[^A-Za-z0-9_.-]+', '-', self.name).strip('.-') or 'task'}.yml"

    def groups(self) -> list[Group]:
        """Make its rule groups: recorded error ratios, the budget that is left, and the alerts."""
        recorded = [
            self._record(_ratio(window), self._bad_ratio(window)) for window in (*WINDOWS, self.window)
        ]
        unique = {str(rule["record"]): rule for rule in recorded}
        left = f"1 - {_ratio(self.window)}{self._labels} / {(100 - self.objective) / 100:.6g}"
        rules = [*unique.values(), self._record("slo:pegboard_error_budget:left", left)]
        return [
            {"name": f"pegboard.slo.{self.name}", "rules": rules},
            {"name": f"pegboard.slo.{self.name}.alerts", "rules": self._alerts()},
        ]

    def to_yaml(self) -> str:
        """Write its rule file."""
        return to_yaml(self.groups())

    @property
    def _labels(self) -> str:
        return selector(matches("slo", self.name))

    def _matchers(self) -> tuple[str, ...]:
        job = () if self.job is None else (matches("job", self.job),)
        return (*job, matches(names.TASK, self.task))

    def _bad_ratio(self, window: str) -> str:
        total = f"sum(rate({COUNT}{selector(*self._matchers(), COUNTED)}[{window}]))"
        if self.latency is None:
            failed = f"sum(rate({COUNT}{selector(*self._matchers(), FAILED)}[{window}]))"
            return f"({failed} or 0 * {total})\n/\n{total}"
        in_time = selector(*self._matchers(), COUNTED, f'{names.STATUS}!="error"', _bound(self.latency))
        good = f"sum(rate({BUCKET}{in_time}[{window}]))"
        return f"1 - ({good} or 0 * {total})\n/\n{total}"

    def _record(self, name: str, expression: str) -> Rule:
        return record(name, expression, slo=self.name)

    def _alerts(self) -> list[Rule]:
        what = f"{self.objective:g} % of the calls are to succeed"
        if self.latency is not None:
            what += f" within {duration(self.latency)}"
        rules = [
            alert(
                f"PegboardSLO{speed}",
                burning(_ratio, self.objective, pairs, self._labels),
                severity,
                "{{ $labels.slo }} uses up its error budget",
                f"{what}; {{{{ $value | humanizePercentage }}}} do not.",
            )
            for speed, severity, pairs in (("BurnsFast", "critical", FAST), ("BurnsSlow", "warning", SLOW))
        ]
        return rules if self.fresh is None else [*rules, *self._freshness(self.fresh)]

    def _freshness(self, allowed: float) -> list[Rule]:
        last = f"max({names.LAST_SUCCESS.name}{selector(*self._matchers())})"
        said = duration(allowed)
        stale = "The last success was {{ $value | humanizeDuration }} ago."
        missing = (
            f"It has not been seen to succeed for {said}: no metrics of it are scraped, or it never has."
        )
        return [
            alert(
                "PegboardSLOStale",
                f"time() - {last} > {allowed:g}",
                "critical",
                f"{{{{ $labels.slo }}}} has not succeeded for {said}",
                stale,
                slo=self.name,
            ),
            alert(
                "PegboardSLOMissing",
                f"absent({last})",
                "critical",
                "{{ $labels.slo }} is not to be seen",
                missing,
                wait=allowed,
                slo=self.name,
            ),
        ]


def _bound(latency: float) -> str:
    """Match a bucket, however its bound is written: Prometheus says 1.0 after a scrape, and 1 after OTLP."""
    text = re.escape(f"{latency:g}").replace("\\", "\\\\")
    return f'le=~"{text}(\\\\.0)?"' if latency == int(latency) else f'le="{latency:g}"'
