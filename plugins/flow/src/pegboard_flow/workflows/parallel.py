"""Tasks side by side, each answer under its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from pegboard import Suspended
from pegboard.parts import checks
from pegboard.running.open_group import OpenGroup, open_group
from pegboard_flow.workflows.step import Step, step_of

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future


_MAX_WORKERS = checks.whole(least=1, type_error=ValueError).or_none("as many as the executor runs")


class Parallel:
    """Tasks that run at the same time; one that fails does not stop the others.

    Args:
        name: What people call it.
        max_workers: How many may run at once; None for as many as the executor runs.
    """

    def __init__(self, name: str = "parallel", *, max_workers: int | None = None) -> None:
        _MAX_WORKERS.check("max_workers", max_workers, owner="Parallel")
        self.name = name
        self.max_workers = max_workers
        self._steps: dict[str, Step] = {}

    def __repr__(self) -> str:
        return f"<Parallel {self.name} of {len(self._steps)} tasks>"

    def add_task(
        self, task: Callable[..., Any], /, *args: Any, step_name: str | None = None, **kwargs: Any
    ) -> Self:
        """Add a task, and what it is called with.

        Args:
            task: A task, or a function that is made one.
            args: Its arguments.
            step_name: Where its answer will be found; default is the task's name, from the second on with a number.
            kwargs: Its keyword arguments.
        """
        step = step_of(self.name, self._steps, task, step_name, args=args, kwargs=kwargs)
        self._steps[step.name] = step
        return self

    def execute(self) -> dict[str, Any]:
        """Run all tasks on the session's executor; what each gave, or the exception it raised, by name."""
        steps = tuple(self._steps.values())
        with self._open(steps) as group:
            waiting = [*steps][::-1]
            most = self.max_workers or len(waiting)
            running: dict[Future[Any], str] = {}
            answers: dict[str, Any] = {}
            while waiting or running:
                while waiting and len(running) < most:
                    step = waiting.pop()
                    running[group.submit(step.task, *step.args, **step.kwargs)] = step.name
                for future in group.wait_any(running):
                    answers[running.pop(future)] = _answer(future)
            return _ordered(group, steps, answers)

    async def aexecute(self) -> dict[str, Any]:
        """Do what `execute` does, to be awaited: async tasks run in this event loop, the bodies of sync ones in threads."""
        import asyncio

        steps = tuple(self._steps.values())
        async with self._open(steps) as group:
            slots = asyncio.Semaphore(self.max_workers or max(len(steps), 1))
            answers: dict[str, Any] = {}

            async def run(step: Step) -> None:
                async with slots:
                    started = group.start(step.task, *step.args, **step.kwargs)
                    await asyncio.wait([started])
                    answers[step.name] = _answer(started)

            async with asyncio.TaskGroup() as runs:
                for step in steps:
                    runs.create_task(run(step))
            return _ordered(group, steps, answers)

    def _open(self, steps: Sequence[Step]) -> OpenGroup:
        return open_group("workflow", self.name, size=len(steps))


def parallel(*tasks: Callable[..., Any], name: str = "parallel", max_workers: int | None = None) -> Parallel:
    """Make a workflow of tasks that run at the same time; those given here are called without arguments."""
    workflow = Parallel(name, max_workers=max_workers)
    for task in tasks:
        workflow.add_task(task)
    return workflow


def _ordered(group: OpenGroup, steps: Sequence[Step], answers: dict[str, Any]) -> dict[str, Any]:
    if len(answers) < len(steps):  # a task cancelled itself, and its runner with it
        from asyncio import CancelledError

        raise CancelledError
    for answer in answers.values():
        if isinstance(answer, Suspended):  # the others went on to their end
            raise answer
    group.value = ordered = {step.name: answers[step.name] for step in steps}
    return ordered


def _answer(future: Future[Any] | asyncio.Task[Any]) -> Any:
    """What a call gave, or its Exception, or its suspension; what ends the program or cancels is raised on."""
    try:
        return future.result()
    except (Exception, Suspended) as error:  # noqa: BLE001 - it is the answer
        return error
