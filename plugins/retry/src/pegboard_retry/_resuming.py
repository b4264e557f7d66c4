"""How a stream that failed goes on after the items it has yielded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pegboard import Call, Task
    from pegboard_retry._option import Resume


def resumer(task: Task[..., Any], resume_from: Resume | None) -> Callable[[Call, Any, int], Call] | None:
    """Make the function that gives the call for the rest, of the call, the last item and the number of items."""
    if resume_from is None:
        return None
    signature = task.signature

    def changes(call: Call, last: Any, count: int) -> Mapping[str, Any]:
        if isinstance(resume_from, str):
            return {resume_from: call.inputs[resume_from] + count}
        return resume_from(last, count)

    def resumed(call: Call, last: Any, count: int) -> Call:
        bound = signature.bind_partial(*call.args, **call.kwargs)
        bound.apply_defaults()
        for name, value in changes(call, last, count).items():
            if name not in signature.parameters:
                raise TypeError(f"resume_from gave {name!r}, which is no parameter of task {task.name!r}.")
            bound.arguments[name] = value
        return call.with_args(*bound.args, **bound.kwargs)

    return resumed
