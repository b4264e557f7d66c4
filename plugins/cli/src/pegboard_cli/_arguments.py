"""Fitting the words of a command line to the signature of a task."""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Iterator
from typing import Any

import click

from pegboard_cli._convert import convert, element_type

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Misfit(ValueError):  # noqa: N818 - of a word, on its way to a message
    """Raised for a word that a parameter cannot take."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(parameter, reason)
        self.parameter = parameter
        self.reason = reason


def fit(
    words: tuple[str, ...], signature: inspect.Signature, hints: dict[str, Any], *, sensitive: bool = False
) -> inspect.BoundArguments:
    """Bind words to parameters: `3 --day 2024-01-01 --force`, `--no-force`, `--tag a --tag b`.

    Args:
        words: What follows the task on the command line. A word that begins with `--` names a parameter, up to a
            bare `--`; all others are positional.
        signature: The task's.
        hints: Annotations by parameter name.
        sensitive: Do not show a word that does not fit.

    Raises:
        click.UsageError: A word does not fit; the message names parameter and signature.
    """
    positional, named = _split(words, signature, hints)
    try:
        args = [_value(word, parameter, hints) for word, parameter in _paired(positional, signature)]
        kwargs = {name: _named_value(name, given, hints) for name, given in named.items()}
    except Misfit as misfit:
        reason = (
            "the value does not fit; it is not shown, as the task is sensitive"
            if sensitive
            else misfit.reason
        )
        raise click.UsageError(f"{misfit.parameter}: {reason}.") from None
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise click.UsageError(f"{error}.\nThe task takes {usage(signature)}") from None


def usage(signature: inspect.Signature) -> str:
    """Write a signature the way it is called from the command line."""
    return " ".join(_usage(parameter) for parameter in signature.parameters.values()) or "no arguments"


def hints_of(function: Any) -> dict[str, Any]:
    """Resolve the annotations of a function; where they cannot be, none are known and words are read as JSON or text."""
    try:
        return typing.get_type_hints(inspect.unwrap(function))
    except (NameError, TypeError, AttributeError):
        return {}


def _usage(parameter: inspect.Parameter) -> str:
    name = parameter.name
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"[{name.upper()} ...]"
    if parameter.kind is parameter.VAR_KEYWORD:
        return "[--NAME VALUE ...]"
    word = name.upper() if parameter.kind in _POSITIONAL else f"--{_dashed(name)} {name.upper()}"
    return word if parameter.default is parameter.empty else f"[{word}]"


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _split(
    words: tuple[str, ...], signature: inspect.Signature, hints: dict[str, Any]
) -> tuple[list[str], dict[str, list[str]]]:
    """Tell positional words from named ones."""
    positional: list[str] = []
    named: dict[str, list[str]] = {}
    rest = iter(words)
    for word in rest:
        if word == "--":
            positional.extend(rest)
        elif word.startswith("--"):
            name, value = _named(word, rest, signature, hints)
            named.setdefault(name, []).append(value)
        else:
            positional.append(word)
    return positional, named


def _named(
    word: str, rest: Iterator[str], signature: inspect.Signature, hints: dict[str, Any]
) -> tuple[str, str]:
    """Read `--name value`, `--name=value`, `--flag` or `--no-flag`."""
    written, equals, value = word[2:].partition("=")
    name = written.replace("-", "_")
    if not equals and name.startswith("no_") and hints.get(name[3:]) is bool:
        return name[3:], "false"
    _check_name(written, name, signature)
    if equals:
        return name, value
    if hints.get(name) is bool:
        return name, "true"
    try:
        return name, next(rest)
    except StopIteration:
        raise click.UsageError(f"--{written} needs a value.") from None


def _check_name(written: str, name: str, signature: inspect.Signature) -> None:
    kinds = {parameter.name: parameter.kind for parameter in signature.parameters.values()}
    if kinds.get(name) in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
        return
    if inspect.Parameter.VAR_KEYWORD in kinds.values():
        return
    near = difflib.get_close_matches(name, kinds, 1)
    hint = f" Did you mean --{_dashed(near[0])}?" if near else ""
    raise click.UsageError(f"the task has no parameter --{written}.{hint}\nIt takes {usage(signature)}")


def _paired(words: list[str], signature: inspect.Signature) -> Iterator[tuple[str, str]]:
    """Pair each positional word with the name of its parameter; what is too much is found by binding."""
    names = [parameter.name for parameter in signature.parameters.values() if parameter.kind in _POSITIONAL]
    starred = [p.name for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL]
    for index, word in enumerate(words):
        yield word, names[index] if index < len(names) else (starred or [""])[0]


def _value(word: str, name: str, hints: dict[str, Any]) -> Any:
    try:
        return convert(word, hints.get(name, Any))
    except ValueError as error:
        raise Misfit(name, str(error)) from None


def _named_value(name: str, given: list[str], hints: dict[str, Any]) -> Any:
    """Convert what a name was given; several times means a collection, where that is what the parameter is."""
    element = element_type(hints.get(name))
    if element is not None and not (len(given) == 1 and given[0].startswith("[")):
        kind = typing.get_origin(hints[name]) or hints[name]
        return kind(_value(word, name, {name: element}) for word in given)
    if len(given) > 1:
        raise click.UsageError(f"--{_dashed(name)} is given {len(given)} times.")
    return _value(given[0], name, hints)
