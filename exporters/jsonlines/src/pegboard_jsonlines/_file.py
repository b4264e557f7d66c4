"""A file that several threads and processes append to, and that may be rotated at any time."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from pegboard import ConfigError
from pegboard_jsonlines._out import Dropped, Out

LOOK_EVERY = 1.0  # seconds between two looks whether the file was rotated
# No link is followed; and opening a pipe that nobody reads must not wait, so that it can be refused.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class File(Out):
    """Appends each line by one system call, so that lines of several threads and processes do not mix.

    There is no lock, which a fork could leave locked: a rotated file is opened anew under the number that threads
    write to already.

    Args:
        path: Made with mode 0600 if it is not there.
        in_all: Counts what is dropped.

    Raises:
        ConfigError: It cannot be opened, or is no regular file.
    """

    def __init__(self, path: Path, in_all: Dropped) -> None:
        super().__init__(str(path), in_all)
        self._path = path
        try:
            self._file = io.FileIO(_open(path), "ab")
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(
                f"JSONLines cannot append to {str(path)!r}: {reason}.\n{_advice(path)}",
                where="JSONLines",
                key="file",
            ) from error
        self._is = _identity(os.fstat(self._file.fileno()))
        self._looked = 0.0
        self._torn = False  # whether the file ends in the middle of a line

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:  # some file systems tell only now that they are full
            self._say("cannot close %s: %s; its last lines may be lost", error)
        super().close()

    def _put(self, line: str, now: float) -> None:
        if abs(now - self._looked) >= LOOK_EVERY:
            self._looked = now
            self._look()
        data = line.encode("ascii")
        if self._torn:
            data = b"\n" + data  # or this line would be lost as well
        written = self._file.write(data)
        self._torn = written != len(data)
        if self._torn:
            raise OSError(0, "only a part of a line could be written")

    def _look(self) -> None:
        """Follow a rotation: when the file was moved or removed, write to a new one of its name."""
        try:
            found = _identity(self._path.lstat())
        except OSError:
            found = None
        if found == self._is:
            return
        try:
            self._reopen()
        except OSError as error:
            self._say("cannot open %s anew: %s; lines go on to the file that it was", error)

    def _reopen(self) -> None:
        number = _open(self._path)
        try:
            os.dup2(number, self._file.fileno(), inheritable=False)
            self._is = _identity(os.fstat(number))
            self._torn = False
        finally:
            os.close(number)


def _open(path: Path) -> int:
    number = os.open(path, _FLAGS, 0o600)
    if stat.S_ISREG(os.fstat(number).st_mode):
        return number
    os.close(number)
    raise OSError(0, "it is no regular file")


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _advice(path: Path) -> str:
    if path.is_symlink():
        return "Links are not followed: name the file itself. For the program's own output: JSONLines(sys.stdout)."
    if not path.parent.is_dir():
        return f"There is no folder {str(path.parent)!r}: make it first."
    return "Name a file that this program may append to, or give an open text stream."
