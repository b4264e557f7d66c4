"""What is raised when a value does not fit; none of these ever holds the value."""

from __future__ import annotations

from pegboard import PegboardError


class InvalidInput(PegboardError, ValueError):  # noqa: N818 - the name users read in tracebacks
    """Raised before a task runs, when an argument does not fit. Trying again cannot help.

    Attributes:
        task: Name of the task.
        field: Dotted path of the first field that does not fit; it begins with the parameter's name.
        errors: A pair of path and kind for each of the first 100 fields that do not fit.
    """

    task: str
    field: str
    errors: tuple[tuple[str, str], ...]


class InvalidOutput(PegboardError, ValueError):  # noqa: N818
    """Raised when a result, or an item of a stream, does not fit. A failed attempt like any other.

    Attributes:
        task: Name of the task.
        field: Dotted path of the first field that does not fit; "" for the result itself.
        errors: A pair of path and kind for each of the first 100 fields that do not fit.
    """

    retryable = True
    task: str
    field: str
    errors: tuple[tuple[str, str], ...]


class InvalidJSON(PegboardError, ValueError):  # noqa: N818
    """Raised by `extract_json` for a text that holds no JSON, or not exactly one document of it.

    Attributes:
        kind: `json_invalid`, `json_several`, `json_too_large` or `json_too_deep`.
        length: Characters of the text.
    """

    retryable = True
    kind: str
    length: int
