"""Metered: a metric of its own, and what is refused at decoration."""

from __future__ import annotations

import math

import pytest
from prometheus_client import Counter

from pegboard import BindError, Session, task
from pegboard_metrics import Metered


def bounds(registry, name):
    return [
        sample.labels["le"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == f"{name}_bucket" and sample.labels["pegboard_call_status"] == "ok"
    ]


def test_a_named_metric_has_its_own_buckets(session, registry, total):
    """The durations of the task are in both metrics, each with its own bounds."""

    @task(Metered(buckets=(0.5, 5), name="load_seconds"))
    def load():
        return 1

    load()
    load()
    assert bounds(registry, "load_seconds") == ["0.5", "5.0", "+Inf"]
    assert total("load_seconds_count", pegboard_task_name="load", pegboard_call_status="ok") == 2
    assert total("pegboard_task_duration_seconds_count", pegboard_task_name="load") == 2


def test_it_counts_failures_as_the_other_does(session, total):
    """The two metrics have the same labels."""

    @task(Metered(name="fail_seconds"))
    def fail():
        raise ValueError

    fail.run()
    labels = {"pegboard_call_status": "error", "error_type": "ValueError"}
    assert total("pegboard_task_active") == 0
    assert total("fail_seconds_count", **labels) == 1
    assert total("pegboard_task_duration_seconds_count", **labels) == 1


def test_without_buckets_it_has_the_usual_ones(session, registry):
    """A name alone is a metric apart."""
    task(Metered(name="plain_seconds"))(lambda: 1)()
    assert bounds(registry, "plain_seconds") == bounds(registry, "pegboard_task_duration_seconds")


def test_tasks_share_a_name_with_the_same_buckets(session, total):
    """One metric, told apart by the task's label."""
    option = Metered(buckets=[1, 2], name="both_seconds")
    for name in ("first", "second"):
        task(option, name=name)(lambda: 1)()
    assert [total("both_seconds_count", pegboard_task_name=name) for name in ("first", "second")] == [1, 1]


def test_other_buckets_under_the_same_name_are_an_error(session):
    """One metric has one set of buckets; the function does not run."""
    task(Metered(buckets=(1,), name="one_seconds"))(lambda: 1)()
    with pytest.raises(BindError, match="one_seconds") as caught:
        task(Metered(buckets=(2,), name="one_seconds"), name="late")(lambda: pytest.fail("it ran"))()
    assert (caught.value.plugin, caught.value.task) == ("metrics", "late")


def test_a_name_that_the_registry_has_is_an_error(session, registry, total):
    """A metric of the user's own is left alone, and the option fails each time."""
    Counter("taken_seconds", "The user's.", registry=registry).inc()
    work = task(Metered(name="taken_seconds"))(lambda: 1)
    for _ in range(2):
        with pytest.raises(BindError, match="taken_seconds"):
            work()
    assert total("taken_seconds_total") == 1


def test_defaults_give_it_to_every_task(metrics, total):
    """An option of the session counts for all its tasks."""
    with Session(metrics, defaults=[Metered(name="default_seconds")], inherit=False):
        task(lambda: 1)()
    assert total("default_seconds_count") == 1


def test_an_infinite_last_bound_is_there_anyway():
    """Both ways to write the bounds are equal."""
    assert Metered(buckets=(1, math.inf), name="a_seconds") == Metered(buckets=[1.0], name="a_seconds")


@pytest.mark.parametrize(
    "buckets",
    [(), (math.inf,), (2, 1), (1, 1), (0, 1), (-1, 1), (1, math.nan), (math.nan,)],
    ids=str,
)
def test_bounds_rise_from_above_zero(buckets):
    """What cannot be sorted into is refused where it is written."""
    with pytest.raises(ValueError, match="rising"):
        Metered(buckets=buckets, name="a_seconds")


@pytest.mark.parametrize("buckets", ["123", 5, (1, "2"), (True, 2), (None,)], ids=str)
def test_bounds_are_numbers(buckets):
    """Text, a lone number and flags are refused."""
    with pytest.raises(TypeError, match="buckets"):
        Metered(buckets=buckets, name="a_seconds")


def test_buckets_need_a_name():
    """The common metric has one set of buckets for all tasks."""
    with pytest.raises(ValueError, match="Name a metric"):
        Metered(buckets=(1, 2))


@pytest.mark.parametrize(
    "name", ["", "load", "load-seconds", "1_seconds", "a b_seconds", "é_seconds", "_seconds\n"]
)
def test_a_name_is_a_metric_name_with_its_unit(name):
    """Anything that Prometheus or a reader would misunderstand is refused."""
    with pytest.raises(ValueError, match="ends in its unit"):
        Metered(name=name)


def test_pegboards_own_names_are_taken():
    """A user's metric cannot pass for one of the table."""
    with pytest.raises(ValueError, match="Pegboard's own"):
        Metered(name="pegboard_task_duration_seconds")


def test_a_name_is_text():
    """Anything else is refused."""
    with pytest.raises(TypeError):
        Metered(name=3)
