"""What a function's annotations say: of its parameters, of what it returns, of the items of a stream."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any

from pegboard import Secret

UNKNOWN = object()
# The classes of files in typing are no base of any file.
_SILENT = (
    Any,
    object,
    typing.Self,
    typing.LiteralString,
    typing.Never,
    typing.NoReturn,
    typing.TextIO,
    typing.BinaryIO,
)
_SILENT_ORIGINS = (typing.Unpack, typing.IO)


class Annotations:
    """The annotations of a callable, each resolved when it is asked for.

    Args:
        function: A function, a `functools.partial` of one, or an object with `__call__`.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        body = inspect.unwrap(function.func if isinstance(function, functools.partial) else function)
        self._body: Any = body if hasattr(body, "__globals__") else type(body).__call__
        self._written: dict[str, Any] = dict(getattr(self._body, "__annotations__", {}))

    def of(self, name: str) -> Any:
        """Return the annotation of a parameter, or of `return`; `UNKNOWN` where there is none.

        Raises:
            TypeError: It is written as text, and names something that is not there at run time.
        """
        if name not in self._written:
            return UNKNOWN
        only = types.SimpleNamespace(__annotations__={name: self._written[name]})
        try:
            hints = typing.get_type_hints(only, self._globals(), self._nonlocals(), include_extras=True)
        except NameError as error:
            raise TypeError(
                f"the annotation of {name!r}, {self._written[name]!r}, cannot be resolved: {error}.\n"
                f"Import what it names at the top of the module, outside `if TYPE_CHECKING`, or define it there."
            ) from None
        return hints[name]

    def of_items(self) -> Any:
        """Return what a generator function says that it yields; `UNKNOWN` where it does not say."""
        arguments = typing.get_args(self.of("return"))
        return arguments[0] if arguments else UNKNOWN

    def _globals(self) -> dict[str, Any]:
        return getattr(self._body, "__globals__", {})

    def _nonlocals(self) -> dict[str, Any]:
        """Names of the function around that the body uses: all that is left of it."""
        try:
            return dict(inspect.getclosurevars(self._body).nonlocals)
        except TypeError:  # no Python function
            return {}


def is_annotation(spec: object) -> bool:
    """Whether something can stand where a type does."""
    return (
        spec is Any
        or isinstance(spec, type | types.UnionType | typing.NewType | typing.TypeVar)
        or typing.get_origin(spec) is not None
        or type(spec).__name__ == "TypeAliasType"  # of typing, and of typing_extensions before Python 3.12
    )


def is_checkable(annotation: Any) -> bool:
    """Whether an annotation says something that can be checked, and is not about a Secret."""
    return not says_nothing(annotation) and not _is_secret(annotation)


def says_nothing(annotation: Any) -> bool:
    """Whether an annotation means something to type checkers alone, or allows anything."""
    return (
        # `UNKNOWN`, or a function in the place of a type, as `threading.Lock` is.
        not is_annotation(annotation)
        or any(annotation is each for each in _SILENT)
        or isinstance(annotation, typing.TypeVar)
        or annotation is typing.IO
        or typing.get_origin(annotation) in _SILENT_ORIGINS
        or (
            getattr(annotation, "_is_protocol", False)
            and not getattr(annotation, "_is_runtime_protocol", False)
        )
    )


def _is_secret(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        return any(_is_secret(each) for each in typing.get_args(annotation))
    return annotation is Secret or origin is Secret
