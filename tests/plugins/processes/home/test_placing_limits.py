"""A limit of a call begins with its function, and not with the wait for a worker."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ProcessPoolExecutor

import pytest
import remote_tasks as tasks

from pegboard import Deadline, DeadlineExceeded, On, Processes, Retry, Session, TaskTimeout, Timeout, gather

LIMIT = 0.5
BUSY = 1.0  # seconds that the only worker has something else to do


@pytest.fixture(scope="module")
def one():
    """Return a single worker."""
    with Processes(workers=1) as pool:
        yield pool


@pytest.fixture
def busy(one):
    """Open a session whose worker is busy for longer than the limit."""
    with Session(executor=one) as session:
        one.submit(int).result()
        one.submit(time.sleep, BUSY)
        yield session


def run(awaitable):
    """Await something in a loop of its own."""

    async def main():
        return await awaitable

    return asyncio.run(main())


WAYS = {
    "call": lambda task: task.with_options(On("processes"))(1),
    "run": lambda task: task.with_options(On("processes")).run(1).unwrap(),
    "acall": lambda task: run(task.with_options(On("processes")).acall(1)),
    "submit": lambda task: task.submit(1).result(),
    "map": lambda task: task.map([1, 1, 1])[0],
    "amap": lambda task: asyncio.run(task.amap([1, 1, 1]))[0],
    "imap": lambda task: sum(task.imap([1, 1, 1])) / 3,
    "gather": lambda task: run(gather(task.with_options(On("processes")).acall(1), task.acall(1)))[0],
}
ASYNC_WAYS = {
    "call": lambda task: run(task.with_options(On("processes"))(1)),
    "run": lambda task: task.with_options(On("processes")).run(1).unwrap(),
    "submit": lambda task: task.submit(1).result(),
    "map": lambda task: task.map([1, 1, 1])[0],
    "amap": lambda task: asyncio.run(task.amap([1, 1, 1]))[0],
    "imap": lambda task: sum(task.imap([1, 1, 1])) / 3,
    "gather": lambda task: run(gather(task.with_options(On("processes"))(1), task(1)))[0],
}


@pytest.mark.usefixtures("busy")
class TestHealthyItems:
    """They do not end of the wait for a free worker."""

    @pytest.mark.parametrize("way", WAYS)
    def test_functions(self, way):
        """However a function is called."""
        assert WAYS[way](tasks.plus_one.with_options(Timeout(LIMIT))) == 2

    @pytest.mark.parametrize("way", ASYNC_WAYS)
    def test_coroutines(self, way):
        """However a coroutine is called."""
        assert ASYNC_WAYS[way](tasks.adds_after.with_options(Timeout(LIMIT))) == 2

    def test_of_a_session_with_a_retry(self):
        """No attempt is used up by the wait."""
        result = tasks.plus_one.with_options(Timeout(LIMIT), Retry(1), On("processes")).run(1)
        assert (result.unwrap(), result.attempts) == (2, 1)


@pytest.mark.usefixtures("busy")
class TestWhatCountsAllTheSame:
    def test_deadline(self):
        """A deadline is for the whole call, and the wait is a part of it."""
        with pytest.raises(DeadlineExceeded, match=r"0\.5 s"):
            tasks.plus_one.with_options(Deadline(LIMIT), Timeout(30), On("processes"))(1)

    def test_deadline_of_a_coroutine(self):
        """Of an async one, too."""
        with pytest.raises(DeadlineExceeded, match=r"0\.5 s"):
            run(tasks.adds_after.with_options(Deadline(LIMIT), Timeout(30), On("processes"))(1))

    def test_limit_of_a_call_around_it(self):
        """The function of that call has begun, so its time is running."""
        outer = tasks.calls_placed.with_options(Timeout(LIMIT))
        with pytest.raises(TaskTimeout, match="calls_placed"):
            outer(1)


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_a_function_that_takes_too_long(one, kind):
    """It still ends at its limit after a wait, and its worker with it."""
    task = tasks.took_in if kind == "function" else tasks.took_in_async
    with Session(executor=one):
        pid = one.submit(int).result() or tasks.where.submit().result()
        one.submit(time.sleep, BUSY)
        found = task.with_options(Timeout(LIMIT)).map([60, 0.0], on_error="collect")
        assert type(found[0]) is TaskTimeout
        assert isinstance(found[1], int)
        assert tasks.where.submit().result() != pid


def test_nothing_is_left_in_the_log(one, caplog):
    """A call that ran out of time leaves no exception that nobody retrieved."""
    import gc

    async def main():
        slow = tasks.took_in_async.with_options(Timeout(0.1))
        await slow.amap([60, 60], on_error="collect")
        await asyncio.gather(*(slow.with_options(On("processes")).arun(60) for _ in range(2)))
        gc.collect()
        await asyncio.sleep(0)

    with Session(executor=one):
        asyncio.run(main(), debug=False)
    assert [record for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize("way", ["submit", "map", "amap", "amap of coroutines"])
def test_on_a_pool_of_somebody_else(way):
    """A pool that does not tell when a function begins is given no more of those than it has workers."""
    task = tasks.took.with_options(Timeout(1.5))
    with ProcessPoolExecutor(1) as pool, Session(executor=pool):
        tasks.plus_one.submit(1).result()
        if way == "submit":
            assert [each.result() for each in [task.submit(0.6) for _ in range(4)]] == [0.6] * 4
        elif way == "map":
            assert task.map([0.6] * 4) == [0.6] * 4
        elif way == "amap":
            assert asyncio.run(task.amap([0.6] * 4)) == [0.6] * 4
        else:
            slow = tasks.took_in_async.with_options(Timeout(1.5))
            assert len(set(asyncio.run(slow.amap([0.6] * 4)))) == 1


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_too_long_on_a_pool_of_somebody_else(kind):
    """The limit is kept there as well, though the worker cannot be ended, and its place is free when the body ends."""
    task = tasks.took_in if kind == "function" else tasks.took_in_async
    task = task.with_options(Timeout(0.5))
    with ProcessPoolExecutor(1) as pool, Session(executor=pool):
        tasks.plus_one.submit(1).result()
        found = task.map([1.2, 0.0], on_error="collect")
        assert type(found[0]) is TaskTimeout
        assert isinstance(found[1], int)
