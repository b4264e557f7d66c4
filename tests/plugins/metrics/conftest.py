from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from pegboard import Session
from pegboard_metrics import Metrics

DURATION = "pegboard_task_duration_seconds_count"


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry)


@pytest.fixture
def session(metrics):
    with Session(metrics, strict=True, inherit=False) as session:
        yield session


@pytest.fixture
def samples(registry):
    """Returns the label sets and values of a series, newly collected."""

    def samples(name):
        return [
            (sample.labels, sample.value)
            for family in registry.collect()
            for sample in family.samples
            if sample.name == name
        ]

    return samples


@pytest.fixture
def total(samples):
    """Returns the sum of a series over the label sets that have these labels."""

    def total(name, **labels):
        return sum(value for found, value in samples(name) if labels.items() <= found.items())

    return total


@pytest.fixture
def calls(total):
    """Returns how many calls of a task were measured, by status, source and error type."""

    def calls(task, status="ok", source="run", error_type=""):
        return total(
            DURATION,
            pegboard_task_name=task,
            pegboard_call_status=status,
            pegboard_call_source=source,
            error_type=error_type,
        )

    return calls
