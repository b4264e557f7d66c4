"""One call at a time: what is here, what is there."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import remote_tasks as tasks

from pegboard import Layer, On, Order, Session, TaskTimeout, current_call, hookimpl, hookspec, task
from pegboard.errors import TransportError, UnknownEvent, WorkerDied
from pegboard.testing import Recorder


class Limiting:
    """Gives every attempt of some tasks a limit."""

    name = "limiting"

    def __init__(self, seconds, *names):
        self.seconds = seconds
        self.names = names

    @hookimpl
    def bind(self, task):
        if task.name not in self.names:
            return None

        async def run(call, proceed):
            async with call.timeout(self.seconds):
                return await proceed(call)

        return Layer("limiting", Order.TIMEOUT, run)


@task
def calls_placed(function, *args):
    return function(*args), current_call().id


class TestWays:
    """A placed task runs elsewhere, whichever way it is called; other tasks only when mapped or submitted."""

    def test_sync(self, on_workers):
        """A task with `On` runs in a worker when called directly, run or submitted."""
        here = os.getpid()
        assert tasks.pid_of_placed() != here
        assert tasks.pid_of_placed.run().unwrap() != here
        assert tasks.pid_of_placed.submit().result() != here
        assert tasks.where() == here
        assert tasks.where.submit().result() != here

    def test_async(self, on_workers):
        """From async code, too; coroutine tasks run in a loop of the worker's."""

        async def main():
            pids = [await tasks.pid_of_placed.acall(), (await tasks.pid_of_placed.arun()).unwrap()]
            value, pid = await tasks.adds_async(1)
            mapped = await tasks.adds_async.amap([1, 2, 3])
            return [*pids, pid], [value, *(value for value, _ in mapped)]

        pids, values = asyncio.run(main())
        assert os.getpid() not in pids
        assert values == [2, 2, 3, 4]
        assert [value for value, _ in tasks.adds_async.map([1, 2])] == [2, 3]

    def test_methods(self, on_workers):
        """Methods, classmethods and staticmethods travel with what they are bound to."""
        shop = tasks.Shop(3)
        paid, *pids = shop.pay(4)
        assert paid == 12
        name, number, pid = tasks.Shop.label(5)
        assert (name, number) == ("Shop", 5)
        total, third = tasks.Shop.add(1, 2)
        assert total == 3
        assert os.getpid() not in (*pids, pid, third)
        assert [paid for paid, _ in shop.pay.map([1, 2])] == [3, 6]


class TestCurrentCall:
    """In the worker, the call is the one at home."""

    def test_submitted(self, on_workers):
        """Id, parent, name, inputs, attempt and session are those of home."""
        recorder = Recorder()
        with Session(recorder) as session:

            @task
            def outer():
                return tasks.facts.submit(1).result(), current_call().id

            found, parent_id = outer()
            call = recorder.of("before_execute")[-1].subject
        assert found["id"] == call.id
        assert (found["parent_id"], found["map_index"], found["attempt"]) == (parent_id, None, 1)
        assert (found["name"], found["task"]) == ("facts", "facts")
        assert found["inputs"] == {"first": 1, "second": 2}
        assert found["session"] == session.id
        assert found["pid"] != os.getpid()

    @pytest.mark.parametrize("watched", [False, True], ids=["quick", "watched"])
    def test_mapped(self, warm, watched):
        """Each item has an id and the index of its own, and nothing of the item before."""
        recorder = Recorder()
        with Session(*([recorder] if watched else []), executor=warm):
            found = tasks.facts.map(range(40))
        assert [each["map_index"] for each in found] == list(range(40))
        assert [each["inputs"]["first"] for each in found] == list(range(40))
        assert len({each["id"] for each in found}) == 40
        if watched:
            assert [each["id"] for each in found] == [
                event.subject.id for event in recorder.of("before_execute")
            ]


class Spec:
    """A hook spec of a plugin's own."""

    @hookspec
    def on_tell(self, call, number): ...


class Listener:
    """Brings the spec, and keeps what is told."""

    name = "listener"
    hookspecs = Spec

    def __init__(self):
        self.told = []

    @hookimpl
    def on_tell(self, call, number):
        self.told.append((call.map_index, number))


class TestEmit:
    """What a function emits in a worker is told at home."""

    def test_arrives_in_order_before_the_end(self, warm):
        """All of it arrives before the map returns, with the call it belongs to."""
        listener = Listener()
        with Session(listener, executor=warm):
            tasks.tells.map(range(30))
        assert sorted(listener.told) == [(number, number) for number in range(30)]

    def test_unknown_event(self, on_workers):
        """An event without a spec is an error there as it is here."""
        with pytest.raises(UnknownEvent, match="on_nothing"):
            tasks.tells.submit(1, "on_nothing").result()
        found = tasks.tells.map([1, 2], ["on_nothing"] * 2, on_error="collect")
        assert [type(each) for each in found] == [UnknownEvent] * 2


class TestLimits:
    """At a limit the worker is gone, not only given up."""

    def test_hard_timeout(self, warm, tmp_path, is_gone):
        """The error comes on time, and the process that ran the function is no more."""
        log = tmp_path / "pid"
        with Session(Limiting(0.5, "sleeps"), executor=warm):
            warm.submit(os.getpid).result()
            start = time.perf_counter()
            with pytest.raises(TaskTimeout, match=r"0\.5 s"):
                tasks.sleeps.submit(60, str(log)).result()
            assert time.perf_counter() - start < 3
        assert is_gone(int(log.read_text()))
        assert warm.submit(os.getpid).result()

    def test_limit_of_an_outer_call(self, warm, tmp_path, is_gone):
        """The limit of a call around it ends the worker, too."""
        log = tmp_path / "pid"

        @task
        def outer():
            return placed_sleep(60, str(log))

        placed_sleep = tasks.sleeps.with_options(On("processes"))
        with Session(Limiting(0.5, "outer"), executor=warm), pytest.raises(TaskTimeout, match="outer"):
            outer()
        for _ in range(500):  # who gave up in time does not wait for the end of what it left behind
            if log.exists() and log.read_text() and is_gone(int(log.read_text())):
                break
            time.sleep(0.01)
        assert is_gone(int(log.read_text()))

    def test_time_left_in_the_worker(self, warm):
        """Nested calls in a worker know how much time is left."""
        with Session(Limiting(50, "time_left"), executor=warm):
            left = tasks.time_left.submit().result()
            assert 40 < left <= 50
        with Session(executor=warm):
            assert tasks.time_left.submit().result() is None

    def test_cancelled_coroutine(self, warm, tmp_path, is_gone):
        """Cancelling an awaited placed call ends its worker before the cancellation goes on."""
        log = tmp_path / "pid"

        async def main():
            running = asyncio.ensure_future(tasks.sleeps_async(60, str(log)))
            while not (log.exists() and log.read_text()):  # noqa: ASYNC110 - told by another process
                await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            return is_gone(int(log.read_text()))

        with Session(executor=warm):
            assert asyncio.run(main())


class TestHandedIn:
    """Any executor of the standard library's kind serves."""

    def test_process_pool(self):
        """A ProcessPoolExecutor runs calls and maps; when it breaks, that is WorkerDied with its index."""
        with ProcessPoolExecutor(2) as pool, Session(executor=pool) as session:
            assert session.place().name == "ProcessPoolExecutor"
            assert tasks.plus_one.map(range(200)) == list(range(1, 201))
            assert tasks.where.submit().result() != os.getpid()
            found = tasks.fails.map(range(3), on_error="collect")
            assert [type(each) for each in found] == [int, KeyError, int]
            with pytest.raises(WorkerDied) as caught:
                tasks.dies_at_three.map([3])
            assert caught.value.index == 0
            with pytest.raises(WorkerDied):
                tasks.plus_one.submit(1).result()

    def test_class_of_ones_own(self):
        """So does an executor that somebody wrote, and the session does not shut it down."""

        class Counting(ProcessPoolExecutor):
            count = 0

            def submit(self, function, /, *args, **kwargs):
                self.count += 1
                return super().submit(function, *args, **kwargs)

        with Counting(1) as pool:
            with Session(executor=pool):
                assert tasks.plus_one.map([1, 2, 3]) == [2, 3, 4]
            assert pool.count
            assert pool.submit(abs, -1).result() == 1


def test_large_argument(warm):
    """An argument of 100 MB is not copied more often than the way takes: six times at most, both ends together."""
    with Session(executor=warm):
        _, before = tasks.size_of.submit(b"").result()
        data = bytes(100_000_000)
        with Path("/proc/self/clear_refs").open("w") as peak:  # begins the peak anew
            peak.write("5")
        ours = resident("VmHWM")
        size, after = tasks.size_of.submit(data).result()
        assert size == 100_000_000
        assert after - before < 400_000  # KB, at the worker
        assert resident("VmHWM") - ours < 400_000


def resident(which):
    """Return a line of /proc/self/status, in KB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1])
    raise AssertionError(which)


def test_context_variables(warm):
    """A worker has none of the caller's context variables, and one item none of another's."""
    token = tasks.PLACE.set("home")
    try:
        with Session(Recorder(), executor=warm):
            found = [tasks.leaves_context.submit().result() for _ in range(4)]
            found += tasks.leaves_context.map(range(8))
        with Session(executor=warm):
            found += tasks.leaves_context.map(range(40))
    finally:
        tasks.PLACE.reset(token)
    assert {before for before, _ in found} == {"nowhere"}


def test_unpicklable_argument(on_workers):
    """The error of an argument that cannot travel names the task, what it is and its type."""
    with pytest.raises(TransportError) as caught:
        tasks.apply.submit(plain_generator(), 1).result()
    error = caught.value
    assert (error.task, error.what, error.type, error.index) == (
        "apply",
        "an argument",
        "builtins.generator",
        None,
    )


def plain_generator():
    yield
