"""The metrics as text: in which format, and of which families."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric
    from prometheus_client.samples import Sample

_log = logging.getLogger("pegboard.prometheus")

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

SamplesOf = Callable[["Metric"], "Iterable[Sample]"]


class Source(Protocol):
    """A registry, or what can be collected like one."""

    def collect(self) -> Iterable[Metric]:
        """Yield families."""
        ...


@attrs.frozen
class MappedRegistry:
    """A registry whose samples are mapped as they are collected; a family that is left without samples is left out.

    Attributes:
        registry: Where the families come from.
        samples_of: Returns the samples of a family that are to be written.
    """

    registry: CollectorRegistry
    samples_of: SamplesOf

    def collect(self) -> Iterator[Metric]:
        """Yield what is left of every family."""
        from prometheus_client.core import Metric

        for metric in self.registry.collect():
            kept = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            kept.samples = list(self.samples_of(metric))
            if kept.samples:
                yield kept


def content_type(accept: str) -> str:
    """Choose the format: OpenMetrics for a client that names it and does not like plain text better.

    Only OpenMetrics carries exemplars; whoever names neither, a browser say, gets plain text.
    """
    weighed = [_weighted(accepted) for accepted in accept.split(",")]
    openmetrics = max(
        (weight for kind, weight in weighed if kind == "application/openmetrics-text"), default=0.0
    )
    text = max((weight for kind, weight in weighed if kind == "text/plain"), default=0.0)
    return OPENMETRICS if openmetrics > 0 and openmetrics >= text else TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client understands gzip."""
    weighed = dict(_weighted(accepted) for accepted in accept_encoding.split(","))
    return weighed.get("gzip", weighed.get("*", 0.0)) > 0


def render(registries: Sequence[Source], kind: str) -> bytes:
    """Write all metrics of the registries in one of the two formats."""
    source = _MergedRegistries(registries)
    if kind == OPENMETRICS:
        from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

        text: bytes = generate_openmetrics(source)  # type: ignore[no-untyped-call]
        return text
    from prometheus_client import generate_latest

    return generate_latest(source)


def _weighted(accepted: str) -> tuple[str, float]:
    kind, *parameters = (part.strip() for part in accepted.split(";"))
    quality = next((p.partition("=")[2] for p in parameters if p.startswith("q=")), "1")
    try:
        return kind.lower(), float(quality)
    except ValueError:
        return kind.lower(), 0.0


@attrs.frozen
class _MergedRegistries:
    """Several registries as one collector, without the times at which counters were made.

    Prometheus would store those as twice as many series that nobody asks for. They stay in the registry, where the
    translation to OTLP needs them.
    """

    registries: Sequence[Source]

    def collect(self) -> Iterator[Metric]:
        """Yield all families; of two with one name the first, as a page that has both is read by nobody."""
        seen: set[str] = set()
        for registry in self.registries:
            for metric in registry.collect():
                if metric.name in seen:
                    _log.warning("the metric %s is in two registries; the first one is served", metric.name)
                    continue
                seen.add(metric.name)
                yield _without_created(metric)


def _without_created(metric: Metric) -> Metric:
    created = f"{metric.name}_created"
    if metric.type not in ("counter", "histogram", "summary"):
        return metric
    from prometheus_client.core import Metric

    kept = Metric(metric.name, metric.documentation, metric.type, metric.unit)
    kept.samples = [sample for sample in metric.samples if sample.name != created]
    return kept
