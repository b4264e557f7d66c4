"""What the annotations of a function say, evaluated where they are text."""

from __future__ import annotations

import inspect
import sys
from typing import Any


def annotation_of(parameter: inspect.Parameter, function: Any) -> Any:
    """The type of a parameter; None where there is none, or what it names is not imported."""
    found = _evaluated(parameter.annotation, function)
    if found is None or parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        return found
    return list[found] if parameter.kind is parameter.VAR_POSITIONAL else dict[str, found]  # type: ignore[valid-type]


def result_annotation(function: Any) -> Any:
    """The type of what a function returns, or a coroutine when it is awaited; None as above."""
    annotations = getattr(inspect.unwrap(function), "__annotations__", {})
    return _evaluated(annotations.get("return", inspect.Parameter.empty), function)


def _evaluated(found: Any, function: Any) -> Any:
    if isinstance(found, str):
        module = sys.modules.get(getattr(function, "__module__", ""))
        names = getattr(inspect.unwrap(function), "__globals__", vars(module) if module else {})
        try:
            found = eval(found, names)  # noqa: S307 - the program's own source, as `typing.get_type_hints` reads it
        except Exception:  # noqa: BLE001 - imported for type checkers only; then the file alone tells the type
            return None
    return None if found is inspect.Parameter.empty else found
