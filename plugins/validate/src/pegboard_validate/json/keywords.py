"""What a JSON Schema keyword expected, said without the value: jsonschema's own messages begin with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pegboard_validate._problem import Problem, joined

_LONGEST = 120
# Keyword -> what it expects; the braces hold what the schema says.
_EXPECTED = {
    "type": "{} was expected",
    "enum": "one of {} was expected",
    "const": "{} was expected",
    "pattern": "text that matches {} was expected",
    "format": "text in the format {} was expected",
    "minLength": "at least {} characters were expected",
    "maxLength": "at most {} characters were expected",
    "minimum": "a number of at least {} was expected",
    "maximum": "a number of at most {} was expected",
    "exclusiveMinimum": "a number above {} was expected",
    "exclusiveMaximum": "a number below {} was expected",
    "multipleOf": "a multiple of {} was expected",
    "minItems": "at least {} items were expected",
    "maxItems": "at most {} items were expected",
    "minProperties": "at least {} fields were expected",
    "maxProperties": "at most {} fields were expected",
    "uniqueItems": "items that differ from each other were expected",
    "additionalProperties": "no other fields than those named were expected",
    "unevaluatedProperties": "no other fields than those named were expected",
    "contains": "an item of a certain form was expected",
    "anyOf": "one of several forms was expected",
    "oneOf": "exactly one of several forms was expected",
    "not": "another form was expected",
}


def problem_of(error: Any, names: frozenset[str], *, sensitive: bool) -> Iterator[Problem]:
    """Tell what one error of jsonschema is about; several problems where several fields are missing.

    Args:
        error: A ValidationError of jsonschema.
        names: Names that the schema holds. Other names in the path are the value's, and shown as `*`.
        sensitive: Whether to say no more than path and keyword.
    """
    path = [
        part if isinstance(part, int) or (isinstance(part, str) and part in names) else "*"
        for part in error.absolute_path
    ]
    keyword = str(error.validator)
    if keyword == "required" and isinstance(error.validator_value, list):
        missing = [name for name in error.validator_value if name not in error.instance]
        yield from (Problem(joined([*path, name]), "missing", _MISSING) for name in missing)
        return
    yield Problem(joined(path), keyword, "" if sensitive else _expected(keyword, error.validator_value))


_MISSING = "this field is required"


def _expected(keyword: str, said: Any) -> str:
    template = _EXPECTED.get(keyword, "")
    if keyword == "type":
        return template.format(" or ".join(said) if isinstance(said, list) else said)
    return template.format(_shown(said)) if "{}" in template else template


def _shown(said: Any) -> str:
    """What the schema says, which its author wrote; cut where it is long."""
    text = json.dumps(said, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
