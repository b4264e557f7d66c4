"""Secrets given in code, for tests and for values that come from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping


class Static:
    """Answers from a mapping of strings, which it copies."""

    does_io = False

    def __init__(self, values: Mapping[str, str]) -> None:
        for key, value in values.items():
            if not isinstance(value, str):
                raise TypeError(f"secret {key!r} is a str, not {type(value).__name__}.")
        self._values = dict(values)

    def __repr__(self) -> str:
        return f"<Static of {', '.join(self._values)}>"

    def __str__(self) -> str:
        return "values given in code"

    def get(self, key: str, /) -> str | None:
        """Return the value, or None."""
        return self._values.get(key)
