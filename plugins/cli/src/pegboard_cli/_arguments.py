"""Fitting the words of a command line to the signature of a task."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from pegboard.sessions.default import serving_session
from pegboard_cli._annotations import hints_of, is_flag
from pegboard_cli._convert import convert
from pegboard_cli._failures import preparing
from pegboard_cli._usage import POSITIONAL, dashed, usage

if TYPE_CHECKING:
    from pegboard import Session, Task

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Misfit(ValueError):  # noqa: N818 - of a word, on its way to a message
    """Raised for a word that a parameter cannot take."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(parameter, reason)
        self.parameter = parameter
        self.reason = reason


def fit(
    words: tuple[str, ...], signature: inspect.Signature, hints: Mapping[str, Any], *, sensitive: bool = False
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
    read = _Words(signature, hints)
    positional, named = read.split(words)
    try:
        args = [_value(name, [word], hints.get(name, Any)) for word, name in _paired(positional, signature)]
        kwargs = {name: _value(f"--{dashed(name)}", given, read.hint(name)) for name, given in named.items()}
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
        raise click.UsageError(f"{error}.\nThe task takes {usage(signature, hints)}") from None


def callers_part(task: Task[..., Any], session: Session) -> inspect.Signature:
    """Return the task's signature without what its plugins fill in."""
    provided = session.explain(task).provided
    signature = inspect.signature(task)
    return signature.replace(
        parameters=[each for each in signature.parameters.values() if each.name not in provided]
    )


def arguments_of(task: Task[..., Any], words: tuple[str, ...]) -> inspect.BoundArguments:
    """Bind words to what a task takes in the session that serves here.

    Raises:
        click.UsageError: A word does not fit; the message names parameter and signature.
    """
    with preparing():
        signature = callers_part(task, serving_session())
        hints = hints_of(task.__wrapped__, signature)
    return fit(words, signature, hints, sensitive=task.sensitive)


class _Words:
    """Tells the words of one command line apart."""

    def __init__(self, signature: inspect.Signature, hints: Mapping[str, Any]) -> None:
        self._signature = signature
        self._hints = hints
        self._kinds = {parameter.name: parameter.kind for parameter in signature.parameters.values()}

    def split(self, words: tuple[str, ...]) -> tuple[list[str], dict[str, list[str]]]:
        """Return the positional words, and those of each name."""
        positional: list[str] = []
        named: dict[str, list[str]] = {}
        rest = list(reversed(words))
        while rest:
            word = rest.pop()
            if word == "--":
                return positional + rest[::-1], named
            if word.startswith("--"):
                name, value = self._named(word[2:], rest)
                named.setdefault(name, []).append(value)
            else:
                positional.append(word)
        return positional, named

    def _named(self, word: str, rest: list[str]) -> tuple[str, str]:
        """Read `--name value`, `--name=value`, `--flag` or `--no-flag`."""
        written, equals, value = word.partition("=")
        name = written.replace("-", "_")
        if not equals and name not in self._kinds and name.startswith("no_") and is_flag(self.hint(name[3:])):
            return name[3:], "false"
        self._check_name(written, name)
        if equals:
            return name, value
        if is_flag(self.hint(name)):
            return name, "true"
        if not rest or rest[-1].startswith("--"):
            way_out = f" For a text that begins with dashes: --{written}={rest[-1]}" if rest else ""
            raise click.UsageError(f"--{written} needs a value.{way_out}")
        return name, rest.pop()

    def hint(self, name: str) -> Any:
        """Return the annotation of a parameter that may be named; of another name that of `**named`."""
        if self._kinds.get(name) not in _NAMED:
            name = next(
                (each for each, kind in self._kinds.items() if kind is inspect.Parameter.VAR_KEYWORD), ""
            )
        return self._hints.get(name, Any)

    def _check_name(self, written: str, name: str) -> None:
        kinds = self._kinds
        if kinds.get(name) in _NAMED or inspect.Parameter.VAR_KEYWORD in kinds.values():
            return
        near = difflib.get_close_matches(name, [each for each in kinds if kinds[each] in _NAMED], 1)
        hint = f" Did you mean --{dashed(near[0])}?" if near else ""
        takes = usage(self._signature, self._hints)
        raise click.UsageError(f"the task has no parameter --{written}.{hint}\nIt takes {takes}")


def _paired(words: list[str], signature: inspect.Signature) -> Iterator[tuple[str, str]]:
    """Pair each positional word with the name of its parameter; what is too much is found by binding."""
    names = [parameter.name for parameter in signature.parameters.values() if parameter.kind in POSITIONAL]
    starred = [p.name for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL]
    for index, word in enumerate(words):
        yield word, names[index] if index < len(names) else (starred or [""])[0]


def _value(label: str, given: list[str], hint: Any) -> Any:
    try:
        return convert(given, hint)
    except ValueError as error:
        raise Misfit(label, str(error)) from None
