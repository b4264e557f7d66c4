"""The families of a registry, collector by collector: one that fails keeps none of the others back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import InfoMetricFamily

from pegboard_otlp._values import as_text

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Refuse = Callable[[str, BaseException], None]


def families(registry: CollectorRegistry, refuse: Refuse) -> Iterator[Metric]:
    """Yield what the collectors have.

    Args:
        registry: Whose collectors.
        refuse: Called for each collector that fails; what it yielded before stays.
    """
    for collector in _collectors(registry):
        try:
            yield from collector.collect()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a collector of the user raises
            refuse(f"the collector {type(collector).__name__}", error)


def name_of(family: object) -> str:
    """Return the name of a family, or of what a collector yields instead of one."""
    name = getattr(family, "name", None)
    return (
        as_text(name) if isinstance(name, str) and name else f"{type(family).__name__}, which is no metric,"
    )


def _collectors(registry: CollectorRegistry) -> list[Any]:
    """List the collectors, which `collect` calls one after another, to its end or the first error."""
    if type(registry).collect is not CollectorRegistry.collect:
        return [registry]  # somebody else's idea of what is in it
    # Private upstream, and the only way past a collector that raises.
    collectors: list[Any] = list(registry._collector_to_names)  # noqa: SLF001
    target = registry.get_target_info()
    return [_Target(target), *collectors] if target else collectors


class _Target:
    """What a registry says of whom it measures, as a collector."""

    def __init__(self, target: dict[str, str]) -> None:
        self._target = target

    def collect(self) -> list[Metric]:
        return [InfoMetricFamily("target", "Target metadata", self._target)]
