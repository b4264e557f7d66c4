"""A cheap check that the arguments of a call fit, before any layer sees it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pegboard.calls.call import Call

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Arity(NamedTuple):
    """What arguments fit: how few and how many where all are positional, and a full check for the rest.

    A wrong call must not count as an attempt, let alone be retried. The two numbers are for runners to compare at once:
    `if call.kwargs or not least <= len(call.args) <= most: check(call)`.

    Attributes:
        least: Fewest positional arguments that fit alone.
        most: Most of them.
        check: Raises TypeError for a call whose arguments do not fit.
    """

    least: int
    most: float
    check: Callable[[Call], None]


def arity(name: str, signature: inspect.Signature, provided: frozenset[str]) -> Arity:
    """Work out what arguments fit; parameters in `provided` are filled in by a layer, by name."""
    expected = without(signature, provided)

    parameters = [*expected.parameters.values()]
    fits = _fitting(parameters)
    numbers = [number for number in range(len(parameters) + 1) if fits(number, frozenset())]
    endless = any(each.kind is each.VAR_POSITIONAL for each in parameters)

    def check(call: Call) -> None:
        if fits(len(call.args), call.kwargs.keys() - provided if provided else call.kwargs.keys()):
            return
        kwargs = {key: value for key, value in call.kwargs.items() if key not in provided}
        try:
            expected.bind(*call.args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}() {error}") from None

    if not numbers:  # some have to be given by name
        return Arity(1, 0, check)
    return Arity(numbers[0], float("inf") if endless else numbers[-1], check)


def without(signature: inspect.Signature, names: frozenset[str]) -> inspect.Signature:
    """Return a signature without some of its parameters."""
    return signature.replace(parameters=[p for p in signature.parameters.values() if p.name not in names])


UNCHECKED = Arity(0, float("inf"), lambda _: None)  # a builtin that does not tell its signature


def _fitting(parameters: list[inspect.Parameter]) -> Callable[[int, AbstractSet[str]], bool]:
    """Make a test of a number of positional arguments and a set of names, in a tenth of the time that `bind` takes.

    What does not fit, `bind` says best.
    """
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    by_name = {each.name for each in parameters if each.kind in _NAMED}
    any_number = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    any_name = any(each.kind is each.VAR_KEYWORD for each in parameters)
    required = {each.name for each in parameters if each.default is each.empty and each.kind in _NAMED}
    taken, needed = (
        [],
        [],
    )  # by the number of positional arguments: names they take, and names that are left to give
    for number in range(len(positional) + 1):
        first = {each.name for each in positional[:number]}
        taken.append(first & by_name)
        missing = any(
            each.kind is each.POSITIONAL_ONLY and each.default is each.empty for each in positional[number:]
        )
        needed.append(None if missing else required - first)
    most = len(positional)

    def fits(number: int, names: AbstractSet[str]) -> bool:
        if number > most:
            if not any_number:
                return False
            number = most
        must = needed[number]
        if must is None or not must <= names or not names.isdisjoint(taken[number]):
            return False
        return any_name or names <= by_name

    return fits
