"""From the arguments of a call to one value per parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

Values = tuple[Any, ...] | list[Any]
Binder = Callable[[tuple[Any, ...], Mapping[str, Any]], Values]


class MISSING:
    """Stands for a parameter that no argument fills: a layer further in does, or the call fails there."""


def binder(signature: inspect.Signature) -> Binder:
    """Make a function that puts arguments in the order of the parameters, defaults filled in.

    `inspect.Signature.bind` does the same at ten times the cost. The arguments are known to fit.
    """
    parameters = list(signature.parameters.values())
    if any(parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in parameters):
        return _open_binder(signature)
    defaults = [_default(parameter) for parameter in parameters]
    places = {
        parameter.name: place
        for place, parameter in enumerate(parameters)
        if parameter.kind is not parameter.POSITIONAL_ONLY
    }
    count = len(parameters)

    def bind(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Values:
        if len(args) == count:
            return args
        values = [*args, *defaults[len(args) :]]
        for name, value in kwargs.items():
            values[places[name]] = value
        return values

    return bind


def _open_binder(signature: inspect.Signature) -> Binder:
    """The slower way, for `*args` and `**kwargs`."""
    parameters = signature.parameters.values()

    def bind(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Values:
        bound = signature.bind_partial(*args, **kwargs).arguments
        return [bound.get(parameter.name, _default(parameter)) for parameter in parameters]

    return bind


def _default(parameter: inspect.Parameter) -> Any:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return ()
    if parameter.kind is parameter.VAR_KEYWORD:
        return {}
    return MISSING if parameter.default is parameter.empty else parameter.default
