"""A session ends after what was submitted in it."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait

import pytest
from session_plugins import function, living

from pegboard import Session, task


def test_the_end_waits_for_what_was_submitted() -> None:
    """Nothing of a session goes on after it."""
    done: list[int] = []
    gate = threading.Event()

    @task
    def slow(x: int) -> None:
        assert gate.wait(10)
        done.append(x)

    with Session():
        for x in range(3):
            slow.submit(x)
        threading.Timer(0.05, gate.set).start()
    assert sorted(done) == [0, 1, 2]


def test_the_end_waits_for_what_a_submitted_task_submits() -> None:
    """Also for work that begins while the session waits."""
    done: list[int] = []
    leaving = threading.Event()

    @task
    def chain(depth: int) -> None:
        assert leaving.wait(10)
        if depth:
            chain.submit(depth - 1)
        done.append(depth)

    with Session():
        chain.submit(3)
        threading.Timer(0.05, leaving.set).start()
    assert sorted(done) == [0, 1, 2, 3]


def test_a_submitted_task_may_enter_its_session_while_it_ends() -> None:
    """The wait for it holds no lock that it needs."""
    leaving = threading.Event()
    log: list[str] = []
    session = Session(*living("a", log))

    @task
    def entering() -> int:
        assert leaving.wait(10)
        with session:
            return function(5)

    with session:
        future = entering.submit()
        threading.Timer(0.05, leaving.set).start()
    assert future.result(0) == 5
    assert log == ["start a", "end a"]


def test_a_failed_future_does_not_fail_the_session() -> None:
    """Its error is in the future, for whoever asks."""

    @task
    def failing() -> None:
        raise ValueError("no")

    with Session():
        future = failing.submit()
    assert isinstance(future.exception(), ValueError)


def test_no_thread_is_left_after_a_session() -> None:
    """Pools end with the session that made them."""
    with Session():
        function.map(range(100))
        wait([function.submit(x) for x in range(20)])
    assert [each for each in threading.enumerate() if each.name.startswith("pegboard_")] == []


def test_a_future_that_an_interrupt_kept_from_telling_holds_nothing_up():
    """It is over, whether the session was told or not."""

    class Untold(Future):
        def add_done_callback(self, fn):
            raise KeyboardInterrupt

    future = Untold()
    future.set_result(1)
    with Session(inherit=False) as session, pytest.raises(KeyboardInterrupt):
        session.keep(future)
    assert not session.is_open
