"""Names of tasks, and the templates some of them are."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from pegboard import texts
from pegboard.errors import InvalidName
from pegboard.parts.awaiting import GIVES_COROUTINE, is_async_function

if TYPE_CHECKING:
    from pegboard.records import Kind
    from pegboard.tasks.task import Task


MAP_INDEX = "map_index"
_VALUE_LENGTH = 64


def without_partial(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a `functools.partial` holds; anything else is itself."""
    return function.func if isinstance(function, functools.partial) else function


def default_name(function: Callable[..., Any]) -> str:
    """Name a callable: its qualified name after any `<locals>.`; the type's name where it has none (an instance)."""
    held = without_partial(function)
    if getattr(held, GIVES_COROUTINE, False) is True and hasattr(held, "__self__"):  # a way to call a task
        return f"{held.__self__.name}.{held.__name__}"
    name = getattr(held, "__qualname__", None) or type(held).__qualname__
    return str(name).rpartition("<locals>.")[2]


def show(value: object) -> str:
    """Render one value for a name: escaped, cut, and never failing."""
    return texts.cut(texts.one_line(texts.text_of(value), texts.JOINERS), _VALUE_LENGTH)


class NameTemplate(NamedTuple):
    """A name with `{parameter}` and `{map_index}` in it.

    Attributes:
        text: As it was written; the static name of the task.
        parts: Pairs of literal text and the placeholder after it, or None.
    """

    text: str
    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, text: str, parameters: Mapping[str, inspect.Parameter]) -> NameTemplate | None:
        """Check `text` against the parameters of the task; None when it holds no brace at all.

        Raises:
            InvalidName: It is no text, empty, or holds anything but parameters and `map_index`.
        """
        if not isinstance(text, str):
            raise InvalidName(f"a task's name is a str, not {text!r}.", name=text)
        if not text.strip(texts.JOINERS).strip():
            raise InvalidName("a task's name cannot be empty.", name=text)
        bad = next((c for c in text if not c.isprintable() and c not in texts.JOINERS), None)
        if bad is not None:
            raise InvalidName(
                f"task name {text!r} holds {bad!a}. Names are shown in logs and on terminals, and what is not printable could "
                f"break a line there, or hide what stands in it.\nLeave it out; a value that may hold it can be a {{parameter}} "
                f"of the name, which is escaped.",
                name=text,
            )
        import string

        try:
            fields = list(string.Formatter().parse(text))
        except ValueError as error:
            raise InvalidName(
                f"task name {text!r}: {error}. Write {{{{ and }}}} for braces.", name=text
            ) from None
        parts = tuple(
            (literal, _placeholder(text, field, spec, conversion, parameters))
            for literal, field, spec, conversion in fields
        )
        return cls(text, parts) if "{" in text or "}" in text else None

    def render(self, inputs: Mapping[str, Any], map_index: int | None) -> str:
        """Fill the placeholders in; outside a map `map_index` is empty."""
        values = {MAP_INDEX: "" if map_index is None else map_index, **inputs}
        return "".join(
            text if name is None else text + show(values.get(name, "")) for text, name in self.parts
        )


def _placeholder(
    text: str,
    field: str | None,
    spec: str | None,
    conversion: str | None,
    parameters: Mapping[str, inspect.Parameter],
) -> str | None:
    if field is None:
        return None
    allowed = [*parameters, MAP_INDEX]
    if field not in allowed or spec or conversion:
        written = "{" + field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
        raise InvalidName(
            f"task name {text!r} holds {written}.\n"
            f"A name may only hold whole parameters, without attributes, indexes, conversions or format specs: "
            f"{', '.join('{' + name + '}' for name in allowed)}.",
            name=text,
        )
    return field


P = ParamSpec("P")
R = TypeVar("R")

# What inspect looks at to tell the kind and signature of a callable that is no function.
FUNCTION_ATTRIBUTES = ("__code__", "__defaults__", "__kwdefaults__", "__annotations__")


def kind_of(function: Callable[..., Any]) -> Kind:
    """Tell the kind of a callable; of an instance, by its `__call__`."""
    body = body_of(function)
    if inspect.isasyncgenfunction(body):
        return "async_generator"
    if is_async_function(body):
        return "coroutine"
    return "generator" if inspect.isgeneratorfunction(body) else "function"


def body_of(function: Callable[..., Any]) -> Any:
    """What runs when a callable is called: of an instance that does not look like a function, its `__call__`."""
    held = without_partial(function)
    return held if inspect.isroutine(held) or hasattr(held, "__code__") else type(held).__call__


def copy_metadata(task: Task[P, R], function: Callable[P, R]) -> None:
    """Make a task look like its function, to people and to `inspect`; no attribute hides a way to call the task."""
    held, body = without_partial(function), body_of(function)
    task.__name__ = type(held).__name__  # of an instance, which has no names itself
    task.__qualname__ = type(held).__qualname__
    functools.update_wrapper(task, held)
    for attribute in getattr(held, "__dict__", ()):
        if hasattr(type(task), attribute) and not attribute.startswith("__"):
            task.__dict__.pop(attribute, None)
    for attribute in FUNCTION_ATTRIBUTES:
        if hasattr(body, attribute):
            setattr(task, attribute, getattr(body, attribute))
    task.__wrapped__ = function


def is_in_class_body(function: object) -> bool:
    """Whether a function is written in the body of a class."""
    return "." in getattr(function, "__qualname__", "").rpartition("<locals>.")[2]
