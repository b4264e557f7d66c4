"""Tasks that run or not, as a context says that they share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import attrs

from pegboard import MustBeAwaited, texts
from pegboard.parts.awaiting import is_async_function, is_awaitable
from pegboard.parts.notes import note_on
from pegboard.records import NODE
from pegboard.running.open_group import OpenGroup, open_group
from pegboard_flow.workflows.step import Context, Step, step_of

if TYPE_CHECKING:
    from pegboard import Call


@attrs.frozen
class _Branch:
    """Steps for a context that meets the condition, and steps for one that does not."""

    condition: Callable[[Context], Any]
    steps: tuple[Step, ...]
    otherwise: tuple[Step, ...]


class Conditional:
    """Tasks that are called in order with a context, each if its condition holds for it.

    The context is a dict. What a step gives goes into it as `last_result`, and under the step's name. The one
    that `execute` is called with is not changed.

    Args:
        name: What people call it.
    """

    def __init__(self, name: str = "conditional") -> None:
        self.name = name
        self._names: dict[str, Step] = {}
        self._parts: list[Step | _Branch] = []

    def __repr__(self) -> str:
        return f"<Conditional {self.name} of {len(self._names)} steps>"

    def add_step(
        self,
        task: Callable[[dict[str, Any]], Any],
        condition: Callable[[Context], Any] | None = None,
        *,
        name: str | None = None,
    ) -> Self:
        """Add a task that takes the context.

        Args:
            task: A task, or a function that is made one.
            condition: Takes the context; without one the step always runs.
            name: Where its result will be in the context; default is the task's name.
        """
        self._parts.append(self._step(task, name, condition))
        return self

    def add_branch(
        self,
        condition: Callable[[Context], Any],
        *tasks: Callable[[dict[str, Any]], Any],
        otherwise: Callable[[dict[str, Any]], Any] | tuple[Callable[[dict[str, Any]], Any], ...] = (),
    ) -> Self:
        """Add tasks that run if a condition holds when their turn comes, and others that run if not.

        Args:
            condition: Takes the context; asked once.
            tasks: Called in order if it holds.
            otherwise: One task, or a tuple of them: called in order if it does not.
        """
        _refuse_async(condition)
        rest = otherwise if isinstance(otherwise, tuple) else (otherwise,)
        self._parts.append(
            _Branch(
                condition,
                tuple(self._step(task) for task in tasks),
                tuple(self._step(task) for task in rest),
            )
        )
        return self

    def execute(self, context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the steps whose conditions hold, and return the context as it is then.

        Raises:
            Exception: The very error of a step or condition, with a note that says where it was.
        """
        state = dict(context or {})
        with self._open() as group:
            for part in tuple(self._parts):
                for step in self._chosen(part, state):
                    try:
                        value = group.call(self._made(group, step, state))
                    except Exception as error:
                        self._note(step, error)
                        raise
                    state[step.name] = state["last_result"] = value
            group.value = state
            return state

    def _made(self, group: OpenGroup, step: Step, state: dict[str, Any]) -> Call:
        call = group.make(step.task, state)
        if group.group.wants_names:
            call.state[NODE] = step.name
        return call

    async def aexecute(self, context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Do what `execute` does, to be awaited; the bodies of sync tasks run in threads."""
        state = dict(context or {})
        async with self._open() as group:
            for part in tuple(self._parts):
                for step in self._chosen(part, state):
                    try:
                        value = await group.start(self._made(group, step, state))
                    except Exception as error:
                        self._note(step, error)
                        raise
                    state[step.name] = state["last_result"] = value
            group.value = state
            return state

    def _step(
        self,
        task: Callable[..., Any],
        name: str | None = None,
        condition: Callable[[Context], Any] | None = None,
    ) -> Step:
        _refuse_async(condition)
        step = step_of(self.name, self._names, task, name, condition=condition)
        self._names[step.name] = step
        return step

    def _chosen(self, part: Step | _Branch, state: dict[str, Any]) -> Iterator[Step]:
        if isinstance(part, Step):
            if part.condition is None or self._is_met(part.condition, state, f"step {part.name!r}"):
                yield part
        else:
            yield from part.steps if self._is_met(part.condition, state, "a branch") else part.otherwise

    def _is_met(self, condition: Callable[[Context], Any], state: dict[str, Any], where: str) -> bool:
        try:
            answer = condition(state)
            if is_awaitable(answer):
                raise self._to_be_awaited(where, answer)  # noqa: TRY301 - to get the note, too
            return bool(answer)
        except Exception as error:
            note_on(error, f"in the condition of {where} of workflow {self.name!r}")
            raise

    def _to_be_awaited(self, where: str, answer: object) -> MustBeAwaited:
        if inspect.iscoroutine(answer):
            answer.close()
        return MustBeAwaited(
            f"the condition of {where} of workflow {self.name!r} gave {texts.a(type(answer).__name__)}, which has to be awaited; taken as "
            f"it is, it would always hold.\nWrite the condition as a plain function. A Graph takes async ones, on its edges.",
            task="",
        )

    def _note(self, step: Step, error: Exception) -> None:
        note_on(error, f"in step {step.name!r} of workflow {self.name!r}")

    def _open(self) -> OpenGroup:
        return open_group("workflow", self.name)


def conditional(*tasks: Callable[[dict[str, Any]], Any], name: str = "conditional") -> Conditional:
    """Make a workflow of tasks that share a context; those given here always run."""
    workflow = Conditional(name)
    for task in tasks:
        workflow.add_step(task)
    return workflow


def _refuse_async(condition: object) -> None:
    if is_async_function(condition):
        raise TypeError(
            "the condition of a step is a plain function. A Graph takes async ones, on its edges."
        )
