"""Tasks that run as a context says."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import task
from pegboard_flow import conditional

both = pytest.mark.parametrize("is_async", [False, True], ids=["execute", "aexecute"])


@task
def broken(*_: object) -> None:
    raise ValueError("broken")


def execute(workflow, is_async: bool, *args: object):
    return asyncio.run(workflow.aexecute(*args)) if is_async else workflow.execute(*args)


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
