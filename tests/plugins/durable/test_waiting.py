"""Sleeps, pauses and signals."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest
from replaying import Crash, crashed, opened

from pegboard import Suspended, gather, parallel, task
from pegboard.testing import FakeClock, Recorder
from pegboard_durable import (
    Durable,
    RunNotResumable,
    SignalTimeout,
    Status,
    apause,
    asleep,
    pause,
    sleep,
    step,
)


class StoppedClock(FakeClock):
    """A process that ends ten seconds into a sleep."""

    def sleep(self, seconds):
        self.advance(10)
        raise Crash


@task(Durable())
def sleeps():
    sleep(30)
    return "slept"


@task(Durable())
async def asleeps():
    await asleep(30)
    return "slept"


@pytest.mark.parametrize("root", [sleeps, asleeps])
@pytest.mark.parametrize(
    ("moved", "left"), [(0, 20), (100, 0), (-3600, 30)], ids=["at once", "later", "clock set back"]
)
def test_a_resumed_sleep_waits_for_what_is_left(tmp_path, root, moved, left) -> None:
    """By the clock, and never longer than was asked for."""
    stopped = StoppedClock()
    with opened(tmp_path, stopped) as durability:
        crashed(durability, root)
    clock = FakeClock(stopped.time() + moved)
    with opened(tmp_path, clock) as durability:
        assert durability.resume("r").value == "slept"
    assert sum(clock.sleeps) == left


def test_a_sleep_that_is_over_is_not_slept_again(tmp_path) -> None:
    """It is recorded as done."""
    crash = [True]

    @task(Durable())
    def root():
        sleep(30)
        if crash[0]:
            raise Crash

    with opened(tmp_path, FakeClock()) as durability:
        crashed(durability, root)
    crash[0] = False
    clock = FakeClock(0.0)
    with opened(tmp_path, clock) as durability:
        assert durability.resume("r").status == Status.DONE
    assert clock.sleeps == []


@pytest.mark.parametrize("root", [sleeps, asleeps])
def test_a_long_sleep_suspends_the_run(tmp_path, root) -> None:
    """It is resumed after it, and suspends again before."""
    clock = FakeClock()
    with opened(tmp_path, clock, suspend_after=5) as durability:
        assert durability.run(root, run_id="r").status == Status.SUSPENDED
        assert durability.recover() == []
        clock.advance(20)
        assert durability.resume("r").status == Status.SUSPENDED
        clock.advance(10)
        assert [run.value for run in durability.recover()] == ["slept"]
    assert clock.sleeps == []


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, True, "1"])
def test_a_sleep_that_is_none_is_refused(tmp_path, seconds) -> None:
    """Negative, NaN, a bool."""

    @task(Durable())
    def root():
        sleep(seconds)

    with opened(tmp_path) as durability:
        assert isinstance(durability.run(root, run_id="r").error, (TypeError, ValueError))


def test_a_sleep_of_nothing_does_nothing(tmp_path) -> None:
    """It is not recorded either."""
    from replaying import rows

    @task(Durable())
    def root():
        sleep(0)

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").status == Status.DONE
    assert rows(tmp_path) == {}


# Pauses.


@pytest.fixture
def ran():
    return []


@pytest.fixture(params=["sync", "async"])
def order(request, ran):
    """A, a pause, B."""
    if request.param == "sync":

        @task(Durable())
        def root():
            step("a", ran.append, "A")
            answer = pause("go")
            step("b", ran.append, "B")
            return "A", answer, "B"
    else:
        from pegboard_durable import astep

        @task(Durable())
        async def root():
            await astep("a", ran.append, "A")
            answer = await apause("go")
            await astep("b", ran.append, "B")
            return "A", answer, "B"

    return root


def test_a_pause_suspends_until_its_signal(tmp_path, order, ran) -> None:
    """What was before it does not run again."""
    with opened(tmp_path) as durability:
        assert durability.run(order, run_id="r").status == Status.SUSPENDED
    with opened(tmp_path) as durability:
        assert durability.resume("r").status == Status.SUSPENDED
        durability.signal("r", "go", "x")
        assert durability.resume("r").value == ("A", "x", "B")
    assert ran == ["A", "B"]


def test_a_signal_may_come_before_its_pause(tmp_path, order) -> None:
    """It waits for it."""
    with opened(tmp_path) as durability:
        with pytest.raises(Exception, match="no run"):
            durability.signal("r", "go")
        durability.run(order, run_id="r")
        durability.signal("r", "other", 0)
        durability.signal("r", "go", None)
        assert durability.resume("r").value == ("A", None, "B")


def test_a_signal_of_one_id_counts_once(tmp_path) -> None:
    """However often it is sent; the first value stays."""

    @task(Durable())
    def root():
        return pause("go"), pause("go")

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
        assert durability.signal("r", "go", 1, id="click") is True
        assert durability.signal("r", "go", 2, id="click") is False
        assert durability.resume("r").status == Status.SUSPENDED
        assert durability.signal("r", "go", 3, id="click") is False
        durability.signal("r", "go", 4)
        assert durability.resume("r").value == (1, 4)
        with pytest.raises(RunNotResumable):
            durability.signal("r", "go", 5)


def test_two_pauses_take_two_signals_in_their_order(tmp_path) -> None:
    """Each signal is taken by one pause."""

    @task(Durable())
    def root():
        return pause("a"), pause("b"), pause("a")

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
        for name, value in (("b", 2), ("a", 1), ("a", 3)):
            durability.signal("r", name, value)
        assert durability.resume("r").value == (1, 2, 3)


def test_a_pause_may_be_given_up(tmp_path) -> None:
    """After its timeout; a later signal changes nothing any more."""
    clock = FakeClock()

    @task(Durable())
    def root():
        try:
            return pause("go", timeout=100)
        except SignalTimeout as error:
            pause("then")
            return error.name

    with opened(tmp_path, clock) as durability:
        durability.run(root, run_id="r")
        assert durability.recover() == []
        clock.advance(100)
        assert durability.recover()[0].status == Status.SUSPENDED
        durability.signal("r", "go", 1)
        durability.signal("r", "then")
        assert durability.resume("r").value == "go"


def test_a_suspension_cannot_be_eaten_by_except_exception(tmp_path) -> None:
    """It is no Exception, and no failure for a retry or fallback."""
    from pegboard import Fallback, Retry

    @task(Durable(), Retry(3), Fallback("no"))
    def one():
        try:
            return pause("go")
        except Exception:  # noqa: BLE001 - that is the point
            return "eaten"

    @task(Durable())
    def root():
        return one()

    recorder = Recorder()
    with opened(tmp_path, recorder) as durability:
        assert durability.run(root, run_id="r").status == Status.SUSPENDED
        durability.signal("r", "go", "yes")
        assert durability.resume("r").value == "yes"
    statuses = [each.details["outcome"].status for each in recorder.of("after_execute")]
    assert statuses == ["suspended", "suspended", "ok", "ok"]
    assert recorder.of("on_retry") == []


def test_a_direct_call_raises_the_suspension(tmp_path, order) -> None:
    """There is no Run to say it."""
    with opened(tmp_path) as durability:
        with pytest.raises(Suspended):
            result = order()
            if hasattr(result, "__await__"):
                asyncio.run(_awaited(result))
        assert [run.status for run in durability.runs()] == [Status.SUSPENDED]


async def _awaited(given):
    return await given


# Groups.


def items(ran):
    @task(Durable())
    def item(number):
        if number % 2:
            answer = pause(f"go{number}")
            ran.append(number)
            return answer
        ran.append(number)
        return number

    return item


@pytest.mark.parametrize("way", ["map", "parallel", "graph", "workflow"])
def test_siblings_of_what_suspends_go_on_to_their_end(tmp_path, ran, way) -> None:
    """Then the group suspends; on resume only what is open runs."""
    from functools import partial

    from pegboard import Graph
    from pegboard_flow import parallel as workflow

    item = items(ran)

    def graph():
        made = Graph("numbers").add_node("begin", lambda: None)
        for number in range(4):
            made.add_node(f"n{number}", partial(lambda number, _: item(number), number))
            made.add_edge("begin", f"n{number}")
        names = [f"n{number}" for number in range(4)]
        return list(made.start_with("begin").end_with(*names)().values())

    def flow():
        made = workflow()
        for number in range(4):
            made.add_task(item, number)
        return list(made.execute().values())

    ways = {
        "map": lambda: item.map(range(4)),
        "parallel": lambda: parallel(*(partial(item, number) for number in range(4))),
        "graph": graph,
        "workflow": flow,
    }

    @task(Durable())
    def root():
        return list(ways[way]())

    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
        assert (run.status, run.error) == (Status.SUSPENDED, None)
        assert sorted(ran) == [0, 2]
        durability.signal("r", "go3", "three")
        assert durability.resume("r").status == Status.SUSPENDED
        durability.signal("r", "go1", "one")
        assert durability.resume("r").value == [0, "one", 2, "three"]
    assert sorted(ran) == [0, 1, 2, 3]


@pytest.mark.parametrize("way", ["amap", "gather", "TaskGroup"])
def test_siblings_in_an_event_loop_go_on_to_their_end(tmp_path, ran, way) -> None:
    """A TaskGroup cancels them by itself; its group of suspensions counts as one."""

    @task(Durable())
    async def item(number):
        if number % 2:
            return await apause(f"go{number}")
        await asyncio.sleep(0.01)
        ran.append(number)
        return number

    async def group():
        async with asyncio.TaskGroup() as tasks:
            made = [tasks.create_task(item(number)) for number in range(4)]
        return [each.result() for each in made]

    ways = {
        "amap": lambda: item.amap(range(4)),
        "gather": lambda: gather(*map(item, range(4))),
        "TaskGroup": group,
    }

    @task(Durable())
    async def root():
        return list(await ways[way]())

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").status == Status.SUSPENDED
        assert way == "TaskGroup" or sorted(ran) == [0, 2]
        durability.signal("r", "go1", "one")
        durability.signal("r", "go3", "three")
        assert durability.resume("r").value == [0, "one", 2, "three"]
    assert sorted(ran) == [0, 2]


def test_among_suspensions_errors_win(tmp_path) -> None:
    """The run fails, with the errors alone."""

    @task(Durable())
    async def fails():
        raise KeyError("a")

    @task(Durable())
    async def root():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fails())
            tasks.create_task(apause("go"))

    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
    assert run.status == Status.FAILED
    assert isinstance(run.error, ExceptionGroup)
    assert [type(each) for each in run.error.exceptions] == [KeyError]


def test_in_a_map_an_error_wins_over_a_suspension(tmp_path, ran) -> None:
    """It stops the map as ever."""

    @task(Durable())
    def item(number):
        if number == 0:
            pause("go")
        raise KeyError(number)

    @task(Durable())
    def root():
        item.map(range(2))

    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
    assert (run.status, type(run.error)) == (Status.FAILED, KeyError)


@pytest.mark.parametrize("way", ["asyncio.gather", "submit"])
def test_steps_that_nobody_waits_for_end_before_the_run_suspends(tmp_path, ran, way) -> None:
    """What was begun beside the pause is recorded, and does not run again."""
    go_on = threading.Event()

    @task(Durable())
    def slow():
        go_on.wait(10)
        ran.append("slow")
        return 1

    @task(Durable())
    async def aslow():
        while not go_on.is_set():  # noqa: ASYNC110 - set by a coroutine of this loop or not at all
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        ran.append("slow")
        return 1

    async def apauses():
        go_on.set()
        return await apause("go")

    if way == "submit":

        @task(Durable())
        def root():
            waiting = slow.submit()
            go_on.set()
            return pause("go"), waiting.result()
    else:

        @task(Durable())
        async def root():
            one, other = aslow(), apauses()
            return tuple(reversed(await asyncio.gather(one, other)))

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").status == Status.SUSPENDED
        durability.signal("r", "go", 5)
        assert durability.resume("r").value == (5, 1)
    assert ran == ["slow"]
