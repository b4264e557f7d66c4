"""A prometheus-client registry as the SDK's metric data, so that a scrape and OTLP tell the same numbers.

All sums and buckets are cumulative, as in the registry. What the metrics plugin measured says which
instrument it is, and has that one's names; what users registered keeps its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from pegboard_metrics.names import ATTRIBUTES, Instrument
from pegboard_otlp import _names
from pegboard_otlp._points import Naming, histogram_points, number_points

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric as Family

_CUMULATIVE = AggregationTemporality.CUMULATIVE

Refuse = Callable[[str, Exception], None]


def translate(registry: CollectorRegistry, resource: Resource, refuse: Refuse) -> MetricsData:
    """Collect a registry, and translate what it holds.

    Args:
        registry: The one that a scrape would show.
        resource: Who sends it.
        refuse: Called with the name of a family that cannot be translated, which is left out, and the error.
    """
    now = time.time_ns()
    own: list[Metric] = []
    users: list[Metric] = []
    for family in registry.collect():
        instrument: Instrument | None = getattr(family, "instrument", None)  # of what metrics measure
        try:
            (users if instrument is None else own).extend(_metrics_of(family, instrument, now))
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # a collector's odd samples
            refuse(family.name, error)
    scopes = [_own_scope(own), _users_scope(users)]
    return MetricsData(
        [ResourceMetrics(resource, [each for each in scopes if each.metrics], resource.schema_url)]
    )


def count_points(data: MetricsData) -> int:
    """Count the points of all metrics."""
    return sum(
        len(metric.data.data_points)
        for of_resource in data.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    )


def _own_scope(metrics: list[Metric]) -> ScopeMetrics:
    scope = InstrumentationScope(_names.SCOPE, _names.version("pegboard-metrics"), _names.SCHEMA_URL)
    return ScopeMetrics(scope, metrics, _names.SCHEMA_URL)


def _users_scope(metrics: list[Metric]) -> ScopeMetrics:
    return ScopeMetrics(
        InstrumentationScope(_names.USERS_SCOPE, _names.version("prometheus-client")), metrics, ""
    )


def _metrics_of(family: Family, instrument: Instrument | None, now: int) -> Iterator[Metric]:
    naming = Naming({} if instrument is None else ATTRIBUTES)
    name = family.name if instrument is None else instrument.otel_name
    unit = "" if instrument is None else instrument.unit
    description = family.documentation
    if family.type in ("histogram", "summary"):
        points = histogram_points(family, naming, now)
        if points:
            yield Metric(name, description, unit, Histogram(points, _CUMULATIVE))
        return
    for sample_name, numbers in number_points(family, naming, now).items():
        data: Sum | Gauge
        if family.type == "counter":
            data = Sum(numbers, _CUMULATIVE, is_monotonic=True)
        elif instrument is not None and instrument.otel_kind == "UpDownCounter":
            data = Sum(numbers, _CUMULATIVE, is_monotonic=False)
        else:
            data = Gauge(numbers)
        yield Metric(sample_name if instrument is None else name, description, unit, data)
