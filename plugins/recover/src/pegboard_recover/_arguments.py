"""How a function gets the arguments of a call: as its caller passed them, wherever that fits."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from inspect import Parameter, Signature
from typing import Any

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def forms(task: Signature, function: Signature, passed: Arguments) -> Iterator[Arguments]:
    """Yield the forms that a call's arguments can have for a function, the best first.

    They are as the caller passed them; with the task's defaults, for parameters of the same name for which the function has
    none; all by name; and all by position, if the function has none of the names. A function that takes names alone gets all of
    them.

    Args:
        task: What the call's arguments fit.
        function: What they are for.
        passed: They.
    """
    args, kwargs = passed
    bound = task.bind(*args, **kwargs)
    given = set(bound.arguments)
    bound.apply_defaults()
    named = _all_by_name(bound)
    if named is not None and _takes_names_alone(function):
        yield (), named
    yield passed
    yield args, kwargs | _defaults_for(function, bound, given)
    if named is not None:
        yield (), named
        if not named.keys() & function.parameters.keys():
            yield bound.args, bound.kwargs


def fit(signature: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether arguments fit a signature."""
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def possible_calls(task: Signature, function: Signature) -> Iterator[Arguments]:
    """Yield arguments of every sort that a task may be called with: by position, by name, with and without what has a default.

    Where it takes any number or any name, as many and those that the function may want.
    """
    parameters = [
        each for each in task.parameters.values() if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    more = [*_more_positions(task, function)]
    names = dict.fromkeys(_more_names(task, function))
    for count in range(len(positional) + 1):
        first, rest = positional[:count], [each for each in parameters if each not in positional[:count]]
        if any(each.kind is each.POSITIONAL_ONLY and each.default is each.empty for each in rest):
            continue
        by_name = [each for each in rest if each.kind in _BY_NAME]
        for some in (by_name, [each for each in by_name if each.default is each.empty]):
            kwargs: dict[str, Any] = dict.fromkeys(each.name for each in some)
            yield tuple([None] * len(first)), kwargs
            yield tuple([None] * len(first)), kwargs | names
            if count == len(positional):
                yield from ((tuple([None] * (count + extra)), kwargs) for extra in more)


def _all_by_name(bound: inspect.BoundArguments) -> dict[str, Any] | None:
    """The arguments by name; None where some have no name."""
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is Parameter.VAR_KEYWORD:
            named |= value
        elif kind is not Parameter.VAR_POSITIONAL:
            named[name] = value
        elif value:
            return None
    return named


def _takes_names_alone(function: Signature) -> bool:
    kinds = {each.kind for each in function.parameters.values()}
    return Parameter.VAR_KEYWORD in kinds and not kinds & {*_POSITIONAL, Parameter.VAR_POSITIONAL}


def _defaults_for(function: Signature, bound: inspect.BoundArguments, given: set[str]) -> dict[str, Any]:
    wanted = {
        each.name
        for each in function.parameters.values()
        if each.default is each.empty and each.kind in _BY_NAME
    }
    return {name: bound.arguments[name] for name in wanted & bound.arguments.keys() - given}


def _more_positions(task: Signature, function: Signature) -> Iterator[int]:
    if any(each.kind is each.VAR_POSITIONAL for each in task.parameters.values()):
        yield from range(1, len(function.parameters) + 1)


def _more_names(task: Signature, function: Signature) -> Iterator[str]:
    if any(each.kind is each.VAR_KEYWORD for each in task.parameters.values()):
        yield from (
            each.name
            for each in function.parameters.values()
            if each.kind in _BY_NAME and each.default is each.empty
        )
