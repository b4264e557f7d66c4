"""The right to compute a key, among processes that share a folder: a lock on a file."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import IO

import attrs

# One call of C, so that no interrupt leaves a descriptor behind that nobody closes.
_open_private = functools.partial(os.open, mode=0o600)


@attrs.define
class FileLease:
    """A lock that this process holds; it ends with this object, or when the process ends, however that happens."""

    _path: Path
    _file: IO[bytes] | None

    def release(self) -> None:
        """Let the next process in. The file goes first, while it is locked: no other can hold it by then."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            self._path.unlink(missing_ok=True)
        finally:
            file.close()


def take(path: Path) -> FileLease | None:
    """Lock a file; None when another process holds it.

    A POSIX record lock: it is not inherited by forked processes, which would keep it beyond the death of its holder.
    It does not tell threads apart, so one thread per key may ask at a time; a flight sees to that.

    Raises:
        OSError: It is a link, or cannot be made.
    """
    import fcntl

    while True:
        if path.is_symlink():
            raise OSError(f"{path} is a symbolic link, and locks stay where they are")
        file = open(path, "ab", buffering=0, opener=_open_private)  # noqa: SIM115 - see above; the lease closes it
        try:
            fcntl.lockf(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, file.fileno()):
                return FileLease(path, file)
        except (BlockingIOError, PermissionError):  # the two ways in which systems say that it is locked
            file.close()
            return None
        except BaseException:
            file.close()
            raise
        file.close()


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the locked file is the one under that name, and not one that its holder has just removed."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
