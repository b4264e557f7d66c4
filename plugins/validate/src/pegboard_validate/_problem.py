"""What does not fit: where, of what kind, and what was expected instead. Never the value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from pegboard_validate._errors import InvalidInput, InvalidOutput

Refusal = TypeVar("Refusal", InvalidInput, InvalidOutput)

KEPT_MOST = 100
_SHOWN_MOST = 10
_LONGEST_PATH = 120


class Problem(NamedTuple):
    """One field that does not fit.

    Attributes:
        path: Dotted names and indexes from the value down; "" for the value itself.
        kind: One word for machines, in pydantic's or JSON Schema's vocabulary.
        expected: What was expected, for people; "" where the kind is all that may be said.
    """

    path: str
    kind: str
    expected: str

    def under(self, name: str) -> Problem:
        """Put a name in front of the path."""
        return self._replace(path=joined((name, self.path) if self.path else (name,)))


class Unfit(Exception):  # noqa: N818 - a carrier; users see InvalidInput or InvalidOutput
    """Carries the problems from a check to its layer."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = problems


class Check(NamedTuple):
    """How one value is checked; resolved once, so that a value that fits costs one call.

    Attributes:
        apply: Takes a value and returns it, as it is or coerced.
        failures: What `apply` raises for a value that does not fit.
        explain: Takes such an error and tells the problems.
    """

    apply: Callable[[Any], Any]
    failures: tuple[type[Exception], ...]
    explain: Callable[[Any], tuple[Problem, ...]]


def unfit_check(apply: Callable[[Any], Any]) -> Check:
    """Make a check of a function that raises `Unfit`."""
    return Check(apply, (Unfit,), problems_carried)


def problems_carried(error: Unfit) -> tuple[Problem, ...]:
    """Return the problems that an `Unfit` carries."""
    return error.problems


def joined(path: Iterable[str | int]) -> str:
    """Write a path with dots."""
    return ".".join(map(str, path))


def refusal(cls: type[Refusal], task: str, problems: tuple[Problem, ...], what: str, hint: str) -> Refusal:
    """Make the error for a value that does not fit.

    Args:
        cls: Its class.
        task: Name of the task.
        problems: At least one.
        what: The beginning of the message, after the task's name.
        hint: Its end: the way out.
    """
    lines: list[str] = [_line(problem) for problem in problems[:_SHOWN_MOST]]
    if len(problems) > _SHOWN_MOST:
        lines.append(f"- and {len(problems) - _SHOWN_MOST} more")
    return cls(
        "\n".join([f"task {task!r} {what}:", *lines, hint]),
        task=task,
        field=problems[0].path,
        errors=tuple((problem.path, problem.kind) for problem in problems[:KEPT_MOST]),
    )


def _line(problem: Problem) -> str:
    where = _cut(problem.path) or "the value itself"
    return (
        f"- {where}: {problem.expected} ({problem.kind})"
        if problem.expected
        else f"- {where}: {problem.kind}"
    )


def _cut(path: str) -> str:
    """Take the middle out of a path that is too long to read; `errors` has it in full."""
    return (
        path
        if len(path) <= _LONGEST_PATH
        else f"{path[: _LONGEST_PATH // 2]} … {path[-_LONGEST_PATH // 2 :]}"
    )
