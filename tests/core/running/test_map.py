"""`task.map`: results in input order, structured, lazily read, and never deadlocked."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pegboard import Session, current_call, current_session, task
from pegboard.testing import Recorder

inline_and_threads = pytest.mark.parametrize("executor", ["inline", "threads"])


@task(name="double")
def double(x: int) -> int:
    return 2 * x


@task(name="adouble")
async def adouble(x: int) -> int:
    return 2 * x


@task(name="numbers")
def numbers(n: int):
    yield from range(n)


@task(name="anumbers")
async def anumbers(n: int):
    for i in range(n):
        yield i


@inline_and_threads
@given(items=st.lists(st.integers(), max_size=30), concurrency=st.none() | st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_results_come_in_input_order(executor: str, items: list[int], concurrency: int | None) -> None:
    """Whatever runs first, a result stands where its input stood; no input gives an empty list."""
    with Session(executor=executor, inherit=False):
        assert double.map(items, concurrency=concurrency) == [2 * x for x in items]


@inline_and_threads
def test_every_kind_can_be_mapped(executor: str) -> None:
    """Async tasks run in a loop of their own, and streams give lists."""
    with Session(executor=executor):
        assert adouble.map([1, 2]) == [2, 4]
        assert numbers.map([0, 2]) == [[], [0, 1]]
        assert anumbers.map([1, 2]) == [[0], [0, 1]]


def test_a_map_works_with_no_session_open() -> None:
    """The process-wide default session serves."""
    assert double.map(range(3)) == [0, 2, 4]


@inline_and_threads
def test_several_iterables_are_zipped(executor: str) -> None:
    """The shortest ends the map; with strict=True, unequal lengths are a ValueError."""

    @task
    def add(x: int, y: int) -> int:
        return x + y

    with Session(executor=executor):
        assert add.map([1, 2, 3], [10, 20]) == [11, 22]
        with pytest.raises(ValueError, match="shorter"):
            add.map([1, 2, 3], [10, 20], strict=True)


@inline_and_threads
def test_collect_keeps_errors_in_their_slots(executor: str) -> None:
    """Under "collect" all inputs run, and an exception takes the place of a result."""
    error = ValueError("odd")

    @task
    def even(x: int) -> int:
        if x % 2:
            raise error
        return x

    with Session(executor=executor):
        assert even.map(range(4), on_error="collect") == [0, error, 2, error]


def test_raise_ends_the_siblings_before_the_error_leaves() -> None:
    """Under "raise" no sibling is still running when the task's own exception is raised."""
    running = set()
    barrier = threading.Barrier(2, timeout=10)
    error = ValueError("first")
    ended = []

    @task
    def work(x: int) -> None:
        running.add(x)
        if x < 2:
            barrier.wait()
        if x == 0:
            running.discard(x)
            raise error
        threading.Event().wait(0.05)
        ended.append(x)
        running.discard(x)

    with Session(), pytest.raises(ValueError) as caught:
        work.map(range(1000), concurrency=2)
    assert caught.value is error
    assert running == set()
    assert len(ended) < 50
    assert "as item 0 of a map" in error.__notes__


def test_the_failure_of_the_lowest_index_is_raised() -> None:
    """When several fail, the error is that of the first in input order."""
    barrier = threading.Barrier(2, timeout=10)

    @task
    def work(x: int) -> None:
        barrier.wait()
        raise ValueError(x)

    with Session(), pytest.raises(ValueError) as caught:
        work.map(range(2), concurrency=2)
    assert caught.value.args == (0,)


@pytest.mark.parametrize("exit_type", [KeyboardInterrupt, SystemExit])
@inline_and_threads
def test_an_exit_stops_the_map_even_under_collect(executor: str, exit_type: type[BaseException]) -> None:
    """An exit is never a result."""
    ran = []

    @task
    def work(x: int) -> None:
        ran.append(x)
        if x == 0:
            raise exit_type

    recorder = Recorder()
    with Session(recorder, executor=executor), pytest.raises(exit_type):
        work.map(itertools.count(), on_error="collect")
    assert recorder.unbalanced() == []


def test_an_input_that_fails_fails_the_map() -> None:
    """The input's own error is raised, after what was begun has ended."""

    def inputs():
        yield 1
        raise LookupError("input")

    recorder = Recorder()
    with Session(recorder), pytest.raises(LookupError, match="input"):
        double.map(inputs(), on_error="collect")
    assert recorder.unbalanced() == []


def test_inputs_are_read_as_the_map_goes_along() -> None:
    """A lazy input is not drained before need."""
    ahead = []
    done = itertools.count()
    finished = -1

    @task
    def work(x: int) -> None:
        nonlocal finished
        finished = next(done)

    def inputs():
        for i in range(200):
            ahead.append(i - finished)
            yield i

    with Session():
        work.map(inputs(), concurrency=2)
    assert max(ahead) <= 4


def test_inputs_are_read_in_the_callers_context() -> None:
    """An input that calls tasks does so in the map's session, whichever thread reads it."""
    sessions = set()

    def inputs():
        for i in range(50):
            sessions.add(current_session())
            yield double(i)

    with Session() as session:
        assert double.map(inputs()) == [4 * i for i in range(50)]
    assert sessions == {session}


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_concurrency_is_a_bound(concurrency: int) -> None:
    """Never more calls at once than asked for."""
    guard = threading.Lock()
    inside = most = 0

    @task
    def work(x: int) -> None:
        nonlocal inside, most
        with guard:
            inside += 1
            most = max(most, inside)
        threading.Event().wait(0.002)
        with guard:
            inside -= 1

    with Session():
        work.map(range(20), concurrency=concurrency)
    assert most == concurrency


@pytest.mark.parametrize("depth", [3, 7])
def test_maps_inside_maps_end(depth: int) -> None:
    """A waiter works itself, so nested maps cannot deadlock."""
    from concurrent.futures import ThreadPoolExecutor

    @task
    def nest(level: int) -> int:
        return 1 if level == 0 else sum(nest.map([level - 1] * 3))

    with ThreadPoolExecutor(2) as pool, Session(executor=pool):
        assert nest(depth) == 3**depth


@inline_and_threads
def test_calls_of_a_map_know_their_index_group_and_parent(executor: str) -> None:
    """`map_index` is that of the mapped call alone; its parent is the call that maps."""

    @task
    def inner() -> int | None:
        return current_call().map_index

    @task(name="it{map_index}")
    def item(x: int) -> tuple[object, ...]:
        call = current_call()
        return call.name, call.map_index, call.parent.task.name, inner(), call.executor

    @task(name="outer")
    def outer() -> list[tuple[object, ...]]:
        return item.map("ab")

    with Session(executor=executor):
        assert outer() == [("it0", 0, "outer", None, executor), ("it1", 1, "outer", None, executor)]


def test_items_do_not_see_each_others_context() -> None:
    """What an item does to a context variable is gone with it."""
    from contextvars import ContextVar

    mark: ContextVar[int] = ContextVar("mark", default=-1)

    @task
    def item(x: int) -> int:
        seen = mark.get()
        mark.set(x)
        return seen

    with Session():
        assert item.map(range(20), concurrency=2) == [-1] * 20
    assert mark.get() == -1


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((), {}, TypeError),
        (([1],), {"on_error": "ignore"}, ValueError),
        (([1],), {"concurrency": 0}, ValueError),
        (([1],), {"concurrency": True}, ValueError),
        (([1],), {"concurrency": 1.5}, ValueError),
        ((3,), {}, TypeError),
    ],
)
def test_a_map_that_means_nothing_is_refused_before_it_starts(arguments, options, error) -> None:
    """No iterable, an unknown policy word, a limit below one: said at once, and nothing runs."""
    recorder = Recorder()
    with Session(recorder), pytest.raises(error):
        double.map(*arguments, **options)
    assert recorder.events == []


def test_a_map_of_an_async_task_is_refused_inside_a_running_loop() -> None:
    """It would block the loop that it needs; the error names the way out."""
    import asyncio

    from pegboard import SessionError

    async def main() -> None:
        with Session():
            adouble.map([1])

    with pytest.raises(SessionError, match="amap"):
        asyncio.run(main())
