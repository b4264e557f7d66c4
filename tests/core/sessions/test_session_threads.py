"""Threads that open sessions, register plugins and call tasks at once."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

import pytest
from session_plugins import function, living

from pegboard import Layer, Order, Session, current_session, hookimpl, task
from pegboard.testing import Recorder


def at_once(count: int, work: Callable[[int], None]) -> None:
    """Run `work(i)` in so many threads that start together, and raise what they raised."""
    barrier = threading.Barrier(count, timeout=30)
    failures: list[BaseException] = []

    def run(i: int) -> None:
        try:
            barrier.wait()
            work(i)
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]


@task(name="double")
def double(x: int) -> int:
    return 2 * x


class Bound:
    """Counts how often it is asked to bind."""

    name = "bound"

    def __init__(self) -> None:
        self.asked = 0

    @hookimpl
    def bind(self, task) -> Layer:
        self.asked += 1

        async def run(call, proceed):
            return await proceed(call)

        return Layer("bound", Order.LIMIT, run)


def test_each_thread_sees_the_plugins_of_its_own_session_alone() -> None:
    """8 threads, 50 sessions each, 20 calls in each: no event is lost, none is another session's."""

    def work(thread: int) -> None:
        for _ in range(50):
            first, second = Recorder("first"), Recorder("second")
            with Session(first) as session:
                for x in range(10):
                    assert double(x) == 2 * x
                session.register(second)
                for x in range(10):
                    assert double(x) == 2 * x
                assert current_session() is session
            assert len(first.of("after_execute")) == 20
            assert len(second.of("after_execute")) == 10
            assert first.unbalanced() == second.unbalanced() == []

    at_once(8, work)


def test_a_first_call_of_many_threads_binds_once() -> None:
    """16 threads make the first call of a task in one session: one plan, and every call in it."""
    plugin, recorder = Bound(), Recorder()

    @task
    def fresh(x: int) -> int:
        return x

    with Session(plugin, recorder) as session:

        def work(thread: int) -> None:
            with session:
                assert fresh(thread) == thread

        at_once(16, work)
        assert plugin.asked == 1
    assert len(recorder.of("after_execute")) == 16


def test_plugins_come_and_go_while_tasks_run() -> None:
    """Registering under running calls breaks none of them, and each call is told completely or not at all."""
    stop = threading.Event()
    steady = Recorder("steady")

    with Session(steady) as session:

        def work(thread: int) -> None:
            if thread == 0:
                for _ in range(100):
                    passing = Recorder("passing")
                    session.register(passing)
                    session.unregister(passing)
                stop.set()
                return
            with session:
                while not stop.is_set():
                    assert double(thread) == 2 * thread

        at_once(4, work)
        assert session.observer_errors == {}
    assert steady.unbalanced() == []


def test_a_session_ends_with_the_last_that_leaves_it() -> None:
    """Entered by several threads, a session starts once and ends once."""
    seen = []

    class Life:
        name = "life"

        @hookimpl
        def session_start(self) -> None:
            seen.append("start")

        @hookimpl
        def session_end(self) -> None:
            seen.append("end")

    session = Session(Life())
    inside = threading.Barrier(4, timeout=30)

    def work(thread: int) -> None:
        with session:
            inside.wait()
            assert seen == ["start"]
            inside.wait()

    at_once(4, work)
    assert seen == ["start", "end"]
    assert not session.is_open


def test_a_thread_without_a_session_is_served_by_the_default_one() -> None:
    """A new thread has a context of its own, so the session of another thread is not open in it."""
    found = []
    with Session():
        at_once(1, lambda _: found.append(current_session()))
    assert found == [None]


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_submitted_calls_have_ended_when_the_session_has(executor: str) -> None:
    """The session waits for what was submitted in it, and leaves no thread."""
    ended = []

    @task
    def slow(x: int) -> None:
        threading.Event().wait(0.01)
        ended.append(x)

    before = set(threading.enumerate())
    with Session(executor=executor):
        for x in range(10):
            slow.submit(x)
    assert sorted(ended) == list(range(10))
    assert set(threading.enumerate()) <= before


def test_threads_may_share_one_session() -> None:
    """However they come and go, starts and ends take turns, and no event is lost."""
    log: list[str] = []
    recorder = Recorder()
    session = Session(recorder, *living("a", log))

    def worker(thread: int) -> None:
        for x in range(50):
            with session:
                assert function(x) == x

    at_once(8, worker)
    assert log == ["start a", "end a"] * (len(log) // 2)
    assert len(recorder.of("before_execute")) == len(recorder.of("after_execute")) == 400
    assert session.is_open is False


def test_one_that_enters_while_another_leaves_is_not_ended() -> None:
    """Whoever enters while the last one still waits for futures keeps the session going."""
    log: list[str] = []
    gate, second_in = threading.Event(), threading.Event()
    session = Session(*living("a", log))

    @task
    def slow() -> None:
        assert gate.wait(10)

    def first() -> None:
        with session:
            slow.submit()

    def second() -> None:
        with session:
            second_in.set()
            assert gate.wait(10)
            leaving.join()
            assert log == ["start a"]
            assert function(3) == 3

    leaving = threading.Thread(target=first)
    leaving.start()
    staying = threading.Thread(target=second)
    staying.start()
    assert second_in.wait(10)
    gate.set()
    staying.join()
    assert log == ["start a", "end a"]


def test_a_thread_sees_no_session_of_another() -> None:
    """Sessions are held in a context variable; a thread begins without one."""
    seen: list[object] = []
    with Session(Recorder()):
        at_once(1, lambda _: seen.append(current_session()))
    assert seen == [None]


def test_eight_threads_open_sessions_register_and_call() -> None:
    """Each sees the plugins of its own sessions only, no event is lost, and the task keeps no session."""
    shared = task(lambda x: x)
    recorders: list[Recorder] = []
    sessions: list[weakref.ref[Session]] = []

    def worker(thread: int) -> None:
        for _ in range(50):
            recorder = Recorder()
            recorders.append(recorder)
            with Session() as session:
                session.register(recorder)
                for x in range(20):
                    assert shared(x) == x
                assert list(session.plugins) == ["recorder"]
            sessions.append(weakref.ref(session))

    at_once(8, worker)
    assert len(recorders) == 400
    for recorder in recorders:
        assert [event.subject.args for event in recorder.of("after_execute")] == [(x,) for x in range(20)]
        assert len(recorder.events) == 80
        recorder.events.clear()  # whose calls know their session
    gc.collect()
    assert [each() for each in sessions] == [None] * 400
    assert shared(1) == 1


def test_plugins_registered_while_others_call_lose_no_event() -> None:
    """Each plugin gets whole calls from its registration on."""
    recorders = [Recorder(f"recorder{n}") for n in range(20)]
    with Session() as session:

        def calling() -> None:
            with session:
                for x in range(300):
                    assert function(x) == x

        def registering() -> None:
            for recorder in recorders:
                session.register(recorder)

        at_once(8, lambda thread: (calling, registering)[thread % 2]())
        function(-1)
    for recorder in recorders:
        assert recorder.of("after_execute")[-1].subject.args == (-1,)
        assert recorder.unbalanced() == []
