"""What a scrape shows before anything happened: a first time is a change only if something was there before."""

from __future__ import annotations

import pytest

from pegboard import Session, hookimpl, task
from pegboard_metrics import Metered
from pegboard_metrics._family import LABEL_SETS_MOST

COUNT = "pegboard_task_duration_seconds_count"


@pytest.fixture
def shown(samples):
    """Values of a series of a histogram of durations, by status, source and error type."""

    def shown(name=COUNT):
        keys = ("pegboard_call_status", "pegboard_call_source", "error_type")
        return {tuple(labels[key] for key in keys): value for labels, value in samples(name)}

    return shown


@task
def invert(x):
    return 1 / x


def test_a_bound_task_has_neither_succeeded_nor_failed(session, shown):
    """Both are 0 from the moment on at which the session knows the task."""
    session.explain(invert)
    assert shown() == {("ok", "run", ""): 0, ("error", "run", ""): 0}


def test_the_first_error_takes_the_place_of_the_zero(session, shown):
    """So the sum over the types of error goes from 0 to 1, and a task that fails has no series more than it had."""
    invert.run(0)
    assert shown() == {("ok", "run", ""): 0, ("error", "run", "ZeroDivisionError"): 1}


def test_a_zero_does_not_come_back(session, shown):
    """Bound again, for another session, the task has failed all the same."""
    invert.run(0)
    with Session():
        invert(1)
    assert shown() == {("ok", "run", ""): 1, ("error", "run", "ZeroDivisionError"): 1}


def test_a_task_that_is_only_cancelled_has_not_failed(session, shown):
    """What was stopped is in a series of its own."""

    @task
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert shown() == {
        ("ok", "run", ""): 0,
        ("error", "run", ""): 0,
        ("cancelled", "run", "KeyboardInterrupt"): 1,
    }


def test_a_metric_of_its_own_begins_at_0_too(session, shown):
    """And so does the one of all tasks beside it, which a task with a metric of its own feeds as well."""
    session.explain(invert.with_options(Metered(name="invert_seconds")))
    zeros = {("ok", "run", ""): 0, ("error", "run", ""): 0}
    assert shown("invert_seconds_count") == shown() == zeros


def test_retries_begin_at_0(session, samples):
    """Of every task, as anybody may retry it."""
    session.explain(invert)
    assert samples("pegboard_task_retries_total") == [({"pegboard_task_name": "invert", "error_type": ""}, 0)]


def test_plugins_that_watch_begin_at_0(metrics, samples):
    """In every event that they watch; one that asks for a task's own observers is counted when they fail."""

    class Watching:
        name = "watching"

        @hookimpl
        def on_error(self, call):
            pass

    with Session(metrics, Watching(), inherit=False) as session:
        session.explain(invert)
        assert samples("pegboard_hook_errors_total") == [
            ({"pegboard_plugin": "watching", "pegboard_hook": "on_error"}, 0)
        ]


def test_zeros_take_free_places_only(session, samples):
    """A metric has 500 label sets at most, and those that count something come first."""
    tasks = [task(lambda: 1, name=f"task {number}") for number in range(LABEL_SETS_MOST - 1)]
    for each in tasks:
        each()
    assert len(samples(COUNT)) == LABEL_SETS_MOST
    invert(1)
    assert sum(value for _, value in samples(COUNT)) == len(samples(COUNT)) == LABEL_SETS_MOST


def test_the_last_failure_is_the_time_of_the_last_error(session, samples):
    """A success does not touch it, nor does a call that was stopped, and before the first failure there is none."""
    name = "pegboard_task_last_failure_timestamp_seconds"
    with pytest.raises(KeyboardInterrupt):
        task(name="invert")(_stop)()
    invert(1)
    assert samples(name) == []
    invert.run(0)
    ((labels, failed),) = samples(name)
    invert(1)
    ((_, succeeded),) = samples("pegboard_task_last_success_timestamp_seconds")
    assert labels == {"pegboard_task_name": "invert"}
    assert failed <= succeeded
    assert samples(name) == [(labels, failed)]


def _stop():
    raise KeyboardInterrupt
