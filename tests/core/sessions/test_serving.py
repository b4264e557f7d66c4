"""The word where a session is open and does not see a call."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pegboard import Session, task
from pegboard.running.open_group import open_group
from pegboard.sessions.serving import SERVING
from pegboard.testing import isolated


@pytest.fixture(autouse=True)
def nothing_is_open(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Have each test begin in a program without a session, in which nothing was said yet."""
    caplog.set_level(logging.WARNING, "pegboard")
    SERVING._told.clear()
    SERVING._words_left = 10
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


def _in_a_group(load: Any) -> None:
    with open_group("workflow", "some") as group:
        group.call(load)


WAYS: dict[str, Callable[[Any], Any]] = {
    "call": lambda load: load(),
    "run": lambda load: load.run(),
    "submit": lambda load: load.submit().result(10),
    "map": lambda load: load.map([]),
    "imap": lambda load: list(load.imap([])),
    "acall": lambda load: asyncio.run(load.acall()),
    "arun": lambda load: asyncio.run(load.arun()),
    "amap": lambda load: asyncio.run(load.amap([])),
    "group": _in_a_group,
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


def _in_pool(load: Any) -> None:
    with Session(), ThreadPoolExecutor(1) as pool:
        pool.submit(load).result(10)


def _in_executor_of_a_loop(load: Any) -> None:
    async def main() -> None:
        async with Session():
            await asyncio.get_running_loop().run_in_executor(None, load)

    asyncio.run(main())


def _in_a_request_beside_a_lifespan(load: Any) -> None:
    async def lifespan(started: asyncio.Event, stop: asyncio.Event) -> None:
        async with Session():
            started.set()
            await stop.wait()

    async def request() -> None:
        load()

    async def main() -> None:
        started, stop = asyncio.Event(), asyncio.Event()
        life = asyncio.create_task(lifespan(started, stop))
        await started.wait()
        await asyncio.create_task(request())
        stop.set()
        await life

    asyncio.run(main())


def _in_a_callback_of_a_thread(load: Any) -> None:
    with Session(), ThreadPoolExecutor(1) as pool:
        go = threading.Event()
        waiting = pool.submit(go.wait, 10)
        waiting.add_done_callback(lambda _: load())
        go.set()


def _in_two_threads_with_sessions(load: Any) -> None:
    def work() -> None:
        with Session():
            elsewhere(load)

    elsewhere(work)
    elsewhere(work)


def _in_an_inner_session_of_another_thread(load: Any) -> None:
    with Session(), Session():
        elsewhere(load)


UNSERVED = [
    _in_pool,
    _in_executor_of_a_loop,
    _in_a_request_beside_a_lifespan,
    _in_a_callback_of_a_thread,
    _in_two_threads_with_sessions,
    _in_an_inner_session_of_another_thread,
]


@pytest.mark.parametrize("program", UNSERVED, ids=lambda program: program.__name__.strip("_"))
def test_wherever_no_session_is_current_it_is_said(
    program: Callable[[Any], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Once."""
    program(new_task())
    assert len(caplog.records) == 1


def _in_a_copied_context(load: Any) -> None:
    async def main() -> None:
        async with Session():
            await asyncio.to_thread(load)
            await asyncio.create_task(asyncio.sleep(0, load()))

    asyncio.run(main())


def _before_and_after_a_session(load: Any) -> None:
    load()
    with Session():
        load()
    load()
    elsewhere(load)
    with Session():
        load()


def _in_a_stream_that_is_read_elsewhere(_: Any) -> None:
    @task
    def numbers() -> Iterator[int]:
        yield 1

    with Session():
        stream = numbers()
        elsewhere(lambda: list(stream))


def _in_threads_of_a_session(load: Any) -> None:
    with Session():
        load.map([])
        load.submit().result(10)


def _beside_an_inner_session_alone(load: Any) -> None:
    with Session(quiet=True), Session():
        elsewhere(load)


def _in_the_session_of_a_test(load: Any) -> None:
    with isolated():
        elsewhere(load)


@pytest.mark.parametrize(
    "program",
    [
        _in_a_copied_context,
        _before_and_after_a_session,
        _in_a_stream_that_is_read_elsewhere,
        _in_threads_of_a_session,
        _beside_an_inner_session_alone,
        _in_the_session_of_a_test,
    ],
    ids=lambda program: program.__name__.strip("_"),
)
def test_nothing_is_said_where_a_session_sees_the_call_or_none_is_open(
    program: Callable[[Any], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is at fault."""
    program(new_task())
    assert not caplog.records


def test_tasks_that_come_and_go_do_not_make_more_than_ten_words(caplog: pytest.LogCaptureFixture) -> None:
    """As a function that decorates another at each call."""
    with Session():
        elsewhere(lambda: [(new_task()(), gc.collect(0)) for _ in range(30)])
    assert len(caplog.records) == 10


def test_of_many_threads_one_says_it(caplog: pytest.LogCaptureFixture) -> None:
    """Of one task."""
    load, start = new_task(), threading.Barrier(8)

    def call() -> None:
        start.wait(10)
        load()

    with Session():
        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(caplog.records) == 1


def test_a_handler_that_calls_tasks_gets_its_words_too(caplog: pytest.LogCaptureFixture) -> None:
    """One for each task, and no end of them."""
    load, inner = new_task(), new_task()

    class Calling(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            inner()
            load()

    handler = Calling()
    logging.getLogger("pegboard").addHandler(handler)
    try:
        with Session():
            elsewhere(load)
    finally:
        logging.getLogger("pegboard").removeHandler(handler)
    assert len(caplog.records) == 2


def run_program(text: str, *options: str) -> str:
    """Run a program in a process of its own, and return all that it prints."""
    ignored = "ignore:This process:DeprecationWarning"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", ignored, *options, "-c", text],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


HEAD = """
import atexit, os, threading
from pegboard import Session, task

@task
def load(): return 1

def elsewhere(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
"""


def test_it_is_printed_where_nobody_has_configured_logging() -> None:
    """And is no warning of Python's, which some programs make errors of."""
    assert "session.install()" in run_program(f"{HEAD}with Session(): elsewhere(load)")


AT_EXIT = {
    "left": "atexit.register(load)\nwith Session(): load()",
    "not left": "atexit.register(load)\nsession = Session(quiet=True).__enter__()\natexit.register(load)",
}


@pytest.mark.parametrize("program", AT_EXIT.values(), ids=AT_EXIT)
def test_nothing_is_said_of_what_runs_at_the_end_of_the_program(program: str) -> None:
    """Its session is over, or current."""
    assert "open elsewhere" not in run_program(HEAD + program)


FORKED = f"""{HEAD}
def in_child(function):
    pid = os.fork()
    if not pid:
        try:
            function()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
"""


def test_a_child_says_nothing_of_sessions_that_its_parents_other_threads_have() -> None:
    """They did not come along."""
    program = """
entered, go = threading.Event(), threading.Event()
def work():
    with Session():
        entered.set()
        go.wait(30)
thread = threading.Thread(target=work)
thread.start()
entered.wait(30)
in_child(load)
in_child(lambda: elsewhere(load))
go.set()
thread.join()
"""
    assert run_program(FORKED + program) == ""


def test_a_child_says_it_of_the_session_that_it_goes_on_in() -> None:
    """Where its own threads call tasks, as those of a server's worker that was forked."""
    program = "with Session(), Session(inherit=False): in_child(lambda: elsewhere(load))"
    assert "does not see it" in run_program(FORKED + program)


def test_nothing_is_said_of_the_session_of_the_test_kit(
    pegboard_session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """A test calls what it likes."""
    assert pegboard_session.is_open
    elsewhere(new_task())
    assert not caplog.records
