"""Decorators that make a task whose result is checked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, overload

import attrs

from pegboard import InvalidTask, Option, Task, task
from pegboard_validate._format import OutputFormat
from pegboard_validate._option import Validate
from pegboard_validate.types.from_text import is_record

P = ParamSpec("P")
T = TypeVar("T")


class TaskOf(Generic[T]):
    """A decorator that makes a task whose result, or every item of it, is a T.

    Args:
        output: What the result is checked against.
        options: Further options; a `Validate` among them may check the inputs.
        settings: Keywords of `task`.
    """

    def __init__(self, output: object, options: tuple[Option, ...], settings: Mapping[str, Any]) -> None:
        given = [option for option in options if isinstance(option, Validate)]
        for option in given[:1]:
            if option.output is not None:
                raise InvalidTask(
                    "the output is checked already; leave `output` out of the Validate beside it."
                )
        own = attrs.evolve(given[0], output=output) if given else Validate(output=output)
        others = [option for option in options if option is not (given[0] if given else None)]
        self._make = task(own, *others, **settings)

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, Any]], /
    ) -> Task[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __call__(self, function: Callable[P, AsyncIterator[Any]], /) -> Task[P, AsyncIterator[T]]: ...
    @overload
    def __call__(self, function: Callable[P, Iterator[Any]], /) -> Task[P, Iterator[T]]: ...
    @overload
    def __call__(self, function: Callable[P, object], /) -> Task[P, T]: ...
    def __call__(self, function: Callable[..., Any], /) -> Any:
        """Make the task."""
        return self._make(function)


@overload
def pydantic_task(
    model: type[T],
    /,
    *options: Option,
    name: str | None = ...,
    description: str | None = ...,
    tags: Iterable[str] = ...,
    sensitive: bool = ...,
) -> TaskOf[T]: ...
@overload
def pydantic_task(
    *options: Option,
    model_class: type[T],
    name: str | None = ...,
    description: str | None = ...,
    tags: Iterable[str] = ...,
    sensitive: bool = ...,
) -> TaskOf[T]: ...
@overload
def pydantic_task(
    *options: Option,
    model: type[T],
    name: str | None = ...,
    description: str | None = ...,
    tags: Iterable[str] = ...,
    sensitive: bool = ...,
) -> TaskOf[T]: ...
def pydantic_task(
    *given: Any, model_class: type[Any] | None = None, model: type[Any] | None = None, **settings: Any
) -> Any:
    """Make a task whose result becomes an instance of a model: `@pydantic_task(Order)`.

    An instance, a dict, JSON text and fenced JSON are accepted; another value fails the attempt with `InvalidOutput`.

    Args:
        given: The model, unless it is named, and options as `task` takes them.
        model_class: The model: a pydantic model, a dataclass, an attrs class or a TypedDict.
        model: Another name for it.
        settings: `name`, `description`, `tags` and `sensitive`, as `task` takes them.

    Raises:
        InvalidTask: No model, or more than one, or something else in its place.
    """
    options = given[1:] if given and not isinstance(given[0], Option) else given
    models = [each for each in (*given[: len(given) - len(options)], model_class, model) if each is not None]
    if len(models) != 1 or not is_record(models[0]):
        found = "none" if not models else ", ".join(_described(each) for each in models)
        raise InvalidTask(
            f"pydantic_task takes one model, and got {found}.\n"
            f"Write @pydantic_task(Order) or @pydantic_task(model_class=Order). "
            f"For another type: @task(Validate(output=list[int]))."
        )
    return TaskOf[Any](models[0], options, settings)


def _described(given: object) -> str:
    return given.__name__ if isinstance(given, type) else f"an instance of {type(given).__name__}"


def json_extraction_task(
    *options: Option,
    schema: Mapping[str, Any] | None = None,
    name: str | None = None,
    description: str | None = None,
    tags: Iterable[str] = (),
    sensitive: bool = False,
) -> TaskOf[Any]:
    """Make a task whose result is JSON of a certain form: `@json_extraction_task(schema={"age": "number"})`.

    A dict, JSON text and fenced JSON are accepted, and what the task returns is the value in it.

    Args:
        options: As `task` takes them.
        schema: JSON Schema or shorthand; without one, any JSON does.
        name: As `task` takes it, and so are the next three.
        description: The description.
        tags: Free strings.
        sensitive: Whether messages tell no more than path and kind.

    Raises:
        InvalidTask: An option is none.
        TypeError, ValueError: The schema is none.
    """
    settings = {"name": name, "description": description, "tags": tags, "sensitive": sensitive}
    if schema is not None and not isinstance(schema, Mapping):
        raise TypeError(
            f"schema is JSON Schema or shorthand, a dict, not an instance of {type(schema).__name__}."
        )
    return TaskOf[Any](OutputFormat.JSON if schema is None else schema, options, settings)


# The last of these four takes what the others take, too; checkers choose the first that fits.
@overload
def string_task(  # type: ignore[overload-overlap]
    function: Callable[P, Coroutine[Any, Any, Any]], /
) -> Task[P, Coroutine[Any, Any, str]]: ...
@overload
def string_task(  # type: ignore[overload-overlap]
    function: Callable[P, AsyncIterator[Any]], /
) -> Task[P, AsyncIterator[str]]: ...
@overload
def string_task(  # type: ignore[overload-overlap]
    function: Callable[P, Iterator[Any]], /
) -> Task[P, Iterator[str]]: ...
@overload
def string_task(function: Callable[P, object], /) -> Task[P, str]: ...
@overload
def string_task(
    *options: Option,
    name: str | None = ...,
    description: str | None = ...,
    tags: Iterable[str] = ...,
    sensitive: bool = ...,
) -> TaskOf[str]: ...
def string_task(*given: Any, **settings: Any) -> Any:
    """Make a task whose result has to be a str: `@string_task`, or `@string_task(Retry(2), name=...)`."""
    if len(given) == 1 and not settings and not isinstance(given[0], Option):
        return TaskOf[str](OutputFormat.STRING, (), {})(given[0])
    return TaskOf[str](OutputFormat.STRING, given, settings)
