"""The caps, as a session meets them."""

from __future__ import annotations

import logging

import pytest

from pegboard import task

COUNT = "pegboard_task_duration_seconds_count"
DROPPED = "pegboard_telemetry_dropped_total"


def numbered(number):
    @task(name=f"task{number}")
    def work():
        return 1

    return work


@pytest.mark.parametrize("tasks", [500, 1_500])
def test_any_number_of_tasks_is_at_most_501_label_sets(session, samples, total, caplog, tasks):
    """Tasks over the cap share a series, what was folded is counted, totals stay right, and one warning says so."""
    with caplog.at_level(logging.WARNING, "pegboard"):
        for number in range(tasks):
            numbered(number)()
    over = tasks - 500
    for name in (COUNT, "pegboard_task_active", "pegboard_task_last_success_timestamp_seconds"):
        assert len(samples(name)) == 500 + (over > 0)
    assert total(COUNT) == tasks
    assert total(COUNT, pegboard_task_name="_OTHER") == over
    assert total(DROPPED, pegboard_signal="metrics", pegboard_reason="label_sets") == over
    assert len([each for each in caplog.records if each.name.startswith("pegboard")]) == (over > 0)


def test_nothing_is_dropped_below_the_cap(session, samples):
    """Both reasons are there from the start, at 0, so that a rate over them is defined."""
    assert [value for _, value in samples(DROPPED)] == [0, 0]


def test_the_eleventh_type_of_error_of_a_task_is_other(session, calls, total, caplog):
    """The task stays, so that its failures stay right; other tasks have ten types of their own."""
    types = [type(f"Error{number}", (Exception,), {"__module__": "builtins"}) for number in range(13)]

    @task
    def fail(error):
        raise error

    @task
    def other(error):
        raise error

    with caplog.at_level(logging.WARNING, "pegboard"):
        for error in types:
            fail.run(error())
            fail.run(error())
        other.run(types[12]())
    assert [calls("fail", "error", error_type=f"Error{number}") for number in range(11)] == [2] * 10 + [0]
    assert calls("fail", "error", error_type="_OTHER") == 6
    assert calls("other", "error", error_type="Error12") == 1
    assert total(DROPPED, pegboard_reason="error_types") == 6
    assert total(DROPPED, pegboard_reason="label_sets") == 0
    assert len(caplog.records) == 1
