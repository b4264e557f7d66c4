"""The forms that a task's text may have."""

from __future__ import annotations

import enum


class OutputFormat(enum.Enum):
    """What becomes of a task's result, where no type or schema says more.

    Attributes:
        JSON: Text is parsed, also from a fenced block; a dict or a list passes; everything else is an error.
        PYDANTIC: The return annotation names a pydantic model, and the result becomes one.
        STRING: A str passes; everything else is an error. `TEXT` is another name for it.
        RAW: The result is not touched.
    """

    JSON = "json"
    PYDANTIC = "pydantic"
    STRING = "string"
    TEXT = "string"  # noqa: PIE796 - a synonym by design
    RAW = "raw"
