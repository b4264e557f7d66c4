"""A step of a workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from pegboard_flow._errors import GraphError
from pegboard_flow._tasks import task_of

if TYPE_CHECKING:
    from pegboard import Task

Context = Mapping[str, Any]


@attrs.frozen
class Step:
    """A task of a workflow, with what it is called with.

    Attributes:
        name: Unique in the workflow.
        task: What is called.
        args, kwargs: The arguments.
        condition: Of a conditional workflow: takes the context, and says whether the step runs; None for always.
    """

    name: str
    task: Task[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = attrs.field(factory=dict)
    condition: Callable[[Context], Any] | None = None


def step_of(
    workflow: str, taken: Mapping[str, Step], given: Callable[..., Any], name: str | None, **rest: Any
) -> Step:
    """Make a step; one without a name gets the task's, and a number if that is taken.

    Raises:
        GraphError: The name is taken.
    """
    task = task_of(given, name or "step")
    if name is None:
        base = name = task.name
        number = 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
    elif name in taken:
        raise GraphError(
            f"workflow {workflow!r} has a step {name!r} already.\nGive the other one a name of its own.",
            graph=workflow,
            node=name,
        )
    return Step(name, task, **rest)
