"""Checks by pydantic: of an annotation, and of text that holds JSON for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from pegboard_validate._problem import Check, Problem, Unfit
from pegboard_validate.json.text import TextLimits, document
from pegboard_validate.types.adapter import adapter_of
from pegboard_validate.types.errors import PydanticErrors
from pegboard_validate.types.text_types import reads_text


def pydantic_check(
    annotation: object, *, strict: bool, sensitive: bool, limits: TextLimits | None = None
) -> Check:
    """Return the check of an annotation.

    Args:
        annotation: A type, or anything else that can stand where one does.
        strict: Whether nothing is coerced.
        sensitive: Whether problems tell no more than path and kind.
        limits: How much JSON a text may hold, where text is read as JSON if it can be nothing else; None: it never is.
    """
    adapter = adapter_of(annotation)
    # The methods of the compiled validator: those of the adapter cost four times as much.
    validate: Callable[..., Any] = adapter.validator.validate_python
    validate_json: Callable[..., Any] = adapter.validator.validate_json
    if strict:
        validate = functools.partial(validate, strict=True)
        validate_json = functools.partial(validate_json, strict=True)
    errors = PydanticErrors(adapter.core_schema, sensitive=sensitive)
    if limits is None or not reads_text(annotation):
        return Check(validate, (ValidationError,), errors.problems)

    def apply(value: Any) -> Any:
        if isinstance(value, str):
            return validate_json(document(value, limits))
        return validate(value)

    def explain(error: ValidationError | Unfit) -> tuple[Problem, ...]:
        return error.problems if isinstance(error, Unfit) else errors.problems(error)

    return Check(apply, (ValidationError, Unfit), explain)
