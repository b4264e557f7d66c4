"""Checks by pydantic: of an annotation, and of text that holds JSON for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from pegboard_validate._problem import Check, Problem, Unfit
from pegboard_validate.json.text import TextBounds, document
from pegboard_validate.types.errors import PydanticErrors
from pegboard_validate.types.from_text import reads_text
from pegboard_validate.types.translation import translated

_CONFIG = ConfigDict(arbitrary_types_allowed=True)  # a class that pydantic does not know: its instances pass


def pydantic_check(
    annotation: object, *, strict: bool, sensitive: bool, bounds: TextBounds | None = None
) -> Check:
    """Return the check of an annotation.

    Args:
        annotation: A type, or anything else that can stand where one does.
        strict: Whether nothing is coerced.
        sensitive: Whether problems tell no more than path and kind.
        bounds: How much JSON a text may hold, where text is read as JSON if it can be nothing else; None: it never is.
    """
    adapter = _adapter_of(annotation)
    # The methods of the compiled validator: those of the adapter cost four times as much.
    validate: Callable[..., Any] = adapter.validator.validate_python
    validate_json: Callable[..., Any] = adapter.validator.validate_json
    if strict:
        validate = functools.partial(validate, strict=True)
        validate_json = functools.partial(validate_json, strict=True)
    errors = PydanticErrors(adapter.core_schema, sensitive=sensitive)
    if bounds is None or not reads_text(annotation):
        return Check(validate, (ValidationError,), errors.problems)

    def apply(value: Any) -> Any:
        if isinstance(value, str):
            return validate_json(document(value, bounds))
        return validate(value)

    def explain(error: ValidationError | Unfit) -> tuple[Problem, ...]:
        return error.problems if isinstance(error, Unfit) else errors.problems(error)

    return Check(apply, (ValidationError, Unfit), explain)


def _adapter_of(annotation: object) -> TypeAdapter[object]:
    """Return pydantic's adapter for an annotation.

    Classes that pydantic does not know are checked with `isinstance`; attrs classes field by field.
    """
    wanted = translated(annotation)
    try:
        adapter: TypeAdapter[object] = TypeAdapter(wanted, config=_CONFIG)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        adapter = TypeAdapter(wanted)  # a model, dataclass or TypedDict, which has a configuration of its own
    return adapter
