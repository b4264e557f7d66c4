"""Tasks one after another."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from pegboard.parts import checks
from pegboard.parts.contexts import context_manager
from pegboard.parts.notes import note_on
from pegboard.records import NODE
from pegboard.running.open_group import OpenGroup, open_group
from pegboard_flow.running.saga import Saga
from pegboard_flow.workflows.step import Step, step_of

if TYPE_CHECKING:
    from pegboard import Call


class Progress(enum.StrEnum):
    """How far a workflow is."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    FAILED = "failed"
    COMPLETED = "completed"


class _Run:
    """One run of a workflow: how far it is."""

    def __init__(self, workflow: str, steps: Sequence[Step], status: Progress = Progress.RUNNING) -> None:
        self.workflow = workflow
        self.steps = steps
        self.status = status
        self.current_step = 0
        self.results: list[Any] = []
        self.saga = Saga()

    def make(self, group: OpenGroup, step: Step) -> Call:
        """Make the call of a step."""
        call = group.make(step.task, *step.args, **step.kwargs)
        if group.group.wants_names:
            call.state[NODE] = step.name
        return call

    @context_manager
    def step(self, step: Step) -> Iterator[None]:
        """Note that a step runs, and what went wrong in it."""
        self.current_step += 1
        try:
            yield
        except BaseException as error:
            self.status = Progress.FAILED
            if isinstance(error, Exception):
                where = f"step {self.current_step} of {len(self.steps)} ({step.name!r})"
                note_on(error, f"in {where} of workflow {self.workflow!r}")
            raise

    def complete(self, group: OpenGroup) -> list[Any]:
        """Return what the steps gave."""
        self.status = Progress.COMPLETED
        group.value = self.results
        return self.results


class Sequential:
    """Tasks that run one after another, each with arguments of its own; the first failure stops it.

    It may run any number of times, also at once: each run has results of its own. To hand each task what the one before it
    gave, take `pegboard.pipeline`.

    Args:
        name: What people call it.
        undo: When a step fails, or is cancelled, undo those before it, as their tasks' `Undo` says, the last first. In a durable
            run that is the run's to do.
    """

    def __init__(self, name: str = "sequential", *, undo: bool = False) -> None:
        self.name = name
        self._undo = checks.flag().check("undo", undo, owner="Sequential")
        self._steps: dict[str, Step] = {}
        self._last = _Run(name, (), Progress.NOT_STARTED)

    @property
    def status(self) -> Progress:
        """How far the run is that began last: `not_started`, `running`, `failed` or `completed`."""
        return self._last.status

    @property
    def current_step(self) -> int:
        """The step that runs in the run that began last, or that it ended with, counted from 1; 0 before the first."""
        return self._last.current_step

    @property
    def results(self) -> list[Any]:
        """What the steps gave so far in the run that began last, in order."""
        return self._last.results

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
        run = self._begin()
        try:
            with self._open(run) as group:
                for step in run.steps:
                    with run.step(step):
                        call = run.make(group, step)
                        run.results.append(group.call(call))
                    run.saga.end(step.name, call)
                return run.complete(group)
        except BaseException as error:
            if self._undo:
                run.saga.undo(error)
            raise

    async def aexecute(self) -> list[Any]:
        """Do what `execute` does, to be awaited; the bodies of sync tasks run in threads."""
        run = self._begin()
        try:
            async with self._open(run) as group:
                for step in run.steps:
                    with run.step(step):
                        call = run.make(group, step)
                        run.results.append(await group.start(call))
                    run.saga.end(step.name, call)
                return run.complete(group)
        except BaseException as error:
            if self._undo:
                await run.saga.aundo(error)
            raise

    def _begin(self) -> _Run:
        run = self._last = _Run(self.name, tuple(self._steps.values()))
        return run

    def _open(self, run: _Run) -> OpenGroup:
        return open_group("workflow", self.name, size=len(run.steps))


def sequential(*tasks: Callable[..., Any], name: str = "sequential", undo: bool = False) -> Sequential:
    """Make a workflow of tasks that run one after another; those given here are called without arguments.

    Args:
        tasks: Them.
        name: What people call it.
        undo: As for `Sequential`.
    """
    workflow = Sequential(name, undo=undo)
    for task in tasks:
        workflow.add_task(task)
    return workflow
