"""A prometheus-client registry as a request, so that a scrape and OTLP tell the same numbers.

All sums and buckets are cumulative, as in the registry. What the metrics plugin measured says which
instrument it is, and has that one's names; what users registered keeps its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from pegboard_metrics.names import ATTRIBUTES, Instrument
from pegboard_otlp import _names
from pegboard_otlp._collecting import Refuse, families, name_of
from pegboard_otlp._packing import write_scope
from pegboard_otlp._points import Naming, histogram_points, number_points
from pegboard_otlp._values import add_attributes, as_text

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric as Family

_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def translate(registry: CollectorRegistry, resource: Resource, refuse: Refuse) -> ExportMetricsServiceRequest:
    """Collect a registry, and translate what it holds.

    Args:
        registry: The one that a scrape would show.
        resource: Who sends it.
        refuse: Called with the name of a family that cannot be translated, or of a collector that cannot be read, which
            is left out, and the error.
    """
    now = time.time_ns()
    own, users = _Metrics(_own_scope()), _Metrics(_users_scope())
    for family in families(registry, refuse):
        try:
            instrument: Instrument | None = getattr(family, "instrument", None)  # of what metrics measure
            metrics = list(_metrics_of(family, instrument, now))
        except Exception as error:  # noqa: BLE001 - whatever a collector yields
            refuse(name_of(family), error)
        else:
            (users if instrument is None else own).add(metrics)
    return _request(resource, [each.scope for each in (own, users) if each.scope.metrics])


def count_points(request: ExportMetricsServiceRequest) -> int:
    """Count the points of all metrics."""
    return sum(
        len(points_of(metric))
        for of_resource in request.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    )


def is_all_zero(request: ExportMetricsServiceRequest) -> bool:
    """Whether nothing was measured: no count, and no number but 0."""
    return not any(
        point.count if isinstance(point, HistogramDataPoint) else point.as_int or point.as_double
        for of_resource in request.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
        for point in points_of(metric)
    )


def points_of(metric: Metric) -> Any:
    """Return the points of a metric, of whatever kind it is."""
    return getattr(metric, metric.WhichOneof("data") or "gauge").data_points


class _Metrics:
    """The metrics of one scope: those of several collectors that are one metric are one here too."""

    def __init__(self, scope: InstrumentationScope) -> None:
        self.scope = ScopeMetrics()
        write_scope(scope, self.scope)
        self._known: dict[tuple[str, str, str | None], Metric] = {}

    def add(self, metrics: list[Metric]) -> None:
        for metric in metrics:
            key = metric.name, metric.unit, metric.WhichOneof("data")
            known = self._known.get(key)
            if known is None:
                self.scope.metrics.append(metric)
                self._known[key] = self.scope.metrics[-1]
            else:
                points_of(known).extend(points_of(metric))


def _request(resource: Resource, scopes: list[ScopeMetrics]) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    message = request.resource_metrics.add(schema_url=as_text(resource.schema_url), scope_metrics=scopes)
    add_attributes(resource.attributes, message.resource.attributes)
    return request


def _own_scope() -> InstrumentationScope:
    return InstrumentationScope(_names.SCOPE, _names.version("pegboard-metrics"), _names.SCHEMA_URL)


def _users_scope() -> InstrumentationScope:
    return InstrumentationScope(_names.USERS_SCOPE, _names.version("prometheus-client"))


def _metrics_of(family: Family, instrument: Instrument | None, now: int) -> Iterator[Metric]:
    naming = Naming({} if instrument is None else ATTRIBUTES)
    unit = "" if instrument is None else instrument.unit
    for name, field, data in _data_of(family, instrument, naming, now):
        metric = Metric(name=_checked_name(name), description=as_text(family.documentation), unit=unit)
        getattr(metric, field).CopyFrom(data)
        yield metric


def _checked_name(name: object) -> str:
    if not (isinstance(name, str) and name):
        raise ValueError("a metric without a name")
    return as_text(name)


def _data_of(
    family: Family, instrument: Instrument | None, naming: Naming, now: int
) -> Iterator[tuple[str, str, Gauge | Sum | Histogram]]:
    """Yield name, field and points of the metrics that a family is: one, unless its samples have other names."""
    name = family.name if instrument is None else instrument.otel_name
    if family.type in ("histogram", "summary"):
        points = histogram_points(family, naming, now)
        if points:
            yield name, "histogram", Histogram(data_points=points, aggregation_temporality=_CUMULATIVE)
        return
    for sample_name, numbers in number_points(family, naming, now).items():
        shown = sample_name if instrument is None else name
        if family.type == "counter":
            yield shown, "sum", _sum(numbers, rises=True)
        elif instrument is not None and instrument.otel_kind == "UpDownCounter":
            yield shown, "sum", _sum(numbers, rises=False)
        else:
            yield shown, "gauge", Gauge(data_points=numbers)


def _sum(points: list[NumberDataPoint], *, rises: bool) -> Sum:
    return Sum(data_points=points, aggregation_temporality=_CUMULATIVE, is_monotonic=rises)
