"""The plugin: one layer around everything else, where a failure becomes a value or is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order, hookimpl
from pegboard_recover._calling import Calling, name_of
from pegboard_recover._option import Fallback, Handle, Undo
from pegboard_recover._recovering import Answer, Constant, Recoverer
from pegboard_recover._undoing import Undoing

if TYPE_CHECKING:
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
        for option in (*handlers, fallback, undo):
            if option is not None:
                option.check(task)  # of a session's default option nobody has asked yet
        layers = []
        if undo is not None:
            calling = Calling(undo.function, task, "Undo")
            undoing = Undoing(task, undo, calling)
            layers.append(
                Layer(
                    "undo",
                    Order.FALLBACK - 1,
                    undoing.run,
                    undoing.stream,
                    verify=calling.verify,
                    undo=undoing.undo,
                )
            )
        answers: list[Answer] = [
            (
                each.error,
                f"handler {name_of(each.function)}",
                Calling(each.function, task, "Handle", is_handler=True),
            )
            for each in handlers
        ]
        if fallback is not None:
            answers.append((fallback.on, "fallback", _answer(fallback, task)))
        if answers:
            recoverer = Recoverer(task, answers)
            layers.append(Layer("recover", Order.FALLBACK, recoverer.run, verify=recoverer.verify))
        return layers


def _answer(option: Fallback, task: Task[..., Any]) -> Calling | Constant:
    return Calling(option.value, task, "Fallback") if callable(option.value) else Constant(option.value)
