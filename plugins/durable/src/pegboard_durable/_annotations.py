"""What a task's annotation says about its result: whether that could ever be recorded."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pegboard_durable._codec import exact_values

if TYPE_CHECKING:
    from pegboard import Task


def unrecordable(task: Task[..., Any]) -> type | None:
    """Return a class that a task says it returns, or yields, and of which no value can be recorded; None without one."""
    try:
        told = typing.get_type_hints(inspect.unwrap(task.__wrapped__)).get("return")
    except Exception:  # noqa: BLE001 - names that are not there at run time say nothing
        return None
    if task.kind.endswith("generator"):
        told = (typing.get_args(told) or (None,))[0]
    return next((each for each in _classes(told) if not _may_be_recorded(each)), None)


def _classes(told: Any) -> Iterator[type]:
    """The classes that a value must be of; of a union only what all of them say."""
    origin = typing.get_origin(told)
    if origin in (list, tuple, dict, set, frozenset):
        for each in typing.get_args(told):
            yield from _classes(each)
    elif origin is typing.Annotated:
        yield from _classes(typing.get_args(told)[0])
    elif isinstance(told, type) and origin is None:
        yield told


def _may_be_recorded(cls: type) -> bool:
    """Whether a value of this class, or of a subclass, may be; what is abstract says nothing."""
    if (
        cls is object
        or inspect.isabstract(cls)
        or getattr(cls, "_is_protocol", False)
        or cls.__module__ == "typing"
    ):
        return True
    return exact_values().holds(cls) or any(map(_may_be_recorded, _subclasses(cls)))


def _subclasses(cls: type) -> list[type]:
    return [] if cls is type else cls.__subclasses__()
