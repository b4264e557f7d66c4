"""The files of a folder store: named after hashes, written whole, never through a link."""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import stat
import time
from hashlib import sha256
from pathlib import Path

PARTIAL = "partial-"
_PARTIAL_SECONDS = 3600.0
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_open_private = functools.partial(os.open, mode=0o600)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def name_of(key: str) -> str:
    """The name of a key's file: 64 hexadecimal digits, whatever the key."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def make_folder(root: Path, name: str) -> Path:
    """Make a folder under `root`, and `root` itself, with mode 0700, if they are not there.

    Raises:
        OSError: It is a link out of the root, or cannot be made.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / name
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink():
        raise OSError(f"{folder} is a link, and values stay under {root}")
    return folder


def read_file(path: Path, most: int = -1) -> bytes:
    """Read a file, or its beginning, following no link and waiting for no pipe; what is no file is empty."""
    descriptor = os.open(path, os.O_RDONLY | NO_LINK | _NO_WAIT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return b""
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, so that no link is followed
        return file.read(most)


def write_whole(folder: Path, name: str, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it; mode 0600."""
    partial = folder / f"{PARTIAL}{secrets.token_hex(8)}"
    try:
        with open(partial, "xb", opener=_open_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, folder / name)  # noqa: PTH105 - a module's function, which a test watches
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def remove_old(file: os.DirEntry[str]) -> None:
    """Remove what a killed writer left; a writer that is at work keeps its file."""
    try:
        if time.time() - file.stat().st_mtime > _PARTIAL_SECONDS:
            Path(file.path).unlink()
    except FileNotFoundError:
        return


def remove(path: Path) -> bool:
    """Remove whatever stands there, a link and not what it leads to; say whether there was something."""
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:  # another process was first
        return False
    return True
