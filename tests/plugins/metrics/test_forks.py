"""A forked child of a process that has a session installed: it measures itself."""

from __future__ import annotations

import os
import threading

import pytest

from pegboard import Session, hookimpl, task
from pegboard_metrics import Metrics

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there"),
    pytest.mark.usefixtures("pegboard_isolated"),
]
DURATION = "pegboard_task_duration_seconds"


@task
def load() -> None:
    """Do nothing."""


@pytest.fixture
def session(metrics):
    session = Session(metrics).install()
    yield session
    session.uninstall(grace=0)


def test_a_child_begins_at_zero_and_counts_its_own(session, in_child, samples):
    """In the statistics of the session, and in the registry, with the label sets that there are."""
    for _ in range(300):  # more than wait to be sorted into buckets
        load()

    def child():
        counts = [int(value) for _, value in samples(f"{DURATION}_count")]
        before = session[Metrics].stats(load)
        load()
        after = session[Metrics].stats(load)
        created = [value for _, value in samples(f"{DURATION}_created")]
        return counts, before.calls, before.last_success, after.calls, max(created) == min(created)

    assert in_child(child) == [[0, 0], 0, None, 1, False]
    assert session[Metrics].stats(load).calls == 300


def test_a_call_of_another_thread_is_not_active_in_the_child(session, in_child, samples):
    """It goes on in the parent alone; nor is the call that forks, which the parent ends."""
    begun, go_on = threading.Event(), threading.Event()

    @task
    def held():
        begun.set()
        assert go_on.wait(20)

    @task
    def forks():
        return in_child(
            lambda: [samples("pegboard_task_active"), samples("pegboard_task_oldest_age_seconds")]
        )

    thread = threading.Thread(target=held)
    thread.start()
    assert begun.wait(20)
    active, ages = forks()
    go_on.set()
    thread.join()
    assert {labels["pegboard_task_name"]: value for labels, value in active} == {forks.name: 0, held.name: 0}
    assert {value for _, value in ages} == {0.0}


def test_instruments_that_are_kept_go_on_in_the_child(session, in_child, samples):
    """A counter and a histogram begin at 0; a gauge has no value before it is set there, and is asked where it was a function."""
    counter = session.measure("counter", "app_items", "Items.")
    gauge = session.measure("gauge", "app_level", "A level.")
    asked = session.measure("gauge", "app_pid", "Process.")
    asked.set_function(os.getpid)
    counter.add(7)
    gauge.set(3)

    def child():
        before = samples("app_items_total"), samples("app_level")
        counter.add(2)
        gauge.add(1)
        return [
            *before,
            samples("app_items_total"),
            samples("app_level"),
            samples("app_pid")[0][1] == os.getpid(),
        ]

    assert in_child(child) == [[[{}, 0]], [], [[{}, 2]], [[{}, 1.0]], True]
    assert samples("app_items_total") == [({}, 7)]


def test_errors_of_observers_are_counted_anew(metrics, in_child, samples, caplog):
    """Those of the parent are the parent's; a child counts each of its own once."""

    class Fails:
        name = "fails"

        @hookimpl
        def after_execute(self):
            raise LookupError

    def counted():
        return [
            value
            for labels, value in samples("pegboard_hook_errors_total")
            if labels["pegboard_plugin"] == "fails"
        ]

    session = Session(metrics, Fails()).install()
    load()
    load()

    def child():
        before = counted(), sum(session.observer_errors.values())
        load()
        return [*before, counted()]

    assert counted() == [2]
    assert in_child(child) == [[0], 0, [1]]
    session.uninstall()


def test_what_an_inner_session_measures_is_the_childs_too(session, in_child):
    """One that is open around the fork, and inherits."""
    with Session() as inner:
        load()

        def child():
            load()
            return session[Metrics].stats(load).calls, inner[Metrics].stats(load).calls

        assert in_child(child) == [1, 1]


def test_a_session_that_is_not_installed_keeps_its_numbers(metrics, in_child):
    """In a copy, which nobody sends or serves."""
    with Session(metrics, inherit=False) as session:
        load()
        assert in_child(lambda: session[Metrics].stats(load).calls) == 1
