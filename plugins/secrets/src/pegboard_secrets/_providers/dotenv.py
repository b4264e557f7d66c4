"""Secrets in a dotenv file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pegboard.parts import new_lock
from pegboard_secrets._errors import SecretsUnavailable


class DotEnv:
    """Reads a file of `KEY=value` lines, and reads it again when it has changed. The environment stays as it is.

    Args:
        path: The file; one that does not exist has no secrets.
    """

    does_io = True

    def __init__(self, path: str | os.PathLike[str] = ".env") -> None:
        self.path = os.path.abspath(path)  # noqa: PTH100 - a later change of folder must not matter
        self._guard = new_lock()
        self._read: tuple[tuple[int, int] | None, Mapping[str, str | None]] = (None, {})

    def __reduce__(self) -> Any:
        return DotEnv, (self.path,)  # to a worker, which reads it for itself

    def __str__(self) -> str:
        return f"dotenv file {self.path}{'' if os.path.exists(self.path) else ' (which does not exist)'}"  # noqa: PTH110

    def get(self, key: str, /) -> str | None:
        """Return the value; an empty one counts as not set."""
        return self._values().get(key) or None

    def _values(self) -> Mapping[str, str | None]:
        from dotenv import dotenv_values

        try:
            found = os.stat(self.path)  # noqa: PTH116
            version = (found.st_mtime_ns, found.st_size)
            with self._guard:
                if self._read[0] != version:
                    # Without interpolation: a `$` in a password is a `$`.
                    self._read = (version, dotenv_values(self.path, interpolate=False))
                return self._read[1]
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise SecretsUnavailable(
                f"{self} cannot be read: {type(error).__name__}.", provider=str(self)
            ) from None
