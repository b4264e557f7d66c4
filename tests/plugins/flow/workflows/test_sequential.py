"""Tasks one after another."""

from __future__ import annotations

import asyncio

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
