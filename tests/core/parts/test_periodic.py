"""A function that is called every so many seconds, until the end."""

from __future__ import annotations

import contextlib
import threading

import pytest

from pegboard.parts import Periodic

LONG = 3_600.0  # seconds: nothing is called for the time being
NAME = "test-periodic"


@pytest.fixture
def called():
    """Count calls: a semaphore, released by each."""
    return threading.Semaphore(0)


@pytest.fixture
def periodic(called):
    """Return a function that makes one with other settings; all are stopped."""
    made = []

    def make(function=called.release, every=LONG, **settings):
        made.append(Periodic(NAME, function, every, **settings))
        return made[-1]

    yield make
    for each in made:
        each.stop(30)


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name == NAME]


def test_the_function_is_called_again_and_again(periodic, called) -> None:
    """In a thread, from the start on."""
    often = periodic(every=0.001)
    assert not often.is_running
    often.start()
    for _ in range(3):
        assert called.acquire(timeout=30)
    assert often.is_running


def test_a_call_may_be_asked_for(periodic, called) -> None:
    """The answer waits for it."""
    rarely = periodic()
    rarely.start()
    assert rarely.begin_call()(30)
    assert called.acquire(blocking=False)


@pytest.mark.parametrize("last", [True, False])
def test_a_last_call_is_made_where_it_is_asked_for(periodic, called, last) -> None:
    """Then the thread has ended."""
    rarely = periodic()
    rarely.start()
    assert rarely.stop(last=last)
    assert called.acquire(blocking=False) == last
    assert threads() == []


def test_there_is_one_thread(periodic, called) -> None:
    """However often it is started; after a stop a new one."""
    rarely = periodic()
    rarely.start()
    rarely.start()
    assert threads() == [NAME]
    rarely.stop()
    rarely.start()
    assert threads() == [NAME]
    assert rarely.begin_call()(30)
    assert called.acquire(blocking=False)


def test_without_a_thread_nothing_is_waited_for(periodic, called) -> None:
    """Neither before the start nor after the stop."""
    rarely = periodic()
    assert rarely.begin_call()(30)
    assert rarely.stop()
    assert not called.acquire(blocking=False)


def test_a_stop_that_is_late_says_so(periodic) -> None:
    """And waits no longer."""
    is_in, may_go = threading.Event(), threading.Event()
    hanging = periodic(lambda: (is_in.set(), may_go.wait(60)))
    hanging.start()
    hanging.begin_call()
    assert is_in.wait(30)
    wait = hanging.begin_stop()
    assert not wait(0.01)
    may_go.set()
    assert wait(30)


def test_what_fails_is_said_once_and_goes_on(periodic, called, caplog) -> None:
    """The next time may be better."""

    def fail():
        called.release()
        raise OSError("away")

    failing = periodic(fail)
    failing.start()
    assert failing.begin_call()(30)
    assert failing.begin_call()(30)
    assert called.acquire(blocking=False)
    assert called.acquire(blocking=False)
    assert len(caplog.records) == 1
    assert "goes on" in caplog.text


def test_it_may_stop_itself(periodic) -> None:
    """Without waiting for itself."""
    answers = []
    once = periodic(lambda: answers.append(once.stop()), every=0.001)
    once.start()
    assert once.begin_stop()(30)
    assert len(answers) <= 1
    assert True not in answers


def test_the_thread_has_what_belongs_to_it(periodic, called) -> None:
    """What cannot be entered is said, and nothing is called."""
    seen = []

    @contextlib.contextmanager
    def around():
        seen.append(threading.current_thread().name)
        yield
        seen.append("left")

    rarely = periodic(around=around)
    rarely.start()
    rarely.stop()
    assert seen == [NAME, "left"]


def test_what_cannot_be_entered_is_said(periodic, called, caplog) -> None:
    """And nothing is called."""
    broken = periodic(around=lambda: open("/nonexistent/file"))  # noqa: SIM115, PTH123 - fails
    broken.start()
    assert broken.begin_call()(30)
    assert broken.stop(last=True)
    assert not called.acquire(blocking=False)
    assert "cannot be opened" in caplog.text


def test_a_forked_child_has_no_thread_until_it_starts_one(periodic, called, forked) -> None:
    """The parent's goes on."""
    rarely = periodic()
    rarely.start()

    def child():
        seen = rarely.is_running, rarely.begin_call()(5), rarely.stop(5), called.acquire(blocking=False)
        rarely.start()
        return *seen, rarely.begin_call()(10), called.acquire(blocking=False)

    assert forked(child) == "(False, True, True, False, True, True)"
    assert rarely.is_running


@pytest.mark.parametrize(
    ("every", "error"), [(0, ValueError), (float("inf"), ValueError), (True, TypeError), ("1", TypeError)]
)
def test_seconds_that_mean_nothing_are_refused(every, error) -> None:
    """Where they are given."""
    with pytest.raises(error, match="every"):
        Periodic(NAME, print, every)


def test_a_thread_that_is_told_to_exit_says_so_and_goes_on(periodic, caplog) -> None:
    """Threads end without a word of Python's at SystemExit, which nobody would notice."""

    def leave() -> None:
        raise SystemExit

    rarely = periodic(leave)
    rarely.start()
    assert rarely.begin_call()(30)
    assert rarely.is_running
    assert "failed; it goes on" in caplog.text
