"""What is checked of each parameter, and where its argument is found in a call."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pegboard_validate.types.annotations import Annotations, is_checkable

if TYPE_CHECKING:
    from pegboard import Task
    from pegboard_validate._builder import Builder
    from pegboard_validate._problem import Check

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_OWNERS = frozenset(("self", "cls"))


class ArgumentChecks(NamedTuple):
    """Where the arguments to check are, for one set of parameters that callers fill in.

    Attributes:
        positional: Position, name and check of each that may be given by position, in order.
        named: The check of each that may be given by name.
        rest: Position of the first, name and check of what `*args` takes; or None.
        extra: The check of what `**kwargs` takes, or None.
        known: Every name that is a parameter's own, and so never goes into `**kwargs`.
    """

    positional: tuple[tuple[int, str, Check], ...]
    named: Mapping[str, Check]
    rest: tuple[int, str, Check] | None
    extra: Check | None
    known: frozenset[str]


def own_parameters(task: Task[..., Any]) -> list[inspect.Parameter]:
    """Return a task's parameters without the object or class that a method is bound to."""
    parameters = list(task.signature.parameters.values())
    if parameters and parameters[0].name in _OWNERS and "." in task.__qualname__.rpartition("<locals>.")[2]:
        return parameters[1:]
    return parameters


def parameter_checks(
    inputs: bool | Mapping[str, Any], task: Task[..., Any], builder: Builder
) -> dict[str, Check]:
    """Return the check of each parameter that has one, by name.

    Raises:
        TypeError: An annotation cannot be resolved, or `inputs` names what is no parameter.
    """
    parameters = own_parameters(task)
    if inputs is True:
        annotations = Annotations(task.__wrapped__)
        found = {each.name: annotations.of(each.name) for each in parameters}
        return {name: builder.input_check(each) for name, each in found.items() if is_checkable(each)}
    specs = inputs if isinstance(inputs, Mapping) else {}
    names = {each.name for each in parameters}
    unknown = [name for name in specs if name not in names]
    if unknown:
        raise TypeError(
            f"inputs names {unknown[0]!r}, which is no parameter of task {task.name!r}.\n"
            f"Its parameters: {', '.join(sorted(names)) or 'none'}."
        )
    return {name: builder.input_check(spec) for name, spec in specs.items()}


def argument_checks(
    task: Task[..., Any], checks: Mapping[str, Check], provided: frozenset[str]
) -> ArgumentChecks:
    """Find the place of each check, in calls that leave out the parameters in `provided`."""
    positional: list[tuple[int, str, Check]] = []
    named: dict[str, Check] = {}
    rest: tuple[int, str, Check] | None = None
    extra: Check | None = None
    expected = [each for each in task.signature.parameters.values() if each.name not in provided]
    for index, parameter in enumerate(expected):
        check = checks.get(parameter.name)
        if check is None:
            continue
        if parameter.kind in _POSITIONAL:
            positional.append((index, parameter.name, check))
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            named[parameter.name] = check
        elif parameter.kind is parameter.VAR_POSITIONAL:
            rest = (index, parameter.name, check)
        elif parameter.kind is parameter.VAR_KEYWORD:
            extra = check
    nameable = (
        each.name for each in task.signature.parameters.values() if each.kind is not each.POSITIONAL_ONLY
    )
    return ArgumentChecks(tuple(positional), named, rest, extra, frozenset(nameable))
