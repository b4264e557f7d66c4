"""The plugin: one layer around everything else, where a failure becomes a value or is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order, hookimpl
from pegboard_recover._calling import Recover, is_async, with_arguments, with_error_first
from pegboard_recover._option import Fallback, Handle, Undo
from pegboard_recover._recovering import Recoverer
from pegboard_recover._undoing import Undoing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pegboard import Session, Task


class Recovery:
    """Recovers from what leaves a task after its retries, as `Handle`, `Fallback` and `Undo` say.

    The handlers whose type matches are asked first, in the order written, then the fallback; the first that returns has
    the call's value, and its source is `fallback`. If none does, the undo runs, and the task's own error leaves. What went
    wrong in the recovery is noted on it. Cancellation, KeyboardInterrupt and SystemExit are only undone; a suspended call is
    left as it is, since it goes on later.
    """

    name = "recover"

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> list[Layer]:  # noqa: ARG002 - pluggy's names
        """Put layers around a task that has any of the three options: the undo outside, as it has the last word."""
        handlers = [option for option in task.options if isinstance(option, Handle)]
        fallback, undo = task.option(Fallback), task.option(Undo)
        layers = []
        if undo is not None:
            undoing = Undoing(task, undo, with_arguments(_fits(task, undo, undo.function)))
            layers.append(Layer("undo", Order.FALLBACK - 1, undoing.run, undoing.stream))
        answers = [
            (each.error, _name(each.function), with_error_first(_fits(task, each, each.function)))
            for each in handlers
        ]
        if fallback is not None:
            answers.append((fallback.on, "fallback", _answer(task, fallback)))
        if answers:
            layers.append(Layer("recover", Order.FALLBACK, Recoverer(task, answers).run))
        return layers


def _answer(task: Task[..., Any], option: Fallback) -> Recover:
    value = option.value
    if callable(value):
        return with_arguments(_fits(task, option, value))
    return lambda _, __: value


def _fits(task: Task[..., Any], option: object, function: Callable[..., Any]) -> Callable[..., Any]:
    if is_async(function) and task.kind in ("function", "generator"):
        raise TypeError(
            f"{type(option).__name__} has the async function {_name(function)}, and the sync task {task.name!r} "
            f"has no event loop to await it in. Give it a plain function."
        )
    return function


def _name(function: object) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)
