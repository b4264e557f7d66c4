"""Secrets in environment variables."""

from __future__ import annotations

import os


class Environment:
    """Reads the variable `<prefix><key>` of this process, at each lookup.

    Args:
        prefix: What the variables' names begin with.
    """

    does_io = False

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def __str__(self) -> str:
        return f"environment variables {self.prefix}*" if self.prefix else "environment variables"

    def get(self, key: str, /) -> str | None:
        """Return the variable's value; an empty one counts as not set."""
        return os.environ.get(self.prefix + key) or None
