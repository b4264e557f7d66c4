"""Tasks side by side."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import task
from pegboard_flow import parallel

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
