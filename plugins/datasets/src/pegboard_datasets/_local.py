"""Files under one folder: whole or not there, for their owner alone, and nowhere else."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path

from pegboard_datasets._errors import InvalidKey
from pegboard_datasets._key import PARTIAL, check_key

_PARTIAL_SECONDS = 3600.0  # what is older was left by a process that was killed
# Follow no link that appeared since it was looked for, wait for no pipe, translate no line ends; where a system knows these.
_AS_IT_IS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))


class LocalStore:
    """Keeps each value as a file under `root`.

    A value is written to a temporary file in the folder of its own, synced, and renamed. Files get mode 0600 and new folders
    0700, whatever the umask. Links are followed as long as they stay under the root.

    Args:
        root: A folder; made with the first value. A relative one counts from the current folder of now.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(os.path.abspath(Path(root).expanduser()))  # noqa: PTH100 - a link in it stays one
        self.address = str(self.root)
        self._swept: set[Path] = set()

    def __repr__(self) -> str:
        return f"LocalStore({self.address!r})"

    def __reduce__(self) -> tuple[type[LocalStore], tuple[str]]:
        return LocalStore, (self.address,)

    def put(self, key: str, data: bytes) -> None:
        """Write a file.

        Raises:
            InvalidKey: The key leads out of the root.
            OSError: It cannot be written; what was there before is still there.
        """
        place = self._place(key)
        _make_folder(place.parent)
        self._sweep(place.parent)
        _write_whole(place, data)

    def get(self, key: str) -> bytes | None:
        """Read a file; None when there is none."""
        try:
            descriptor = os.open(self._target(key), os.O_RDONLY | _AS_IT_IS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, so that no link is followed
            return file.read()

    def size(self, key: str) -> int | None:
        """Return the size of a file in bytes; None when there is none."""
        try:
            state = os.stat(self._target(key), follow_symlinks=False)  # noqa: PTH116 - as above
        except (FileNotFoundError, NotADirectoryError):
            return None
        return state.st_size if stat.S_ISREG(state.st_mode) else None

    def delete(self, key: str) -> bool:
        """Remove a file, or the link that stands for it; say whether there was one."""
        try:
            self._place(key).unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _place(self, key: str) -> Path:
        """Where a key is written: its folder, links resolved, and its own name."""
        root = self.root.resolve()
        path = root / check_key(key)
        return self._within(root, path.parent.resolve(), key) / path.name

    def _target(self, key: str) -> Path:
        """Where a key is read, all links resolved."""
        root = self.root.resolve()
        return self._within(root, (root / check_key(key)).resolve(), key)

    def _within(self, root: Path, path: Path, key: str) -> Path:
        if not path.is_relative_to(root):
            raise InvalidKey(
                "a part of the key is a link that leads out of the root, so it is not followed.",
                key=key,
                store=self.address,
                parameter="",
            )
        return path

    def _sweep(self, folder: Path) -> None:
        """Remove what killed writers left in a folder, once."""
        if folder in self._swept:
            return
        self._swept.add(folder)
        for file in os.scandir(folder):
            if file.name.startswith(PARTIAL):
                _remove_old(file)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each for its owner alone."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _write_whole(place: Path, data: bytes) -> None:
    descriptor, partial = tempfile.mkstemp(prefix=PARTIAL, dir=place.parent)  # mode 0600
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, place)  # noqa: PTH105 - a str beside a Path
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _remove_old(file: os.DirEntry[str]) -> None:
    """Remove a partial file, unless its writer may be at work."""
    try:
        if time.time() - file.stat(follow_symlinks=False).st_mtime > _PARTIAL_SECONDS:
            Path(file.path).unlink()
    except FileNotFoundError:  # another process was first
        return
