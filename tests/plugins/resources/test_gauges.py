"""Samples in somebody else's registry."""

from __future__ import annotations

import prometheus_client
import pytest

from pegboard import Session, hookimpl
from pegboard_resources import Resources


class Measuring:
    """A plugin of the name metrics, with a registry."""

    name = "metrics"

    def __init__(self, registry):
        self.registry = registry

    @hookimpl
    def session_start(self):
        """Nothing to do."""


@pytest.fixture
def registry():
    return prometheus_client.CollectorRegistry()


def gauges(registry):
    return {family.name: family.samples[0].value for family in registry.collect()}


def test_the_samples_are_gauges_of_the_metrics_plugin(registry):
    """The four numbers of a sample are there while the session is open, and gone after it."""
    with Session(Measuring(registry), Resources(interval=60), inherit=False) as session:
        sample = session[Resources].sample()
        assert gauges(registry) == {
            "pegboard_process_resident_memory_bytes": sample.rss,
            "pegboard_process_cpu_ratio": sample.cpu_percent / 100,
            "pegboard_process_threads": sample.threads,
            "pegboard_process_open_files": sample.open_files,
        }
    assert gauges(registry) == {}


def test_the_order_of_attachment_does_not_matter(registry):
    """Both plugins find each other either way."""
    with Session(Resources(interval=None), Measuring(registry), inherit=False):
        assert len(gauges(registry)) == 4


def test_two_instances_share_a_registry(registry):
    """Sessions with instances of their own do not clash, and the last that ends takes the gauges along."""
    with Session(Measuring(registry), Resources(interval=None), inherit=False):
        with Session(Measuring(registry), Resources(interval=None), inherit=False):
            assert len(gauges(registry)) == 4
        assert len(gauges(registry)) == 4
    assert gauges(registry) == {}


@pytest.mark.parametrize("registry", [None, object(), {}])
def test_a_metrics_plugin_without_such_a_registry_is_left_alone(registry):
    """What cannot be registered with is no error."""
    with Session(Measuring(registry), Resources(interval=None), inherit=False) as session:
        assert session[Resources].sample().threads >= 1
