"""The prometheus exporter beside plugins whose work it shows."""

from __future__ import annotations

from urllib.request import urlopen

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pegboard import Breaker, Cache, Concurrency, Metrics, Prometheus, Retry, Session, task
from pegboard_metrics import names


def test_what_plugins_do_shows_in_a_scrape():
    """Retries, lookups of a cache, waits for a place, and the state of a breaker."""
    tries = []

    @task(Cache(), Retry(1), Breaker(1, recovery=60, name="shop"), Concurrency(1))
    def shaky(x):
        tries.append(x)
        raise OSError

    prometheus = Prometheus(0)
    with Session(Metrics(CollectorRegistry()), prometheus, inherit=False):
        shaky.run(1)
        with urlopen(prometheus.url, timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
        samples = _scrape(prometheus)
    assert len(tries) == 1
    assert samples[names.BREAKER_STATE.name, "shop"] == 2
    assert samples[names.RETRIES.name, "shaky"] == 1
    assert samples[names.CACHE_LOOKUPS.name, "miss"] == 1


def _scrape(prometheus):
    from urllib.request import Request

    asked = Request(prometheus.url, headers={"Accept": "application/openmetrics-text"})
    with urlopen(asked, timeout=30) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    labels = (names.BREAKER, names.CACHE_RESULT, names.TASK)
    return {
        (
            sample.name,
            next((sample.labels[label] for label in labels if label in sample.labels), ""),
        ): sample.value
        for family in families
        for sample in family.samples
    }
