"""Observer errors, read from the core at each scrape."""

from __future__ import annotations

import gc
import logging
import weakref

from pegboard import Session, task
from pegboard.testing import FaultyPlugin


@task
def work():
    return 1


def faulty():
    return FaultyPlugin(hooks=["before_execute"])


def errors(samples):
    return {
        (labels["pegboard_plugin"], labels["pegboard_hook"]): value
        for labels, value in samples("pegboard_hook_errors_total")
    }


def test_the_errors_of_observers_are_counted(metrics, samples):
    """By plugin and hook, as often as they happened; the task is not measured the less for it."""
    with Session(metrics, faulty(), FaultyPlugin(hooks=["after_execute"], name="worse"), inherit=False):
        work()
        assert errors(samples) == {("faulty", "before_execute"): 1, ("worse", "after_execute"): 1}
        work()
        work()
    assert errors(samples) == {("faulty", "before_execute"): 3, ("worse", "after_execute"): 3}


def test_sessions_add_up(metrics, samples):
    """A counter never goes down: not with the next session, and not with one that is used twice."""
    first, second = (Session(metrics, faulty(), inherit=False) for _ in range(2))
    for turn, session in enumerate((first, second, first), start=1):
        with session:
            work()
            assert errors(samples) == {("faulty", "before_execute"): turn}


def test_inner_sessions_that_ended_between_two_scrapes_count(metrics, samples, caplog):
    """They do not tell an inherited plugin of their end, and are counted and let go all the same."""
    caplog.set_level(logging.CRITICAL, "pegboard")  # a log record would hold the session by its traceback
    with Session(metrics, inherit=False):
        for _ in range(3):
            with Session(faulty()) as inner:
                work()
        ended = weakref.ref(inner)
        assert errors(samples) == {("faulty", "before_execute"): 3}
        del inner
        gc.collect()
        assert ended() is None


def test_a_session_that_ended_is_let_go_and_counts(metrics, samples, caplog):
    """What happened in it is taken over at its end, without a scrape."""
    caplog.set_level(logging.CRITICAL, "pegboard")  # as above
    with Session(metrics, faulty(), inherit=False) as session:
        work()
    ended = weakref.ref(session)
    del session
    gc.collect()
    assert ended() is None
    assert errors(samples) == {("faulty", "before_execute"): 1}


def test_a_session_without_a_call_counts(metrics, samples):
    """An observer may fail in a group that makes no call, and so binds no task."""
    with Session(metrics, FaultyPlugin(hooks=["before_group"]), inherit=False):
        work.map([])
    assert errors(samples) == {("faulty", "before_group"): 1}
