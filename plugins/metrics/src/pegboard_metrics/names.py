"""Every name under which a measurement leaves the process: one table for a scrape and for OTLP.

Labels are translated attribute names (`pegboard.task.name` -> `pegboard_task_name`), so that one dashboard serves both.
An empty `error_type` means that there was no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

Kind = Literal["counter", "gauge", "histogram"]
OTelKind = Literal["Counter", "Gauge", "Histogram", "UpDownCounter"]

TASK = "pegboard_task_name"
STATUS = "pegboard_call_status"
SOURCE = "pegboard_call_source"
ERROR_TYPE = "error_type"
CACHE_RESULT = "pegboard_cache_result"
EXECUTOR = "pegboard_executor_name"
BREAKER = "pegboard_breaker_name"
PLUGIN = "pegboard_plugin"
HOOK = "pegboard_hook"
SIGNAL = "pegboard_signal"
REASON = "pegboard_reason"

ATTRIBUTES: Mapping[str, str] = {
    TASK: "pegboard.task.name",
    STATUS: "pegboard.call.status",
    SOURCE: "pegboard.call.source",
    ERROR_TYPE: "error.type",
    CACHE_RESULT: "pegboard.cache.result",
    EXECUTOR: "pegboard.executor.name",
    BREAKER: "pegboard.breaker.name",
    PLUGIN: "pegboard.plugin",
    HOOK: "pegboard.hook",
    SIGNAL: "pegboard.signal",
    REASON: "pegboard.reason",
}
"""Label of a scrape -> attribute of OpenTelemetry."""

OTHER = "_OTHER"
"""The label value that stands for all those over a cap; OpenTelemetry's word for it."""

BUCKETS: tuple[float, ...] = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0),
)
"""Upper bounds of the duration buckets, in seconds; a last one without bound follows."""

BUCKETS_OF_BYTES: tuple[float, ...] = tuple(4.0**power for power in range(3, 18))
"""Upper bounds for sizes, from 64 bytes to 16 GiB."""

BUCKETS_OF_RATIOS: tuple[float, ...] = (
    0.01,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    0.95,
    0.99,
    1.0,
)
"""Upper bounds for parts of a whole."""

UNITS: Mapping[str, str] = {"seconds": "s", "bytes": "By", "ratio": "1"}
"""Unit that ends a name in a scrape -> in UCUM."""


BREAKER_STATES = ("closed", "half_open", "open")
"""The states of a circuit breaker; a scrape has the place in this list."""


@attrs.frozen
class Instrument:
    """One metric.

    Attributes:
        otel_name: Its name in OpenTelemetry.
        name: Its name in a scrape; of a histogram, the part before `_bucket`, `_sum` and `_count`.
        kind: What it is in a scrape.
        otel_kind: What it is in OpenTelemetry, where a gauge that can be added up is an UpDownCounter.
        unit: In UCUM, as OpenTelemetry writes it.
        labels: In the order of the values.
        help: One sentence for the reader of a dashboard.
    """

    otel_name: str
    name: str
    kind: Kind
    otel_kind: OTelKind
    unit: str
    labels: tuple[str, ...]
    help: str

    @property
    def family(self) -> str:
        """The name in prometheus-client, which adds `_total` to counters itself."""
        return self.name.removesuffix("_total") if self.kind == "counter" else self.name

    @property
    def unit_in_name(self) -> str:
        """The unit that the name ends in, or nothing."""
        return next((word for word in UNITS if self.family.endswith(f"_{word}")), "")

    @property
    def buckets(self) -> tuple[float, ...]:
        """The bounds that fit its unit."""
        return {"By": BUCKETS_OF_BYTES, "1": BUCKETS_OF_RATIOS}.get(self.unit, BUCKETS)


DURATION = Instrument(
    "pegboard.task.duration",
    "pegboard_task_duration_seconds",
    "histogram",
    "Histogram",
    "s",
    (TASK, STATUS, SOURCE, ERROR_TYPE),
    "Time from the start of a call to its end, waits included; calls served from a cache or journal are left out.",
)
ACTIVE = Instrument(
    "pegboard.task.active",
    "pegboard_task_active",
    "gauge",
    "UpDownCounter",
    "{call}",
    (TASK,),
    "Calls that have begun and not ended.",
)
OLDEST_AGE = Instrument(
    "pegboard.task.oldest.age",
    "pegboard_task_oldest_age_seconds",
    "gauge",
    "Gauge",
    "s",
    (TASK,),
    "Time since the oldest active call began; 0 when none is active.",
)
LAST_SUCCESS = Instrument(
    "pegboard.task.last_success.timestamp",
    "pegboard_task_last_success_timestamp_seconds",
    "gauge",
    "Gauge",
    "s",
    (TASK,),
    "Unix time at which a call last ended ok; a fallback's value is no success.",
)
LAST_FAILURE = Instrument(
    "pegboard.task.last_failure.timestamp",
    "pegboard_task_last_failure_timestamp_seconds",
    "gauge",
    "Gauge",
    "s",
    (TASK,),
    "Unix time at which a call last ended in an error.",
)
RETRIES = Instrument(
    "pegboard.task.retries",
    "pegboard_task_retries_total",
    "counter",
    "Counter",
    "{retry}",
    (TASK, ERROR_TYPE),
    "Extra runs of a task's function, by the error that made them necessary.",
)
WAIT = Instrument(
    "pegboard.task.wait.duration",
    "pegboard_task_wait_duration_seconds",
    "histogram",
    "Histogram",
    "s",
    (TASK, EXECUTOR),
    "Time that calls were held back before their function ran, by a limit or a full executor; not those that did not wait.",
)
CACHE_LOOKUPS = Instrument(
    "pegboard.cache.lookups",
    "pegboard_cache_lookups_total",
    "counter",
    "Counter",
    "{lookup}",
    (TASK, CACHE_RESULT),
    "Lookups of stored results, by whether one was found.",
)
LATENESS = Instrument(
    "pegboard.schedule.lateness",
    "pegboard_schedule_lateness_seconds",
    "histogram",
    "Histogram",
    "s",
    (TASK,),
    "Time from when a scheduled run was to begin until it began.",
)
MISSED = Instrument(
    "pegboard.schedule.missed",
    "pegboard_schedule_missed_total",
    "counter",
    "Counter",
    "{run}",
    (TASK,),
    "Scheduled runs that were dropped.",
)
QUEUE_DEPTH = Instrument(
    "pegboard.executor.queue.depth",
    "pegboard_executor_queue_depth",
    "gauge",
    "UpDownCounter",
    "{task}",
    (EXECUTOR,),
    "Functions that wait for a worker of an executor; a chunk of a map counts once.",
)
WORKER_COUNT = Instrument(
    "pegboard.executor.worker.count",
    "pegboard_executor_worker_count",
    "gauge",
    "UpDownCounter",
    "{worker}",
    (EXECUTOR,),
    "Threads or processes that an executor may use.",
)
ABANDONED = Instrument(
    "pegboard.abandoned.threads",
    "pegboard_abandoned_threads",
    "gauge",
    "UpDownCounter",
    "{thread}",
    (),
    "Threads that still run a function which outlived its timeout.",
)
BREAKER_STATE = Instrument(
    "pegboard.breaker.state",
    "pegboard_breaker_state",
    "gauge",
    "Gauge",
    "1",
    (BREAKER,),
    "State of a circuit breaker: 0 closed, 1 half open, 2 open.",
)
HOOK_ERRORS = Instrument(
    "pegboard.hook.errors",
    "pegboard_hook_errors_total",
    "counter",
    "Counter",
    "{error}",
    (PLUGIN, HOOK),
    "Errors that plugins raised where they may only watch; the calls went on.",
)
DROPPED = Instrument(
    "pegboard.telemetry.dropped",
    "pegboard_telemetry_dropped_total",
    "counter",
    "Counter",
    "{item}",
    (SIGNAL, REASON),
    "Telemetry that was lost: counted under _OTHER as a cap on label sets or error types was reached, or not delivered by an exporter.",
)

INSTRUMENTS: tuple[Instrument, ...] = (
    DURATION,
    ACTIVE,
    OLDEST_AGE,
    LAST_SUCCESS,
    LAST_FAILURE,
    RETRIES,
    WAIT,
    CACHE_LOOKUPS,
    LATENESS,
    MISSED,
    QUEUE_DEPTH,
    WORKER_COUNT,
    ABANDONED,
    BREAKER_STATE,
    HOOK_ERRORS,
    DROPPED,
)


def measured(kind: Kind, name: str, help: str, labels: tuple[str, ...]) -> Instrument:  # noqa: A002 - the field's word
    """Describe an instrument that a plugin measures with; it has one name for a scrape and for OpenTelemetry."""
    unit = next((ucum for word, ucum in UNITS.items() if name.endswith(f"_{word}")), "")
    otel_kinds: dict[Kind, OTelKind] = {"counter": "Counter", "gauge": "Gauge", "histogram": "Histogram"}
    in_scrape = f"{name}_total" if kind == "counter" else name
    return Instrument(name, in_scrape, kind, otel_kinds[kind], unit, labels, help)
