"""The right to compute a key, among processes that share a folder: a lock on a file."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


@attrs.define
class FileLease:
    """A lock that this process holds; the system frees it when the process ends, however that happens."""

    _path: Path
    _descriptor: int | None

    def release(self) -> None:
        """Let the next process in. The file goes first, while it is locked: no other can hold it by then."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            self._path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def take(path: Path) -> FileLease | None:
    """Lock a file; None when another process holds it.

    A POSIX record lock: it is not inherited by forked processes, which would keep it beyond the death of its holder.
    It does not tell threads apart, so one thread per key may ask at a time; a flight sees to that.
    """
    import fcntl

    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | _NO_LINK | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return FileLease(path, descriptor)
        except (BlockingIOError, PermissionError):  # the two ways in which systems say that it is locked
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the locked file is the one under that name, and not one that its holder has just removed."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
