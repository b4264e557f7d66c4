"""Metric families on their way out, changed in what one way out needs otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric
    from prometheus_client.samples import Sample

Change = Callable[["Metric"], "Iterable[Sample]"]


@attrs.frozen
class Changed:
    """A registry whose families are changed as they are collected; one that is left without samples is left out.

    Attributes:
        registry: Where the families come from.
        change: Returns the samples of a family.
    """

    registry: CollectorRegistry
    change: Change

    def collect(self) -> Iterator[Metric]:
        """Yield what is left of every family."""
        from prometheus_client.core import Metric

        for metric in self.registry.collect():
            kept = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            kept.samples = list(self.change(metric))
            if kept.samples:
                yield kept
