"""Making the check that an option asks for; what it needs is imported here, at the first task that wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from pegboard_validate._format import OutputFormat
from pegboard_validate._problem import Check, Problem, Unfit, unfit_check
from pegboard_validate.json.schema import is_json_schema, json_schema_check, takes_text
from pegboard_validate.json.shorthand import shorthand_check
from pegboard_validate.json.text import TextBounds, parsed


@attrs.frozen
class Builder:
    """Makes the checks of one task.

    Attributes:
        strict: Whether pydantic coerces nothing.
        sensitive: Whether problems tell no more than path and kind.
        bounds: How much JSON a text may hold.
    """

    strict: bool
    sensitive: bool
    bounds: TextBounds

    def input_check(self, spec: Any) -> Check:
        """Return the check of an argument: a text is a text, and nothing is read from it."""
        if isinstance(spec, OutputFormat):
            return _json_check(self.bounds) if spec is OutputFormat.JSON else _string_check()
        if isinstance(spec, Mapping) and is_json_schema(spec):
            return unfit_check(json_schema_check(spec, sensitive=self.sensitive))
        if isinstance(spec, str | Mapping | list):
            return unfit_check(shorthand_check(spec))
        from pegboard_validate.types.check import pydantic_check

        return pydantic_check(spec, strict=self.strict, sensitive=self.sensitive)

    def output_check(self, spec: Any) -> Check:
        """Return the check of a result: a text is read as JSON where it can be nothing else."""
        if spec is str:
            return _string_check()
        if isinstance(spec, str | Mapping | list):
            check = self.input_check(spec)
            is_text = spec == "string" or (
                isinstance(spec, Mapping) and is_json_schema(spec) and takes_text(spec)
            )
            return check if is_text else _or_from_text(check, self.bounds)
        if isinstance(spec, OutputFormat):
            return self.input_check(spec)
        from pegboard_validate.types.check import pydantic_check

        return pydantic_check(spec, strict=self.strict, sensitive=self.sensitive, bounds=self.bounds)


def _or_from_text(check: Check, bounds: TextBounds) -> Check:
    """A text that fits as it is passes, as it may where a schema lists texts; any other is read as JSON."""
    fits = check.apply

    def apply(value: Any) -> Any:
        if not isinstance(value, str):
            return fits(value)
        try:
            return fits(value)
        except Unfit:
            pass
        return fits(parsed(value, bounds))

    return unfit_check(apply)


def _json_check(bounds: TextBounds) -> Check:
    def apply(value: Any) -> Any:
        if isinstance(value, str):
            return parsed(value, bounds)
        if isinstance(value, dict | list):
            return value
        expected = f"JSON text, a dict or a list was expected, not {type(value).__name__}"
        raise Unfit(Problem("", "json_type", expected))

    return unfit_check(apply)


def _string_check() -> Check:
    def apply(value: Any) -> Any:
        if isinstance(value, str):
            return value
        raise Unfit(Problem("", "string_type", f"a string was expected, not {type(value).__name__}"))

    return unfit_check(apply)
