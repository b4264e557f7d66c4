"""What the dashboards show of an application in which nothing has happened yet."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from pegboard import Session, task
from pegboard_dashboards import dashboards
from pegboard_metrics import Metrics

WHERE_THERE_IS_NONE = {
    "Since the last success",
    "Since the last failure",
    "Served from the cache",
    "Cache lookups per second",
    "Waiting",
    "Late runs",
    "Queues",
    "Workers",
    "Circuit breakers",
    "Durable runs",
    "Durable steps",
    "Processor",
    "Memory",
    "Scrape duration",
}
"""Panels of what such an application does not have: nothing is what they have to show."""


@task
def work():
    pass


@pytest.fixture(scope="module")
def series():
    """Its metrics, as they are from when the task is bound."""
    registry = CollectorRegistry()
    with Session(Metrics(registry), inherit=False) as session:
        session.explain(work)
        samples = [sample for family in registry.collect() for sample in family.samples]
    return [
        (sample.name, {"job": "app", "instance": "a:1", **sample.labels}, f"{sample.value:g}x10")
        for sample in samples
        if not sample.name.endswith("_created")
    ]


def queries():
    values = {"$__rate_interval": "5m", "$__range": "5m", "$job": ".*", "$task": "work"}
    for board in dashboards().values():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                query = target["expr"]
                for variable, value in values.items():
                    query = query.replace(variable, value)
                yield panel["title"], query


def test_every_query_of_what_there_is_answers(promtool_test, series):
    """With 0, or with what a quantile of nothing is, and not with nothing."""
    expected = {
        f"count({query})": [] if title in WHERE_THERE_IS_NONE else [({}, 1)] for title, query in queries()
    }
    expected = {
        (query if not samples else f"({query}) >= bool 1"): samples for query, samples in expected.items()
    }
    promtool_test(series, "10m", expected)


@pytest.mark.parametrize("word", ["Failing", "Errors per second"])
def test_what_did_not_fail_is_0(promtool_test, series, word):
    """Ratios of calls that there were none of, too."""
    found = [query for title, query in queries() if title == word]
    assert found
    promtool_test(series, "10m", {f"max({query})": [({}, 0)] for query in found})
