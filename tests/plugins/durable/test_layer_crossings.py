"""Durable runs and the other plugins."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest
from replaying import Crash, crashed, opened, rows

from pegboard import (
    Cache,
    Concurrency,
    Deadline,
    Fallback,
    Handle,
    MapError,
    NeedsSecrets,
    On,
    Retry,
    Timeout,
    Validate,
    current_call,
    gather,
    hookimpl,
    parallel,
    pipeline,
    task,
)
from pegboard_durable import (
    Durable,
    InDoubt,
    JournalUnavailable,
    NotInRun,
    RecordedError,
    Status,
    pause,
    sleep,
    step,
)


@task(Durable(), On("processes"))
def placed(number):
    return number * 2


@task(Durable(), On("processes"))
def placed_with_a_step(number):
    step("inner", abs, number)


@task(Durable(), On("processes"))
def placed_that_sleeps():
    sleep(1)


@task(Durable())
def nested(number):
    return number


@task(Durable(), On("processes"))
def placed_that_calls_a_durable_task(number):
    return nested(number)


@pytest.mark.slow
def test_a_placed_step_is_one_step(tmp_path) -> None:
    """Its function runs in a worker, and its outcome is recorded here; what it calls there is plain."""

    @task(Durable())
    def root():
        return placed(1), placed_that_calls_a_durable_task(5), placed.map([2, 3])

    for _ in range(2):
        with opened(tmp_path) as durability:
            assert durability.run(root, run_id="r").value == (2, 5, [4, 6])
    assert set(rows(tmp_path)) == {
        "placed#1",
        "placed_that_calls_a_durable_task#1",
        "placed[0]",
        "placed[1]",
    }


@pytest.mark.slow
@pytest.mark.parametrize("inner", [placed_with_a_step, placed_that_sleeps])
def test_what_is_placed_has_no_steps_of_its_own(tmp_path, inner) -> None:
    """In the worker there is no journal."""

    @task(Durable())
    def root():
        return inner(*([1] if inner is placed_with_a_step else []))

    with opened(tmp_path) as durability:
        error = durability.run(root, run_id="r").error
    assert isinstance(error, NotInRun)
    assert "in the worker" in str(error)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_timeout_of_a_step_is_its_outcome(tmp_path, kind) -> None:
    """It is recorded, and not waited for again."""
    crash = [True]
    if kind == "sync":

        @task(Durable(), Timeout(0.02))
        def slow():
            threading.Event().wait(0.2)

        @task(Durable())
        def root():
            try:
                slow()
            except TimeoutError as error:
                if crash[0]:
                    raise Crash from None
                return type(error).__name__
    else:

        @task(Durable(), Timeout(0.02))
        async def slow():
            await asyncio.sleep(5)

        @task(Durable())
        async def root():
            try:
                await slow()
            except TimeoutError as error:
                if crash[0]:
                    raise Crash from None
                return type(error).__name__

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == "TaskTimeout"
    assert rows(tmp_path) == {"slow#1": ("step", "error")}


def test_a_deadline_bounds_a_sleep(tmp_path) -> None:
    """The sleep ends with it; the run fails."""
    from pegboard.testing import FakeClock

    @task(Durable(), Deadline(5))
    def root():
        sleep(30)

    with opened(tmp_path, FakeClock()) as durability:
        assert isinstance(durability.run(root, run_id="r").error, TimeoutError)


def test_limits_hold_back_what_runs_and_not_what_is_replayed(tmp_path) -> None:
    """A replay takes no place."""
    crash = [True]

    @task(Durable(), Concurrency(1))
    def one(number):
        return number

    @task(Durable())
    def root():
        found = one.map(range(4))
        if crash[0]:
            raise Crash
        return found

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == [0, 1, 2, 3]


def test_secrets_are_given_to_the_body_and_not_recorded(tmp_path, monkeypatch) -> None:
    """They are no argument of the step."""
    monkeypatch.setenv("API_KEY", "canary-secret")

    @task(Durable(), NeedsSecrets("API_KEY"))
    def one(number, *, secrets=None):
        return len(secrets["API_KEY"]) + number

    @task(Durable())
    def root():
        return one(1)

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == 14
    for file in tmp_path.iterdir():
        assert b"canary-secret" not in file.read_bytes()


def test_what_does_not_fit_is_an_outcome(tmp_path) -> None:
    """A step whose input is refused failed; the body did not run."""
    ran = []

    @task(Durable(), Validate(inputs=True))
    def one(number: int):
        ran.append(number)

    @task(Durable())
    def root():
        one("no number")

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").status == Status.FAILED
    assert ran == []
    assert rows(tmp_path)["one#1"] == ("step", "error")


def test_a_cached_step_is_recorded(tmp_path) -> None:
    """A hit is its outcome as well as a run."""
    ran = []

    @task(Durable(), Cache())
    def one(number):
        ran.append(number)
        return number

    @task(Durable())
    def root():
        return one(1), one(1)

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == (1, 1)
    assert ran == [1]
    assert set(rows(tmp_path)) == {"one#1", "one#2"}


@pytest.mark.parametrize("way", ["fallback", "handler", "body"])
def test_nothing_makes_an_outcome_of_a_fault_of_the_journal(tmp_path, monkeypatch, way) -> None:
    """Each later step raises it at once, and the run goes on when the journal does."""
    options = {
        "fallback": [Fallback("x")],
        "handler": [Handle(JournalUnavailable, lambda error: "x")],
        "body": [],
    }
    broken = JournalUnavailable("the disk is full", journal="it")
    ran, found = [], []

    @task(Durable())
    def one(number):
        ran.append(number)
        if number == 2 and found:
            monkeypatch.setattr(found[0]._journal, "append", lambda *_: (_ for _ in ()).throw(broken))
        return number

    @task(Durable(), *options[way])
    def root():
        one(1)
        try:
            one(2)
        except JournalUnavailable:
            if way != "body":
                raise
        try:
            one(3)
        except JournalUnavailable:
            if way != "body":
                raise
        return "made up"

    with opened(tmp_path) as durability:
        found.append(durability)
        with pytest.raises(JournalUnavailable):
            durability.run(root, run_id="r")
        assert 3 not in ran
        monkeypatch.undo()
        found.clear()
        assert durability.get("r").status not in (Status.DONE, Status.FAILED)
        assert durability.resume("r").value == "made up"
    assert ran == [1, 2, 2, 3]


def test_a_doubt_may_be_handled(tmp_path) -> None:
    """It is an Exception: the code may ask a person."""
    crash = [True]

    @task(Durable(effect="once"))
    def charge():
        if crash[0]:
            raise Crash

    @task(Durable(), Handle(InDoubt, lambda error: f"ask about {error.key}"))
    def root():
        charge()

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == "ask about charge#1"


def test_a_recorded_error_may_be_handled(tmp_path) -> None:
    """Where the class of an error is not there any more."""
    crash = [True]

    def make():
        class LocalError(Exception):
            pass

        return LocalError

    local = make()

    @task(Durable())
    def fails():
        raise local("x")

    @task(Durable(), Handle(RecordedError, lambda error: error.message))
    def root():
        try:
            fails()
        except local:
            raise Crash from None

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == "x"


def test_composed_calls_are_steps(tmp_path) -> None:
    """`parallel` and `pipeline` in a function, `gather` in a coroutine."""

    @task(Durable())
    def add(number):
        return number + 1

    @task(Durable())
    async def aadd(number):
        await asyncio.sleep(0)
        return number + 1

    @task(Durable())
    def root():
        return parallel(functools.partial(add, 1), functools.partial(add, 2)), pipeline(add, add, input=1)

    @task(Durable())
    async def aroot():
        return await gather(aadd(1), functools.partial(aadd, 2), add.acall(3))

    for _ in range(2):
        with opened(tmp_path) as durability:
            assert list(durability.run(root, run_id="r").value[0]) == [2, 3]
            assert list(durability.run(aroot, run_id="a").value) == [2, 3, 4]


def test_an_aggregating_map_fails_with_all_its_errors(tmp_path) -> None:
    """And so again on a replay."""

    @task(Durable())
    def odd(number):
        if number % 2:
            raise KeyError(number)
        return number

    crash = [True]

    @task(Durable())
    def root():
        try:
            odd.map(range(4), on_error="aggregate")
        except MapError as error:
            if crash[0]:
                raise Crash from None
            return sorted(error.errors)

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == [1, 3]


def test_a_map_may_commit_its_items_together(tmp_path) -> None:
    """All are recorded when it is over."""

    @task(Durable(commit_every=10))
    def one(number):
        return number

    @task(Durable())
    def root():
        found = one.map(range(25))
        step("after", abs, 1)
        return found, len(rows(tmp_path))

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == (list(range(25)), 26)


def test_a_cancelled_coroutine_leaves_its_run_to_be_resumed(tmp_path) -> None:
    """A CancelledError of the loop is no outcome."""
    ran, begun = [], []

    @task(Durable())
    async def slow():
        ran.append(1)
        if len(ran) == 1:
            begun[0].set()
            await asyncio.sleep(60)
        return "done"

    @task(Durable())
    async def root():
        return await slow()

    async def main(durability):
        begun.append(asyncio.Event())
        running = asyncio.ensure_future(durability.arun(root, run_id="r"))
        await asyncio.wait_for(begun[0].wait(), 30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return (await durability.aget("r")).status, (await durability.aresume("r")).value

    with opened(tmp_path) as durability:
        assert asyncio.run(main(durability)) == (Status.PENDING, "done")


def test_observers_of_a_strict_session_see_balanced_events(tmp_path) -> None:
    """Also of suspended, replayed and failed calls."""
    from pegboard.testing import Recorder

    @task(Durable())
    def one(number):
        if number == 3:
            raise KeyError
        return number

    @task(Durable(), Retry(1))
    def root():
        one.map([1, 2])
        pause("go")
        one(3)

    recorder = Recorder()
    with opened(tmp_path, recorder, strict_session=True) as durability:
        durability.run(root, run_id="r")
        durability.signal("r", "go")
        assert durability.resume("r").status == Status.FAILED
    assert recorder.unbalanced() == []


def test_an_observer_may_read_which_step_it_is_told_of(tmp_path) -> None:
    """From the call that it is handed."""
    from pegboard_durable import Durability

    class Keys:
        name = "keys"

        def __init__(self):
            self.keys = []

        @hookimpl
        def after_execute(self, call, outcome):
            self.keys.append(call.state[Durability].step_key)

    @task(Durable())
    def one():
        assert current_call().state[Durability].run_id == "r"

    @task(Durable())
    def root():
        one()

    keys = Keys()
    with opened(tmp_path, keys) as durability:
        durability.run(root, run_id="r")
    assert keys.keys == ["one#1", ""]


def test_queue_items_and_flows_may_be_runs(tmp_path) -> None:
    """A durable task is a task like any other."""
    from pegboard import TaskManager, flow

    @task(Durable())
    def one(number):
        return number + 1

    @flow
    def both(number):
        return one(one(number))

    @task(Durable())
    def root():
        return both(1)

    with opened(tmp_path) as durability:
        with TaskManager() as queue:
            item = queue.submit(one, (1,))
            queue.wait(item)
            assert item.result.value == 2
        assert durability.run(root, run_id="r").value == 3
        assert len(durability.runs()) == 2


def test_a_graph_goes_on_after_nodes_that_are_replayed(tmp_path) -> None:
    """Some of its nodes come from the journal, and the others run."""
    from pegboard import Graph

    crash, ran = [True], []

    def node(number):
        def work(*_):
            ran.append(number)
            if number == 2 and crash[0]:
                raise Crash
            return number

        return work

    nodes = [node(number) for number in range(5)]

    @task(Durable())
    def root():
        graph = Graph("line")
        for number, each in enumerate(nodes):
            graph.add_node(f"n{number}", each)
        for number in range(4):
            graph.add_edge(f"n{number}", f"n{number + 1}")
        return graph.start_with("n0").end_with("n4")()

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == 4
    assert ran == [0, 1, 2, 2, 3, 4]


def test_a_timeout_of_the_run_does_not_wait_for_the_step_in_flight(tmp_path) -> None:
    """It is raised on time; the step's thread goes on by itself, and records nothing."""
    go_on = threading.Event()

    @task(Durable())
    def slow():
        go_on.wait(30)

    @task(Durable(), Timeout(0.05))
    def root():
        slow()

    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
        go_on.set()
    assert (run.status, isinstance(run.error, TimeoutError)) == (Status.FAILED, True)
