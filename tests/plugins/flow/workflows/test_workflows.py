"""Sequential, parallel and conditional workflows."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import Session, task
from pegboard.testing import Recorder
from pegboard_flow import GraphError, conditional, parallel, sequential

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


@both
def test_parallel_keeps_each_answer_under_its_name(is_async: bool) -> None:
    """One failure does not stop the others; the exception is its answer."""
    workflow = parallel(one, one, broken, name="p").add_task(atwo, step_name="two")
    answers = execute(workflow, is_async)
    assert [*answers] == ["one", "one_2", "broken", "two"]
    assert (answers["one_2"], answers["two"], type(answers["broken"])) == (1, 2, ValueError)
    assert execute(parallel(), is_async) == {}


@both
@pytest.mark.parametrize("most", [1, 2])
def test_parallel_runs_at_most_so_many_at_once(is_async: bool, most: int) -> None:
    """`max_workers` is reached, and never exceeded."""
    barrier, guard, running, seen = threading.Barrier(most), threading.Lock(), [], []

    def work() -> None:
        with guard:
            running.append(1)
            seen.append(len(running))
        barrier.wait(5)
        running.pop()

    answers = execute(parallel(*[work] * 4, max_workers=most), is_async)
    assert set(answers.values()) == {None}
    assert max(seen) == most


@both
def test_parallel_lets_ctrl_c_through(is_async: bool) -> None:
    """A KeyboardInterrupt is no answer."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(parallel(interrupted, one), is_async)


@both
def test_conditional_runs_what_the_context_says(is_async: bool) -> None:
    """A missing condition is true; `last_result` is there; the context given is not changed."""
    workflow = (
        conditional(name="c")
        .add_step(lambda context: context["x"] + 1, name="plus")
        .add_step(lambda context: "never", lambda context: context["x"] > 5, name="never")
        .add_branch(
            lambda context: context["last_result"] == 2,
            task(lambda context: context["plus"] * 10, name="yes"),
            otherwise=task(lambda context: 0, name="no"),
        )
        .add_step(atwo_of)
    )
    given = {"x": 1}
    end = execute(workflow, is_async, given)
    assert given == {"x": 1}
    assert end == {"x": 1, "plus": 2, "yes": 20, "atwo_of": 22, "last_result": 22}
    assert execute(workflow, is_async, {"x": 2})["no"] == 0


@task
async def atwo_of(context: dict[str, int]) -> int:
    return context["last_result"] + 2


@both
def test_conditional_says_where_it_failed(is_async: bool) -> None:
    """A step and a condition that raise are named by a note."""
    with pytest.raises(ValueError) as caught:
        execute(conditional(broken, name="c"), is_async)
    assert "in step 'broken' of workflow 'c'" in caught.value.__notes__
    workflow = conditional(name="c").add_step(atwo_of, lambda context: context["missing"])
    with pytest.raises(KeyError) as missing:
        execute(workflow, is_async, {})
    assert "in the condition of step 'atwo_of' of workflow 'c'" in missing.value.__notes__


async def acondition(context: object) -> bool:
    return False


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: parallel(max_workers=0), ValueError),
        (lambda: parallel().add_task(one, step_name="a").add_task(one, step_name="a"), GraphError),
        (lambda: sequential(3), TypeError),
        (lambda: conditional().add_step(one, acondition), TypeError),
        (lambda: conditional().add_branch(acondition, one), TypeError),
    ],
)
def test_a_wrong_workflow_fails_where_it_is_written(wrong, error: type[Exception]) -> None:
    """Not at the first run."""
    with pytest.raises(error):
        wrong()
