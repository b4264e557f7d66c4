"""The option of a task: what its spans tell."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import attrs

from pegboard import Option
from pegboard.parts import checks

Code = Literal["name", "all", "off"]


def _check_arguments(_option: Traced, _field: Any, names: object) -> None:
    if isinstance(names, tuple) and all(isinstance(name, str) and name.isidentifier() for name in names):
        return
    example = (
        f"arguments=({checks.shown(names)},)"
        if isinstance(names, str) and names.isidentifier()
        else 'arguments=("day",)'
    )
    raise TypeError(
        f"Traced takes a tuple of parameter names, not {checks.shown(names)}. Write: Traced({example})."
    )


def _check_expected(_option: Traced, _field: Any, errors: object) -> None:
    if isinstance(errors, tuple) and all(
        isinstance(error, type) and issubclass(error, Exception) for error in errors
    ):
        return
    name = errors.__name__ if isinstance(errors, type) else "KeyError"
    raise TypeError(
        f"Traced takes a tuple of exception classes as expected, not {checks.shown(errors)}. Write: Traced(expected=({name},))."
    )


@attrs.frozen
class Traced(Option):
    """What the spans of one task record.

    Attributes:
        arguments: Names of parameters whose values become attributes `pegboard.argument.<name>`, cut at 256
            characters, a `Secret` as `***`. By default no value does. A sensitive task refuses names here.
        messages: Whether the messages and stack traces of exceptions are recorded, beside their types. A sensitive task's
            never are.
        code: `name` records the function's qualified name, `all` also its file and line, `off` nothing.
        hits: Whether a call that a cache serves has a span. Without, it is only counted on the span around it, as
            `pegboard.cache.hits`; the others' spans are current while the function runs, and not in the layers around it.
        expected: Exceptions that are part of a normal day: the span's status stays unset, and no event is recorded.
    """

    plugin_name: ClassVar[str] = "tracing"

    arguments: tuple[str, ...] = attrs.field(default=(), validator=_check_arguments)
    messages: bool = attrs.field(default=True, validator=checks.flag())
    code: Code = attrs.field(default="name", validator=checks.one_of("name", "all", "off"))
    hits: bool = attrs.field(default=True, validator=checks.flag())
    expected: tuple[type[Exception], ...] = attrs.field(default=(), validator=_check_expected)

    @property
    def stores_values(self) -> bool:  # type: ignore[override] # only the option with names keeps values
        """Whether inputs are recorded: what a sensitive task refuses."""
        return bool(self.arguments)
