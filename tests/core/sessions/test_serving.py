"""The word where a session is open and does not see a call."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pegboard import Session, task
from pegboard.sessions.serving import SERVING
from pegboard.testing import isolated


@pytest.fixture(autouse=True)
def nothing_is_open(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Have each test begin in a program without a session, in which nothing was said yet."""
    caplog.set_level(logging.WARNING, "pegboard")
    SERVING._told.clear()
    with isolated():
        yield


def elsewhere(function: Callable[[], Any]) -> None:
    """Run a function in a thread with an empty context."""
    thread = threading.Thread(target=function, name="of-a-server")
    thread.start()
    thread.join(10)


def new_task() -> Any:
    @task(name="load")
    def load() -> int:
        return 1

    return load


WAYS: dict[str, Callable[[Any], Any]] = {
    "call": lambda load: load(),
    "run": lambda load: load.run(),
    "submit": lambda load: load.submit().result(10),
    "map": lambda load: load.map([]),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_call_that_no_session_serves_is_told_of(
    way: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """With task, thread, session and the way out."""
    load = new_task()
    with Session() as session:
        elsewhere(lambda: way(load))
    for word in ("'load'", "of-a-server", session.id, "session.install()"):
        assert word in caplog.text


def test_it_is_said_once_a_task(caplog: pytest.LogCaptureFixture) -> None:
    """However often that is called."""
    load = new_task()
    with Session():
        elsewhere(load.run)
        elsewhere(load.run)
    assert len(caplog.records) == 1


def test_it_is_said_of_ten_tasks_at_most(caplog: pytest.LogCaptureFixture) -> None:
    """Who has read ten knows."""
    loads = [new_task() for _ in range(12)]
    with Session():
        elsewhere(lambda: [load() for load in loads])
    assert len(caplog.records) == 10


def test_also_when_the_task_was_called_before_without_a_session(caplog: pytest.LogCaptureFixture) -> None:
    """That it needed none then says nothing of now."""
    load = new_task()
    load()
    with Session():
        elsewhere(load)
    assert len(caplog.records) == 1


QUIET: dict[str, Callable[[], Any]] = {
    "quiet": lambda: Session(quiet=True),
    "installed": lambda: Session().install(),
}


@pytest.mark.parametrize("make", QUIET.values(), ids=QUIET)
def test_nothing_is_said_without_a_reason(make: Callable[[], Any], caplog: pytest.LogCaptureFixture) -> None:
    """Where the session says so, or sees all calls."""
    with make():
        elsewhere(new_task())
    assert not caplog.records


def test_nothing_is_said_once_the_session_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody misses anything then."""
    with Session():
        pass
    new_task()()
    assert not caplog.records


def test_sessions_that_come_and_go_keep_bare_calls_bare() -> None:
    """A task asks again only when the first opens and when the last closes."""
    load = new_task()
    with Session():
        elsewhere(load)
        state = SERVING.state
        elsewhere(lambda: Session().__enter__().__exit__(None, None, None))
        assert SERVING.state is state
