"""Secrets as mounted files, one for each: Docker's and Kubernetes's way."""

from __future__ import annotations

import os
from pathlib import Path

from pegboard_secrets._errors import SecretsUnavailable

_LARGEST = 1 << 20  # bytes; Kubernetes allows a secret no more


class Files:
    """Reads the file named as the key, or as its lower-case form, at each lookup; one newline at its end is dropped.

    Links are followed inside the folder only: that is how Kubernetes swaps in new values.

    Args:
        folder: Where the files are.
    """

    does_io = True

    def __init__(self, folder: str | os.PathLike[str] = "/run/secrets") -> None:
        self.folder = Path(os.path.abspath(folder))  # noqa: PTH100 - a later change of folder must not matter

    def __str__(self) -> str:
        return f"files in {self.folder}{'' if self.folder.is_dir() else ' (which does not exist)'}"

    def get(self, key: str, /) -> str | None:
        """Return the file's text.

        Raises:
            SecretsUnavailable: It is there, and cannot be read or is no UTF-8 text of at most 1 MiB.
        """
        if "/" in key or key.startswith("."):
            return None
        for name in dict.fromkeys((key, key.lower())):
            path = self.folder / name
            try:
                if path.is_file() and path.resolve().is_relative_to(self.folder.resolve()):
                    return self._text(path)
            except (OSError, ValueError) as error:
                raise SecretsUnavailable(
                    f"secret {key} in {self} cannot be read: {type(error).__name__}.", provider=str(self)
                ) from None
        return None

    def _text(self, path: Path) -> str:
        if path.stat().st_size > _LARGEST:
            raise ValueError(path)
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
