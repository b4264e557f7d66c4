"""The text of a page."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from pegboard_prometheus.page.exposition import Exposition
from pegboard_prometheus.page.negotiation import OPENMETRICS, TEXT


@pytest.mark.parametrize(("kind", "generate"), [(TEXT, generate_latest), (OPENMETRICS, generate_openmetrics)])
def test_it_is_what_the_library_writes(kind, generate):
    """Family by family, in the order of the registry, with what the registry says of its target."""
    registry = CollectorRegistry(target_info={"version": "1"})
    Gauge("first", "A \\ and\na line.", ["x"], registry=registry).labels('"\n').set(1.5)
    Gauge("second", "Another.", registry=registry).set(2)
    assert Exposition().write([registry], kind) == generate(registry)


def test_a_registry_with_a_way_of_its_own_is_taken_as_a_whole():
    """It may add to what its collectors give."""

    class Own(CollectorRegistry):
        def collect(self):
            yield from list(super().collect())[:1]

    registry = Own()
    for name in ("first", "second"):
        Gauge(name, "A number.", registry=registry)
    assert Exposition().write([registry], TEXT).endswith(b"first 0.0\n")


def test_a_series_in_two_registries_is_served_once(caplog):
    """A page with a series twice would be refused; the warning names the metric."""
    registries = [CollectorRegistry(), CollectorRegistry()]
    for number, registry in enumerate(registries):
        Gauge("mine", "A number.", registry=registry).set(number)
    assert Exposition().write(registries, TEXT).decode().splitlines()[-1] == "mine 0.0"
    assert "mine" in caplog.text


def test_times_of_creation_are_left_out_of_the_page_alone():
    """The registry keeps them."""
    registry = CollectorRegistry()
    Counter("mine", "A number.", registry=registry)
    assert b"_created" not in Exposition().write([registry], TEXT)
    assert b"mine_created" in generate_latest(registry)
