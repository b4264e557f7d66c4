"""Collectors that give families of one name."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pegboard_prometheus.page.exposition import Exposition
from pegboard_prometheus.page.negotiation import OPENMETRICS, TEXT

PARSERS = {TEXT: parse_text, OPENMETRICS: parse_openmetrics}


class Collector:
    """Gives families, and describes none, so that a registry takes several of one name."""

    def __init__(self, *families):
        self.families = families

    def describe(self):
        return []

    def collect(self):
        return self.families


def pool(name, database, value, text="Open.", kind=GaugeMetricFamily):
    family = kind(name, text, labels=["db"])
    family.add_metric([database], value)
    return family


def written(kind, *families, exposition=None):
    """The families of a page to which each of these came from a collector of its own."""
    registry = CollectorRegistry()
    for family in families:
        registry.register(Collector(family))
    page = (exposition or Exposition()).write([registry], kind).decode()
    return page, list(PARSERS[kind](page))


@pytest.mark.parametrize("kind", PARSERS, ids=["text", "openmetrics"])
@pytest.mark.parametrize("make", [GaugeMetricFamily, CounterMetricFamily])
def test_two_collectors_of_one_family_are_both_served(kind, make, caplog):
    """All samples below one HELP and one TYPE, whatever other family comes between them, and without a word."""
    page, families = written(
        kind,
        pool("open", "orders", 3, kind=make),
        pool("other", "x", 1),
        pool("open", "users", 4, kind=make),
    )
    assert [family.name for family in families] == ["open", "other"]
    assert [(s.labels["db"], s.value) for s in families[0].samples] == [("orders", 3), ("users", 4)]
    assert (page.count("# HELP open"), page.count("# TYPE open")) == (1, 1)
    assert caplog.text == ""


@pytest.mark.parametrize("kind", PARSERS, ids=["text", "openmetrics"])
def test_histograms_of_two_collectors_are_both_served(kind):
    """Bucket by bucket."""

    def histogram(database, count):
        family = HistogramMetricFamily("wait_seconds", "Waiting.", labels=["db"])
        family.add_metric([database], [("1.0", count), ("+Inf", count)], 0.5)
        return family

    _, (family,) = written(kind, histogram("orders", 3), histogram("users", 4))
    assert [s.value for s in family.samples if s.name == "wait_seconds_count"] == [3, 4]


@pytest.mark.parametrize("kind", PARSERS, ids=["text", "openmetrics"])
def test_the_first_help_text_stands(kind, caplog):
    """Both are served, and it is said once."""
    exposition = Exposition()
    for _ in range(3):
        _, (family,) = written(
            kind, pool("open", "a", 1, "First."), pool("open", "b", 2, "Second."), exposition=exposition
        )
    assert (family.documentation, len(family.samples)) == ("First.", 2)
    assert caplog.text.count("two help texts") == 1


@pytest.mark.parametrize("kind", PARSERS, ids=["text", "openmetrics"])
def test_types_that_differ_are_served_as_unknown(kind, caplog):
    """No reader takes the one for the other; all samples are there, and it is said once."""
    exposition = Exposition()
    for _ in range(3):
        _, (family,) = written(
            kind,
            pool("open", "a", 1),
            pool("open", "b", 2, kind=HistogramLike),
            pool("open", "c", 3),
            exposition=exposition,
        )
    assert (family.type, [s.value for s in family.samples]) == ("unknown", [1, 2, 3])
    assert caplog.text.count("of two types") == 1


class HistogramLike(GaugeMetricFamily):
    """A family of another type with samples like those of a gauge."""

    def __init__(self, *words, **settings):
        super().__init__(*words, **settings)
        self.type = "stateset"


def test_of_a_series_that_is_there_twice_the_first_is_served(caplog):
    """A reader would refuse the second; the others of its family are served."""
    second = pool("open", "orders", 9)
    second.add_metric(["users"], 4)
    _, (family,) = written(TEXT, pool("open", "orders", 3), second)
    assert [(s.labels["db"], s.value) for s in family.samples] == [("orders", 3), ("users", 4)]
    assert "a series twice" in caplog.text


def test_the_users_own_families_are_not_changed():
    """A collector may keep the families that it gives."""
    first, second = pool("open", "a", 1), pool("open", "b", 2)
    for _ in range(2):
        written(TEXT, first, second)
    assert (len(first.samples), len(second.samples)) == (1, 1)
