"""The last sample as gauges, in a registry of prometheus-client that somebody else has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from pegboard_resources._sampler import Sample

GAUGES: dict[str, tuple[str, Callable[[Sample], float]]] = {
    "pegboard_process_resident_memory_bytes": ("Resident memory of the process.", lambda s: s.rss),
    "pegboard_process_cpu_ratio": ("CPU in use, 1 for one core.", lambda s: s.cpu_percent / 100),
    "pegboard_process_threads": ("Threads of the process.", lambda s: s.threads),
    "pegboard_process_open_files": ("Open file descriptors of the process.", lambda s: s.open_files),
}
_guard = threading.RLock()
_collectors: WeakKeyDictionary[Any, ProcessCollector] = WeakKeyDictionary()


class ProcessCollector:
    """Gives the sample of the first of its sources; all of them tell of the same process."""

    def __init__(self) -> None:
        self.sources: list[Callable[[], Sample]] = []

    def collect(self) -> Iterator[Any]:
        """Yield the gauges; prometheus-client calls this."""
        from prometheus_client.core import GaugeMetricFamily

        sources = list(self.sources)
        if sources:
            sample = sources[0]()
            for name, (text, value) in GAUGES.items():
                yield GaugeMetricFamily(name, text, value=value(sample))

    def describe(self) -> list[Any]:
        """Return the names alone; registering asks, and takes no sample for it."""
        from prometheus_client.core import GaugeMetricFamily

        return [GaugeMetricFamily(name, text) for name, (text, _) in GAUGES.items()]


def publish(registry: Any, source: Callable[[], Sample]) -> None:
    """Show a source's samples in a registry."""
    with _guard:
        collector = _collectors.get(registry)
        if collector is None:
            collector = ProcessCollector()
            registry.register(collector)
            _collectors[registry] = collector
        collector.sources.append(source)


def withdraw(registry: Any, source: Callable[[], Sample]) -> None:
    """Take `publish` back."""
    with _guard:
        collector = _collectors.get(registry)
        if collector is None or source not in collector.sources:
            return
        collector.sources.remove(source)
        if not collector.sources:
            del _collectors[registry]
            registry.unregister(collector)
