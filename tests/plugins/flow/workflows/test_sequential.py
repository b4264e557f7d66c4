"""Tasks one after another."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from pegboard import Session, task
from pegboard.testing import Recorder
from pegboard_flow import sequential

both = pytest.mark.parametrize("is_async", [False, True], ids=["execute", "aexecute"])


@task
def one() -> int:
    return 1


@task
async def atwo() -> int:
    return 2


@task
def broken(*_: object) -> None:
    raise ValueError("broken")


def execute(workflow, is_async: bool, *args: object):
    return asyncio.run(workflow.aexecute(*args)) if is_async else workflow.execute(*args)


@both
def test_sequential_runs_step_by_step(is_async: bool) -> None:
    """In order, each with its own arguments, sync or async; status and step can be read."""
    recorder = Recorder()
    workflow = sequential(one, atwo, name="w").add_task(lambda x, y: x + y, 3, y=4)
    assert (workflow.status, workflow.current_step) == ("not_started", 0)
    with Session(recorder):
        assert execute(workflow, is_async) == [1, 2, 7]
    assert (workflow.status, workflow.current_step) == ("completed", 3)
    assert (recorder.of("before_group")[0].subject.kind, recorder.unbalanced()) == ("workflow", [])


@both
def test_sequential_stops_at_the_first_failure(is_async: bool) -> None:
    """The very error leaves, a note says which step (from 1), and the rest does not run."""
    ran: list[int] = []
    workflow = sequential(one, broken, lambda: ran.append(1), name="w")
    with pytest.raises(ValueError) as caught:
        execute(workflow, is_async)
    assert "in step 2 of 3 ('broken') of workflow 'w'" in caught.value.__notes__
    assert (workflow.status, workflow.current_step, workflow.results, ran) == ("failed", 2, [1], [])


def test_sequential_tells_that_it_runs() -> None:
    """The status during a step."""
    workflow = sequential()
    workflow.add_task(lambda: (str(workflow.status), workflow.current_step))
    assert workflow.execute() == [("running", 1)]
    assert workflow.execute() == [("running", 1)]


def test_runs_at_once_have_results_of_their_own() -> None:
    """In threads and as asyncio tasks; each sees all of its own steps, and nothing of the other's."""
    barrier = threading.Barrier(4, timeout=10)

    @task
    def meet(step: int) -> tuple[int, int]:
        barrier.wait()
        return step, threading.get_ident()

    workflow = sequential()
    for step in range(3):
        workflow.add_task(meet, step)
    with Session(), ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(copy_context().run, workflow.execute) for _ in range(4)]
        results = [run.result(10) for run in runs]
    assert [[step for step, _ in result] for result in results] == [[0, 1, 2]] * 4
    assert [len({thread for _, thread in result}) for result in results] == [1] * 4

    async def main() -> list[list[int]]:
        together = sequential(atwo, atwo, one)
        return await asyncio.gather(*(together.aexecute() for _ in range(5)))

    with Session():
        assert asyncio.run(main()) == [[2, 2, 1]] * 5


@both
def test_a_run_within_a_run_leaves_it_alone(is_async: bool) -> None:
    """A step may run the very workflow that it belongs to; what can be read is the run that began last."""
    depths: list[int] = []

    @task
    def again() -> object:
        depths.append(len(depths))
        return workflow.execute() if len(depths) < 3 else "deepest"

    workflow = sequential(again, one)
    with Session():
        assert execute(workflow, is_async) == [[["deepest", 1], 1], 1]
    assert (workflow.status, workflow.current_step, workflow.results) == ("completed", 2, ["deepest", 1])


def test_a_run_that_fails_leaves_the_others_alone() -> None:
    """One of two at once fails; the other one's results are whole."""
    begun, failed = threading.Event(), threading.Event()

    @task
    def first() -> str:
        if begun.is_set():
            raise ValueError("second run")
        begun.set()
        assert failed.wait(10)
        return "first run"

    workflow = sequential(first, one)
    with Session(), ThreadPoolExecutor(1) as pool:
        run = pool.submit(copy_context().run, workflow.execute)
        assert begun.wait(10)
        with pytest.raises(ValueError):
            workflow.execute()
        assert (workflow.status, workflow.current_step) == ("failed", 1)
        failed.set()
        assert run.result(10) == ["first run", 1]


@both
def test_a_step_that_is_added_during_a_run_is_for_the_next(is_async: bool) -> None:
    """The run has the steps that were there when it began."""

    @task
    def add() -> str:
        workflow.add_task(one)
        return "added"

    workflow = sequential(add)
    with Session():
        assert execute(workflow, is_async) == ["added"]
        assert execute(workflow, is_async) == ["added", 1]
