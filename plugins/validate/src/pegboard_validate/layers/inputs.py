"""The layer that checks a call's arguments, once, before its first attempt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pegboard import Layer, Order, Secret
from pegboard.records import Reference
from pegboard_validate._errors import InvalidInput
from pegboard_validate._option import describes_all_inputs
from pegboard_validate._problem import Check, Problem, refusal
from pegboard_validate.layers.parameters import (
    ArgumentChecks,
    argument_checks,
    own_parameters,
    parameter_checks,
)

if TYPE_CHECKING:
    from pegboard import Call, Task
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_validate._builder import Builder

# Outside the time limit of the call and its retries: a call that cannot succeed is neither timed nor tried.
INPUT_ORDER = (Order.LIMIT + Order.DEADLINE) // 2

Checked = Callable[["Call"], "Call"]


def input_layer(inputs: bool | Mapping[str, Any], task: Task[..., Any], builder: Builder) -> Layer | None:
    """Return the layer for what a task's `inputs` asks; None where there is nothing to check."""
    if isinstance(inputs, Mapping) and describes_all_inputs(inputs):
        return _layer(_together(task, builder.input_check(inputs)))
    checks = parameter_checks(inputs, task, builder)
    return _layer(_one_by_one(task, checks)) if checks else None


def _layer(checked: Checked) -> Layer:
    async def run(call: Call, proceed: Proceed) -> Any:
        return await proceed(checked(call))

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        async for item in proceed(checked(call)):
            yield item

    return Layer("validate", INPUT_ORDER, run=run, stream=stream)


def _together(task: Task[..., Any], check: Check) -> Checked:
    """Check all arguments as one object; nothing is coerced."""
    apply, failures, explain = check
    names = [each.name for each in own_parameters(task)]

    def checked(call: Call) -> Call:
        inputs = call.inputs
        given = {
            name: inputs[name]
            for name in names
            if name in inputs and not isinstance(inputs[name], Secret | Reference)
        }
        try:
            apply(given)
        except failures as error:
            problems = explain(error)
        else:
            return call
        _refuse(task.name, problems)

    return checked


def _one_by_one(task: Task[..., Any], checks: Mapping[str, Check]) -> Checked:
    where: ArgumentChecks | None = None

    def checked(call: Call) -> Call:
        nonlocal where
        if where is None:  # at the first call: by then all layers have said what they provide
            where = argument_checks(task, checks, call.provided)
        args, kwargs = call.args, call.kwargs
        problems: list[Problem] | None = None
        new_args: list[Any] | None = None
        count = len(args)
        for index, name, check in where.positional:
            if index >= count:
                break
            value = args[index]
            if type(value) is Secret:
                continue
            try:
                new = check[0](value)
            except check[1] as error:
                if isinstance(value, Reference):  # what it stands for is loaded later
                    continue
                problems = [*(problems or ()), *_under(name, check, error)]
                continue
            if new is not value:
                new_args = new_args or list(args)
                new_args[index] = new
        if not kwargs and where.rest is None:  # as most calls are
            if problems is not None:
                _refuse(task.name, problems)
            return call if new_args is None else call.with_args(*new_args)
        return _with_others(call, where, new_args, problems or [])

    return checked


def _with_others(
    call: Call, where: ArgumentChecks, new_args: list[Any] | None, problems: list[Problem]
) -> Call:
    """Check what `*args` takes and what is given by name, after the arguments given by position."""
    args, kwargs = call.args, call.kwargs
    if where.rest is not None:
        first, name, check = where.rest
        for index in range(first, len(args)):
            new = _checked(args[index], f"{name}.{index - first}", check, problems)
            if new is not args[index]:
                new_args = new_args or list(args)
                new_args[index] = new
    new_kwargs: dict[str, Any] | None = None
    for name, value in kwargs.items():
        check_of_name = where.named.get(name) or (None if name in where.known else where.extra)
        if check_of_name is None:
            continue
        new = _checked(value, name, check_of_name, problems)
        if new is not value:
            new_kwargs = new_kwargs or dict(kwargs)
            new_kwargs[name] = new
    if problems:
        _refuse(call.task.name, problems)
    if new_args is None and new_kwargs is None:
        return call
    return call.with_args(*(new_args or args), **(new_kwargs or kwargs))


def _checked(value: Any, name: str, check: Check, problems: list[Problem]) -> Any:
    if type(value) is Secret:
        return value
    try:
        return check.apply(value)
    except check.failures as error:
        if not isinstance(value, Reference):  # what that stands for is loaded later
            problems += _under(name, check, error)
    return value


def _under(name: str, check: Check, error: Exception) -> list[Problem]:
    return [problem.under(name) for problem in check.explain(error)]


def _refuse(name: str, problems: Sequence[Problem]) -> NoReturn:
    hint = "The task did not run. Give it what is expected; values are not shown here."
    raise refusal(InvalidInput, name, tuple(problems), "was called with arguments that do not fit", hint)
