"""Tasks one after another."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Self

from pegboard.running.open_group import OpenGroup, open_group
from pegboard_flow._errors import add_note
from pegboard_flow.workflows.step import Step, step_of


class Progress(enum.StrEnum):
    """How far a workflow is."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    FAILED = "failed"
    COMPLETED = "completed"


class Sequential:
    """Tasks that run one after another, each with arguments of its own; the first failure stops it.

    To hand each task what the one before it gave, take `pegboard.pipeline`.

    Attributes:
        name: What people call it.
        status: How far the last run is: `not_started`, `running`, `failed` or `completed`.
        current_step: The step that runs, or that the last run ended with, counted from 1; 0 before the first.
        results: What the steps of the last run gave so far, in order.
    """

    def __init__(self, name: str = "sequential") -> None:
        self.name = name
        self.status = Progress.NOT_STARTED
        self.current_step = 0
        self.results: list[Any] = []
        self._steps: dict[str, Step] = {}

    def __repr__(self) -> str:
        return f"<Sequential {self.name} of {len(self._steps)} steps, {self.status}>"

    def add_task(
        self, task: Callable[..., Any], /, *args: Any, step_name: str | None = None, **kwargs: Any
    ) -> Self:
        """Add a task at the end, and what it is called with.

        Args:
            task: A task, or a function that is made one.
            args: Its arguments.
            step_name: What errors call the step; default is the task's name.
            kwargs: Its keyword arguments.
        """
        step = step_of(self.name, self._steps, task, step_name, args=args, kwargs=kwargs)
        self._steps[step.name] = step
        return self

    def execute(self) -> list[Any]:
        """Run the steps and return what they gave, in order.

        Raises:
            Exception: The very error of the first step that fails, with a note that says which it was.
        """
        self._begin()
        with self._open() as group:
            for step in self._steps.values():
                self.current_step += 1
                try:
                    self.results.append(group.call(step.task, *step.args, **step.kwargs))
                except BaseException as error:
                    self._fail(step, error)
                    raise
            return self._complete(group)

    async def aexecute(self) -> list[Any]:
        """Do what `execute` does, to be awaited; the bodies of sync tasks run in threads."""
        self._begin()
        async with self._open() as group:
            for step in self._steps.values():
                self.current_step += 1
                try:
                    self.results.append(await group.start(step.task, *step.args, **step.kwargs))
                except BaseException as error:
                    self._fail(step, error)
                    raise
            return self._complete(group)

    def _open(self) -> OpenGroup:
        return open_group("workflow", self.name, size=len(self._steps))

    def _begin(self) -> None:
        self.status = Progress.RUNNING
        self.current_step = 0
        self.results = []

    def _fail(self, step: Step, error: BaseException) -> None:
        self.status = Progress.FAILED
        if isinstance(error, Exception):
            where = f"step {self.current_step} of {len(self._steps)} ({step.name!r})"
            add_note(error, f"in {where} of workflow {self.name!r}")

    def _complete(self, group: OpenGroup) -> list[Any]:
        self.status = Progress.COMPLETED
        group.value = self.results
        return self.results


def sequential(*tasks: Callable[..., Any], name: str = "sequential") -> Sequential:
    """Make a workflow of tasks that run one after another; those given here are called without arguments."""
    workflow = Sequential(name)
    for task in tasks:
        workflow.add_task(task)
    return workflow
