"""Prints the interpreters of this machine that the tests run on beside the one of `.venv`: a version and a path a line."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_OLDEST = (3, 11)
_NEWEST = re.compile(r'"Programming Language :: Python :: 3\.(\d+)"')


def promised() -> Iterator[tuple[int, int]]:
    """Return the versions that the metadata promises, the oldest first."""
    found = _NEWEST.findall(Path("pyproject.toml").read_text(encoding="utf-8"))
    yield from sorted((3, int(minor)) for minor in found if (3, int(minor)) >= _OLDEST)


def interpreter(version: tuple[int, int]) -> str | None:
    """Return the path of an interpreter of that version: from PATH, else from pyenv, where it is."""
    name = "python{}.{}".format(*version)
    return next((path for path in (*_on_path(name), *_of_pyenv(version)) if _is(path, version)), None)


def _on_path(name: str) -> Iterator[str]:
    path = shutil.which(name)
    if path is not None:
        yield path


def _of_pyenv(version: tuple[int, int]) -> Iterator[str]:
    if shutil.which("pyenv") is None:
        return
    prefix = "{}.{}.".format(*version)
    numbers = [line for line in _said("pyenv", "versions", "--bare").split() if line.startswith(prefix)]
    for number in sorted(numbers, key=_patch, reverse=True):
        yield str(Path(_said("pyenv", "prefix", number).strip()) / "bin" / "python")


def _patch(number: str) -> int:
    patch = number.rpartition(".")[2]
    return int(patch) if patch.isdecimal() else -1


def _is(path: str, version: tuple[int, int]) -> bool:
    """Whether it can be run, and is what its name says: pyenv has a stand-in on PATH for what is not chosen."""
    return _said(path, "-c", "import sys; print(*sys.version_info[:2])").split() == [*map(str, version)]


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    except OSError:
        return ""


def main() -> None:
    """Print them."""
    for version in promised():
        path = None if version == sys.version_info[:2] else interpreter(version)
        if path is not None:
            print("{}.{}".format(*version), path)


if __name__ == "__main__":
    main()
