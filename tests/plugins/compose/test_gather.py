"""`gather` and `parallel`: different calls at the same time, and nothing left running."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pegboard import MapError, Session, SessionError, current_call, gather, parallel, task
from pegboard.testing import Recorder


@task(name="double")
def double(x: int) -> int:
    if x < 0:
        raise ValueError(x)
    return 2 * x


@task(name="adouble")
async def adouble(x: int) -> int:
    await asyncio.sleep(0)
    if x < 0:
        raise ValueError(x)
    return 2 * x


@task(name="numbers")
def numbers(n: int):
    yield from range(n)


@task(name="anumbers")
async def anumbers(n: int):
    for i in range(n):
        yield i


async def bare(x: int) -> int:
    return x


def in_gather(*makers: Callable[[], Any], **options: Any) -> list[Any]:
    """Gather what the makers give in a loop."""

    async def main() -> list[Any]:
        return await gather(*(make() for make in makers), **options)

    return asyncio.run(main())


def in_parallel(*makers: Callable[[], Any], **options: Any) -> list[Any]:
    """Hand what the makers give to `parallel`."""
    return parallel(*(make() for make in makers), **options)


both = pytest.mark.parametrize("compose", [in_gather, in_parallel], ids=["gather", "parallel"])


@both
def test_calls_of_every_kind_are_taken(compose) -> None:
    """Coroutines, acall, partials, tasks without arguments, other callables and coroutines."""

    @task
    def seven() -> int:
        return 7

    with Session():
        assert compose(
            lambda: adouble(1),
            lambda: double.acall(2),
            lambda: partial(double, 3),
            lambda: lambda: double(4),
            lambda: partial(adouble, 5),
            lambda: lambda: adouble(6),
            lambda: partial(numbers, 2),
            lambda: anumbers.acall(2),
            lambda: partial(anumbers, 1),
            lambda: seven,
            lambda: bare(8),
            lambda: partial(bare, 9),
        ) == [2, 4, 6, 8, 10, 12, [0, 1], [0, 1], [0], 7, 8, 9]


@both
def test_sync_calls_alone_are_taken(compose) -> None:
    """No call of it needs to be async."""
    with Session():
        assert compose(lambda: partial(double, 1), lambda: lambda: 5, lambda: partial(numbers, 2)) == [
            2,
            5,
            [0, 1],
        ]
        assert compose() == []


@both
def test_it_works_with_no_session_open(compose) -> None:
    """The process-wide default session serves."""
    assert compose(lambda: adouble(1), lambda: partial(double, 2)) == [2, 4]


def test_a_callable_that_gives_a_coroutine_is_run_on_in_a_worker() -> None:
    """`parallel` cannot know beforehand, and still returns what the coroutine returns."""
    with Session():
        assert parallel(lambda: adouble(1), lambda: double.acall(2)) == [2, 4]


def test_futures_and_asyncio_tasks_are_awaited() -> None:
    """What runs already is waited for like the rest."""

    async def main() -> list[int]:
        with Session():
            running = asyncio.get_running_loop().create_task(adouble(1))
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            future.set_result(3)
            return await gather(running, future)

    assert asyncio.run(main()) == [2, 3]


@both
def test_a_method_is_taken_with_its_object(compose) -> None:
    """A partial of a bound task calls it with the object."""

    class Scale:
        factor = 5

        @task
        def times(self, x: int) -> int:
            return self.factor * x

    with Session():
        assert compose(lambda: partial(Scale().times, 2)) == [10]


@given(items=st.lists(st.integers(0, 9), max_size=12), concurrency=st.none() | st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_results_come_in_the_order_of_the_arguments(items: list[int], concurrency: int | None) -> None:
    """Whatever ends first, a result stands where its call stood."""
    with Session(inherit=False):
        expected = [2 * x for x in items]
        assert in_gather(*(partial(adouble, x) for x in items), concurrency=concurrency) == expected
        assert parallel(*(partial(double, x) for x in items), concurrency=concurrency) == expected


@both
@pytest.mark.parametrize("probe", [double, adouble], ids=["sync", "async"])
def test_collect_keeps_errors_in_their_slots(compose, probe) -> None:
    """Under "collect" all run, and an exception takes the place of a result."""
    with Session():
        first, second, third = compose(
            lambda: partial(probe, -1),
            lambda: partial(probe, 2),
            lambda: partial(probe, -3),
            on_error="collect",
        )
    assert (type(first), second, third.args) == (ValueError, 4, (-3,))


@both
@pytest.mark.parametrize("probe", [double, adouble], ids=["sync", "async"])
def test_aggregate_tells_of_all_failures_at_once(compose, probe) -> None:
    """Under "aggregate" all run, then one MapError has results and errors by position."""
    with Session(), pytest.raises(MapError) as caught:
        compose(
            lambda: partial(probe, -1),
            lambda: partial(probe, 2),
            lambda: partial(probe, -3),
            on_error="aggregate",
        )
    error = caught.value
    assert sorted(error.errors) == [0, 2]
    assert error.results == [error.errors[0], 4, error.errors[2]]
    assert error.exceptions == (error.errors[0], error.errors[2])
    assert any(note.startswith("as item 2 of a ") for note in error.errors[2].__notes__)


def test_the_first_failure_cancels_and_awaits_the_rest() -> None:
    """Under "raise" nothing is still running when the task's own error leaves."""
    error = ValueError("first")
    ended = []

    @task
    async def fails() -> None:
        await asyncio.sleep(0)
        raise error

    @task
    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    async def main() -> None:
        await gather(waits(), fails(), waits())

    recorder = Recorder()
    with Session(recorder), pytest.raises(ValueError) as caught:
        asyncio.run(main())
    assert caught.value is error
    assert "as item 1 of a gather" in error.__notes__
    assert ended == [True, True]
    assert recorder.unbalanced() == []


def test_a_sync_body_in_a_gather_is_waited_for() -> None:
    """A thread cannot be cancelled, so the error leaves when it has ended."""
    begun = threading.Event()
    ended = []

    @task
    def slow() -> None:
        begun.set()
        threading.Event().wait(0.05)
        ended.append(True)

    @task
    async def fails() -> None:
        await asyncio.to_thread(begun.wait, 10)
        raise ValueError

    with Session(), pytest.raises(ValueError):
        in_gather(slow.acall, fails)
    assert ended == [True]


@both
def test_calls_that_never_began_are_closed(compose) -> None:
    """Nobody is warned of coroutines never awaited: warnings are errors here."""
    with Session(), pytest.raises(ValueError):
        compose(*(lambda: adouble(-1) for _ in range(5)), concurrency=1)


@pytest.mark.parametrize(
    ("compose", "calls"),
    [
        (in_gather, [lambda: adouble(1)] * 6),
        (in_parallel, [lambda: partial(double, 1)] * 6),
    ],
    ids=["gather", "parallel"],
)
def test_concurrency_is_a_bound(compose, calls) -> None:
    """Never more at once than asked for, whatever there is to do."""
    inside, most, guard = 0, 0, threading.Lock()

    def enter() -> None:
        nonlocal inside, most
        with guard:
            inside += 1
            most = max(most, inside)

    def leave() -> None:
        nonlocal inside
        with guard:
            inside -= 1

    @task
    async def aslow() -> None:
        enter()
        await asyncio.sleep(0.002)
        leave()

    @task
    def slow() -> None:
        enter()
        threading.Event().wait(0.002)
        leave()

    with Session():
        compose(*(lambda: aslow() if compose is in_gather else slow for _ in calls), concurrency=2)
    assert most <= 2


@both
@pytest.mark.parametrize(
    "options", [{"concurrency": 0}, {"concurrency": True}, {"concurrency": 1.5}, {"on_error": "ignore"}]
)
def test_a_policy_that_means_nothing_is_refused(compose, options) -> None:
    """A limit below one and an unknown word are ValueErrors, nothing runs, and the coroutines are closed."""
    recorder = Recorder()
    with Session(recorder), pytest.raises(ValueError):
        compose(lambda: adouble(1), **options)
    assert recorder.events == []


@both
def test_a_value_is_refused(compose) -> None:
    """A sync task that was called already is the likely mistake, and the message says so."""
    recorder = Recorder()
    with Session(recorder), pytest.raises(TypeError, match=r"argument 1 .* int.*\n.*partial"):
        compose(lambda: adouble(1), lambda: 7)
    assert recorder.events == []


def test_parallel_with_async_calls_is_refused_inside_a_running_loop() -> None:
    """It would block the loop that it needs; the error names the way out."""

    async def main() -> None:
        with Session():
            parallel(adouble(1), partial(double, 2))

    with pytest.raises(SessionError, match="gather"):
        asyncio.run(main())


@both
@pytest.mark.parametrize("probe", [double, adouble], ids=["sync", "async"])
def test_the_group_is_told_around_its_calls(compose, probe) -> None:
    """before_group first and after_group last; every call carries the group and its position."""
    recorder = Recorder()
    with Session(recorder):
        compose(lambda: partial(probe, 1), lambda: partial(probe, 2))
    first, last = recorder.events[0], recorder.events[-1]
    assert (first.hook, last.hook) == ("before_group", "after_group")
    group = first.subject
    kind = "gather" if compose is in_gather else "parallel"
    assert (group.kind, group.name, group.size, group.calls, group.failed) == (kind, probe.name, 2, 2, 0)
    calls = {event.subject for event in recorder.of("before_execute")}
    assert {(call.group, call.map_index) for call in calls} == {(group, 0), (group, 1)}
    assert last.details["outcome"].value == [2, 4]
    assert recorder.unbalanced() == []


@pytest.mark.parametrize("handed_over", ["coroutine", "acall", "partial"])
def test_calls_handed_over_in_any_form_carry_the_group(handed_over: str) -> None:
    """Also a coroutine, whose call was made before the group was."""
    seen = []

    @task
    async def look() -> None:
        call = current_call()
        seen.append((call.group.kind, call.map_index, call.parent.task.name))

    @task(name="outer")
    async def outer() -> None:
        await gather(
            {"coroutine": look, "acall": look.acall, "partial": lambda: partial(look)}[handed_over]()
        )

    with Session():
        asyncio.run(outer())
    assert seen == [("gather", 0, "outer")]


def test_a_task_inside_a_plain_coroutine_is_no_call_of_the_group() -> None:
    """It is the helper that was handed over; nor does what a call of the group calls join."""
    seen: dict[str, Any] = {}

    @task(name="inner")
    async def inner(who: str) -> None:
        seen[who] = current_call().group

    @task(name="outer")
    async def outer() -> None:
        await inner("in a task")
        seen["task"] = current_call().group.kind

    async def helper() -> None:
        await inner("in a helper")

    with Session():
        in_gather(helper, outer)
    assert seen == {"in a helper": None, "in a task": None, "task": "gather"}


def test_a_coroutine_that_runs_already_is_waited_for_and_does_not_join() -> None:
    """Its call began elsewhere, before there was a group."""
    seen = []

    @task
    async def look(begun: asyncio.Event) -> None:
        begun.set()
        await asyncio.sleep(0)
        seen.append(current_call().group)

    async def main() -> None:
        begun = asyncio.Event()
        running = asyncio.ensure_future(look(begun))
        await begun.wait()
        await gather(running, bare(1))

    with Session():
        asyncio.run(main())
    assert seen == [None]


def test_methods_carry_the_group_too() -> None:
    """A coroutine of a bound task is a task's."""
    seen = []

    class Shop:
        @task(name="sell")
        async def sell(self) -> None:
            seen.append((current_call().group.kind, current_call().map_index))

    recorder = Recorder()
    with Session(recorder):
        in_gather(Shop().sell, Shop().sell.acall)
    assert sorted(seen) == [("gather", 0), ("gather", 1)]
    assert recorder.of("before_group")[0].subject.name == "sell"


def test_a_group_is_named_after_what_it_calls() -> None:
    """Each name once; more than three are too many for a name; only one task of all makes it the group's task."""
    recorder = Recorder()

    def plain() -> None: ...

    with Session(recorder):
        parallel(partial(double, 1), partial(numbers, 1), partial(double, 2))
        parallel(partial(double, 1), plain, bare(1), adouble(1))
        parallel()
    groups = [event.subject for event in recorder.of("before_group")]
    names = ["double, numbers", "double, plain, bare, ...", "parallel"]
    assert [(group.name, group.task) for group in groups] == [(name, None) for name in names]


@both
def test_what_before_group_makes_current_is_so_for_the_items_alone(compose) -> None:
    """A span made current around the group is the parent of its items, and not of the caller's next call."""
    from contextvars import ContextVar

    from pegboard import hookimpl

    mark: ContextVar[str] = ContextVar("mark", default="outside")
    seen = []

    class Marking:
        name = "marking"

        @hookimpl
        def before_group(self) -> None:
            mark.set("inside")

        @hookimpl
        def before_execute(self) -> None:
            seen.append(mark.get())

    with Session(Marking()):
        compose(lambda: partial(double, 1), lambda: partial(adouble, 1))
    assert (seen, mark.get()) == (["inside", "inside"], "outside")


@pytest.mark.parametrize("exit_type", [KeyboardInterrupt, SystemExit])
@both
def test_an_exit_is_never_a_result(compose, exit_type) -> None:
    """It leaves as what it is, also under "collect"."""

    @task
    def leave() -> None:
        raise exit_type

    recorder = Recorder()
    with Session(recorder), pytest.raises(exit_type):
        compose(lambda: leave, lambda: partial(double, 1), on_error="collect")
    assert recorder.unbalanced() == []


def test_parallel_inside_parallel_ends() -> None:
    """Nested to a depth of seven on two threads."""

    @task
    def nest(level: int) -> int:
        return 1 if level == 0 else sum(parallel(*[partial(nest, level - 1)] * 3))

    with ThreadPoolExecutor(2) as pool, Session(executor=pool):
        assert nest(7) == 3**7


def test_cancelling_a_gather_cancels_and_awaits_its_calls() -> None:
    """Cancellation passes, once everything begun has ended."""
    ended = []

    @task
    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def main() -> None:
        gathering = asyncio.ensure_future(gather(waits(), waits()))
        await asyncio.sleep(0.01)
        gathering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathering
        assert ended == [True, True]

    with Session():
        asyncio.run(main())


def test_a_function_that_raises_stop_iteration_ends_the_gather() -> None:
    """Nothing awaited can raise one; it becomes a RuntimeError instead of waiting for ever."""

    def stops() -> None:
        raise StopIteration

    with Session(), pytest.raises(RuntimeError, match="StopIteration"):
        in_gather(lambda: stops)


@pytest.mark.slow
def test_many_calls_cost_little_more_than_asyncio_takes() -> None:
    """100,000 calls gathered: at most three times what asyncio.gather takes in time and memory."""
    import subprocess
    import sys

    program = """
import asyncio, re, sys, time
from pathlib import Path
from pegboard import Session, gather, task
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
async def plain(x): return x
probe = task(plain)
async def main():
    if sys.argv[1] == "plain":
        await asyncio.gather(*(plain(i) for i in range(100_000)))
    else:
        await gather(*(probe(i) for i in range(100_000)))
with Session(inherit=False):
    before = peak()
    start = time.process_time()
    asyncio.run(main())
    print(time.process_time() - start, peak() - before)
"""

    def measure(mode: str) -> tuple[float, float]:
        done = subprocess.run(
            [sys.executable, "-c", program, mode], capture_output=True, text=True, check=True
        )
        seconds, memory = map(float, done.stdout.split())
        return seconds, memory

    ratios = []
    for _ in range(3):
        plain, ours = measure("plain"), measure("gather")
        ratios.append((ours[0] / plain[0], ours[1] / plain[1]))
    assert min(time for time, _ in ratios) <= 3
    assert min(memory for _, memory in ratios) <= 3
