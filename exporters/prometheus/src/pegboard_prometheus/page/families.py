"""The families of registries: each collector read on its own, and families of one name joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric
    from prometheus_client.samples import Sample

Failed = Callable[[str, Exception], object]
Say = Callable[[str], object]


def families_of(registry: CollectorRegistry, failed: Failed) -> Iterator[Metric]:
    """Yield what the collectors of a registry give; what one raises costs no other, and nothing that it gave before.

    Args:
        registry: Whose.
        failed: Told of a collector, by its class, and of what it raised.
    """
    for collector in _collectors(registry):
        try:
            yield from collector.collect()
        except Exception as error:  # noqa: BLE001 - whatever a user's collector raises
            failed(f"the collector {type(collector).__name__}", error)


def _collectors(registry: CollectorRegistry) -> list[Any]:
    """List the collectors of a registry; one with a way of its own to collect is taken as a whole."""
    from prometheus_client import CollectorRegistry

    known = getattr(registry, "_collector_to_names", None)  # the library has no other way to them
    if known is None or type(registry).collect is not CollectorRegistry.collect:
        return [registry]
    return [_TargetInfo(registry), *known]


class _TargetInfo:
    """What a registry says of its target, as a collector."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import InfoMetricFamily

        info = self._registry.get_target_info()
        if info:
            yield InfoMetricFamily("target", "Target metadata", value=info)


class Joined:
    """Families by name: several of one name become one, as a page that has a name twice is refused by strict readers.

    Nothing is lost but what a reader would refuse: a series that is there already. The first help text and unit stand; types that
    differ become `unknown`. All of that is said. The times at which counters were made are left out: Prometheus would store
    them as twice as many series that nobody asks for. They stay in the registry, where the translation to OTLP needs them.

    Args:
        say: Told what readers will miss; the same words each time.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._families: dict[str, Metric] = {}
        self._series: dict[str, set[tuple[Any, ...]]] = {}

    def add(self, family: Metric) -> None:
        """Take one more; it is not changed."""
        samples = _without_created(family)
        first = self._families.get(family.name)
        if first is None:
            self._families[family.name] = _like(family, samples)
        else:
            self._warn(first, family)
            self._extend(first, samples)
            if first.type != family.type:
                self._families[family.name] = _of_unknown_type(first)

    def take(self) -> Iterator[Metric]:
        """Yield the families, in the order of their first ones, and keep none."""
        while self._families:
            yield self._families.pop(next(iter(self._families)))

    def _extend(self, first: Metric, samples: Iterable[Sample]) -> None:
        known = self._series.get(first.name)
        if known is None:
            known = self._series[first.name] = {_series(sample) for sample in first.samples}
        for sample in samples:
            series = _series(sample)
            if series in known:
                self._say(f"the metric {first.name} has a series twice; the first one is served")
            else:
                known.add(series)
                first.samples.append(sample)

    def _warn(self, first: Metric, second: Metric) -> None:
        if first.type not in (second.type, "unknown"):
            self._say(
                f"the metric {first.name} is of two types, {first.type} and {second.type}; it is served as unknown"
            )
        if (first.documentation, first.unit) != (second.documentation, second.unit):
            self._say(f"the metric {first.name} has two help texts or units; the first one is served")


def _like(family: Metric, samples: list[Sample], kind: str = "") -> Metric:
    from prometheus_client.core import Metric

    made = Metric(family.name, family.documentation, kind or family.type, family.unit)
    made.samples = samples
    return made


def _of_unknown_type(family: Metric) -> Metric:
    return _like(family, [sample._replace(exemplar=None) for sample in family.samples], "unknown")


def _without_created(family: Metric) -> list[Sample]:
    if family.type not in ("counter", "histogram", "summary"):
        return list(family.samples)
    created = f"{family.name}_created"
    return [sample for sample in family.samples if sample.name != created]


def _series(sample: Sample) -> tuple[Any, ...]:
    return sample.name, *sorted(sample.labels.items())
