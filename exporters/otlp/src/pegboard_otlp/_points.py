"""The samples of one family as points: grouped by labels, buckets taken apart."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, HistogramDataPoint, NumberDataPoint

from pegboard_otlp._values import any_value, as_text, is_whole

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family
    from prometheus_client.samples import Exemplar as PrometheusExemplar
    from prometheus_client.samples import Sample

_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")

Labels = frozenset[tuple[str, str]]

_UNKNOWN = 0  # the protocol's word for a start that nobody knows


@attrs.frozen
class Naming:
    """How labels become attributes: by a table, or as they are; an empty label means that there is none."""

    table: Mapping[str, str]

    def attributes(self, labels: Mapping[str, str]) -> list[KeyValue]:
        """Return the attributes that labels stand for; their values are texts, whatever a collector has made of them."""
        table = self.table
        return [
            KeyValue(key=as_text(table.get(name, name)), value=any_value(as_text(value)))
            for name, value in labels.items()
            if value
        ]


@attrs.define
class _Distribution:
    """What the samples of one histogram and label set say."""

    labels: Mapping[str, str]
    buckets: list[tuple[float, Sample]] = attrs.Factory(list)
    count: float = 0.0
    sum: float = 0.0
    created: float = 0.0


def number_points(family: Family, naming: Naming, now: int) -> dict[str, list[NumberDataPoint]]:
    """Return the points of counters, gauges and the like, by the name of the sample."""
    created_name = f"{family.name}_created"
    created = {
        frozenset(sample.labels.items()): sample.value
        for sample in family.samples
        if sample.name == created_name
    }
    points: dict[str, list[NumberDataPoint]] = {}
    for sample in family.samples:
        if created and sample.name == created_name:
            continue
        start = created.get(frozenset(sample.labels.items())) if created else None
        points.setdefault(sample.name, []).append(
            NumberDataPoint(
                attributes=naming.attributes(sample.labels),
                start_time_unix_nano=_UNKNOWN if start is None else _nanoseconds(start),
                time_unix_nano=_time_of(sample, now),
                exemplars=_exemplars([sample]),
                **_number(sample.value),
            )
        )
    return points


def histogram_points(family: Family, naming: Naming, now: int) -> list[HistogramDataPoint]:
    """Return the points of a histogram, or of a summary: that has a count and a sum, and its quantiles are left out."""
    distributions: dict[Labels, _Distribution] = {}
    skip = len(family.name)
    for sample in family.samples:
        _note(distributions, sample, sample.name[skip:])
    return [_histogram_point(each, naming, now) for each in distributions.values()]


def _note(distributions: dict[Labels, _Distribution], sample: Sample, part: str) -> None:
    labels = sample.labels
    bound = None
    if part == "_bucket":
        labels = {name: value for name, value in labels.items() if name != "le"}
        bound = float(sample.labels["le"])
    elif not part:  # a quantile of a summary
        return
    key = frozenset(labels.items())
    found = distributions.get(key)
    if found is None:
        found = distributions[key] = _Distribution(labels)
    if bound is not None:
        found.buckets.append((bound, sample))
    elif part == "_count":
        found.count = sample.value
    elif part == "_sum":
        found.sum = sample.value
    elif part == "_created":
        found.created = sample.value


def _histogram_point(found: _Distribution, naming: Naming, now: int) -> HistogramDataPoint:
    bounds: list[float] = []
    counts: list[int] = []
    below = 0
    samples = [sample for _, sample in found.buckets]
    for bound, sample in found.buckets:
        total = int(sample.value)
        if total < below or (bounds and bound <= bounds[-1]):
            raise ValueError("buckets that do not rise")
        counts.append(total - below)
        below = total
        if bound != math.inf:
            bounds.append(bound)
    if len(counts) == len(bounds):  # no bucket without bound: a summary, or a collector that leaves it out
        counts.append(int(found.count) - below)
        below = int(found.count)
    return HistogramDataPoint(
        attributes=naming.attributes(found.labels),
        start_time_unix_nano=_nanoseconds(found.created),
        time_unix_nano=_time_of(samples[0], now) if samples else now,
        count=below,
        sum=float(found.sum),
        bucket_counts=counts,
        explicit_bounds=bounds,
        exemplars=_exemplars(samples),
    )


def _number(value: object) -> dict[str, Any]:
    """Return the field for a sample's value, which is whatever a collector says that it is and a scrape can show."""
    if isinstance(value, int) and is_whole(value):
        return {"as_int": int(value)}  # bool is an int, and no number of OTLP
    return {"as_double": float(value)}  # type: ignore[arg-type]


def _exemplars(samples: list[Sample]) -> list[Exemplar]:
    return [_exemplar(sample.exemplar) for sample in samples if sample.exemplar is not None]


def _exemplar(found: PrometheusExemplar) -> Exemplar:
    rest = dict(found.labels)
    ids: dict[str, Any] = {}
    if _TRACE_ID.fullmatch(rest.get("trace_id", "")) and _SPAN_ID.fullmatch(rest.get("span_id", "")):
        ids = {name: bytes.fromhex(rest.pop(name)) for name in ("trace_id", "span_id")}
    at = _UNKNOWN if found.timestamp is None else _nanoseconds(float(found.timestamp))
    attributes = [
        KeyValue(key=as_text(name), value=any_value(as_text(value))) for name, value in rest.items()
    ]
    return Exemplar(filtered_attributes=attributes, time_unix_nano=at, **ids, **_number(found.value))


def _time_of(sample: Sample, now: int) -> int:
    return now if sample.timestamp is None else _nanoseconds(float(sample.timestamp))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
