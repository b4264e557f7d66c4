"""The layer that checks what a task returns, or each item that it yields."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order
from pegboard_validate._errors import InvalidOutput
from pegboard_validate._format import OutputFormat
from pegboard_validate._problem import Problem, refusal
from pegboard_validate.types.annotations import UNKNOWN, Annotations, is_checkable
from pegboard_validate.types.from_text import is_model

if TYPE_CHECKING:
    from pegboard import Call, Task
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_validate._builder import Builder


def output_layer(output: Any, task: Task[..., Any], builder: Builder, *, required: bool) -> Layer | None:
    """Return the layer for what a task's `output` asks; None where there is nothing to check.

    Args:
        output: What the option says; not None.
        task: The task.
        builder: Makes its checks.
        required: Whether a return annotation that is asked for has to be there.

    Raises:
        TypeError: `output` refers to an annotation that is not there, or says too little.
    """
    spec = _spec(output, task, required=required)
    if spec is OutputFormat.RAW or spec is UNKNOWN:
        return None
    apply, failures, explain = builder.output_check(spec)
    name = task.name

    async def run(call: Call, proceed: Proceed) -> Any:
        value = await proceed(call)
        try:
            return apply(value)
        except failures as error:
            problems = explain(error)
        # Outside the handler: the error of pydantic holds the value, and would be the context of this one.
        del value
        raise _refusal(name, problems, "returned a value that does not fit")

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        index = 0
        async for item in proceed(call):
            try:
                checked = apply(item)
            except failures as error:
                problems = explain(error)
            else:
                yield checked
                index += 1
                continue
            del item
            raise _refusal(name, problems, f"yielded an item that does not fit, at index {index}")

    def check_value(value: Any) -> Any:
        try:
            return apply(value)
        except failures as error:
            problems = explain(error)
        del value
        raise refusal(InvalidOutput, name, problems, "was given a value that does not fit", "It is not used.")

    return Layer("validate", Order.VALIDATE, run=run, stream=stream, check_value=check_value)


def _refusal(name: str, problems: tuple[Problem, ...], what: str) -> InvalidOutput:
    return refusal(InvalidOutput, name, problems, what, "Such an attempt has failed, and may be retried.")


def _spec(output: Any, task: Task[..., Any], *, required: bool) -> Any:
    if output is not True and output is not OutputFormat.PYDANTIC:
        return output
    annotations = Annotations(task.__wrapped__)
    annotation = annotations.of_items() if task.kind.endswith("generator") else annotations.of("return")
    if output is OutputFormat.PYDANTIC and not is_model(annotation):
        raise TypeError(
            f"output is OutputFormat.PYDANTIC, and the return annotation of task {task.name!r} names no pydantic model.\n"
            f"Annotate it, or name the model: Validate(output=Model)."
        )
    if annotation is UNKNOWN and required:
        raise TypeError(
            f"output is True, and task {task.name!r} has no return annotation to check against.\n"
            f"Annotate it, or name the type: Validate(output=dict[str, int])."
        )
    return annotation if is_checkable(annotation) else UNKNOWN
