"""What is measured of durable runs, as a scrape has it, and the dashboards ask for it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from pegboard import Durability, Durable, Metrics, Session, task
from pegboard_dashboards import _durable as durable


@pytest.fixture
def page(tmp_path):
    """The scrape page of a session that had a durable run with one step."""

    @task(Durable())
    def inner():
        return 1

    @task(Durable())
    def outer():
        return inner()

    registry = CollectorRegistry()
    with Session(Metrics(registry), Durability(f"sqlite:///{tmp_path / 'journal.db'}")):
        outer()
        return generate_latest(registry).decode()


@pytest.mark.parametrize(
    "name", sorted(value for name, value in vars(durable).items() if name.isupper() and name != "STATUS")
)
def test_what_the_dashboards_ask_for_is_in_a_scrape(page, name):
    """Under the very name, from the first run on."""
    assert f"\n{name}" in page


def test_a_run_is_counted_by_its_status(page):
    """In the journal, and among those that ended here."""
    assert 'pegboard_durable_runs{pegboard_run_status="DONE"} 1.0' in page
    assert (
        'pegboard_durable_runs_ended_total{pegboard_run_status="DONE",pegboard_task_name="outer"} 1.0' in page
    )
