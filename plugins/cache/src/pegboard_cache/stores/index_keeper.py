"""The index as a folder store uses it: opened when it is needed, never waited for, and made anew when it is damaged.

While another process holds it, what there is to note waits: the index decides nothing about a hit, and what was never noted
is found among the files when it is opened the next time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pegboard_cache.codec.frame import Damaged, read_head
from pegboard_cache.stores.folder import PARTIAL, make_folder, read_file, remove, remove_old
from pegboard_cache.stores.index import Index, Row, is_busy, is_damaged, is_lost

T = TypeVar("T")

_PATIENCE = 0.008  # seconds: less than what a call may lose to a store that fails
_PAUSE_SECONDS = 0.25  # for which an index that failed is left alone, at least
_PAUSE_GROWTH = 25.0  # of the time that was lost
_PAUSE_MOST = 5.0
_NOTES_MOST = 10_000
_TOUCHED_MOST = 512
_HEAD_BYTES = 65536


class IndexKeeper:
    """The index of one folder; used by one thread at a time.

    Args:
        root: The folder of the store.
        most: Bytes that its files may have together.
        on_damaged: Told how many files were found unreadable, and removed.
    """

    def __init__(self, root: Path, most: int, on_damaged: Callable[[int], None]) -> None:
        self._root = root
        self._values = root / "values"
        self._most = most
        self._on_damaged = on_damaged
        self._index: Index | None = None
        self._notes: dict[str, Row | None] = {}
        self._touched: dict[str, float] = {}
        self._gone: list[str] = []
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._index is not None

    def note(self, name: str, row: Row | None) -> None:
        """Note a file, or with None that there is none; `settle` writes it down."""
        self._notes[name] = row
        if (
            len(self._notes) > _NOTES_MOST
        ):  # nobody could write for long: then the files tell, once somebody can
            self._notes.clear()
            self._let_go()

    def touch(self, name: str) -> bool:
        """Note that a file was used, from any thread; say whether it is time to `flush`."""
        self._touched[name] = time.time()
        return len(self._touched) > _TOUCHED_MOST

    def flush(self) -> None:
        """Write down what was used when."""
        try:
            self._unless_busy(lambda index: index.touch(dict(self._touched)))
        except Exception:  # noqa: BLE001 - only the order of use is lost
            pass
        self._touched.clear()

    def settle(self) -> list[str]:
        """Write down what was noted, and make room.

        Returns:
            The names of the files that have to go; none while another process holds the index.
        """
        if self._notes:
            self._unless_busy(self._settle)
        gone, self._gone = self._gone, []
        return gone

    def count(self) -> tuple[int, int]:
        """Count files and their bytes."""
        try:
            found = self._unless_busy(self._settled_count)
        except Exception:  # noqa: BLE001 - then the files tell
            found = None
        if found is not None:
            return found
        sizes = [file.stat().st_size for file in self._files()]
        return len(sizes), sum(sizes)

    def forget_prefix(self, prefix: str) -> list[str]:
        """Forget the entries whose key begins with `prefix`, and return the names of their files."""
        try:
            known = self._unless_busy(lambda index: (index.forget_prefix(prefix), index.names()))
        except Exception:  # noqa: BLE001 - then the files tell
            known = None
        forgotten, others = known or ([], set())
        strangers = [file.name for file in self._files() if file.name not in others]
        return list({*forgotten, *(name for name in strangers if self._key_begins(name, prefix))})

    def close(self) -> None:
        """Close the index; it is opened again when it is needed."""
        if self._index is not None:
            self.flush()
            self._let_go()

    def _unless_busy(self, use: Callable[[Index], T]) -> T | None:
        """Use the index, unless somebody else holds it, or it failed a moment ago: None."""
        begun = time.monotonic()
        if begun < self._until:
            return None
        try:
            return self._use(use)
        except Exception as error:
            ended = time.monotonic()
            pause = min(max(_PAUSE_SECONDS, _PAUSE_GROWTH * (ended - begun)), _PAUSE_MOST)
            self._until = ended + pause
            if is_busy(error):
                return None
            raise

    def _use(self, use: Callable[[Index], T]) -> T:
        """Use the index; one that is lost is opened again, and if that does not help or it is damaged, made anew."""
        for attempt in range(3):
            try:
                return use(self._opened())
            except Exception as error:
                damaged = is_damaged(error)
                if attempt == 2 or not (damaged or is_lost(error)):
                    raise
                self._let_go()
                if damaged or attempt == 1:
                    self._remove()
        raise AssertionError("the last attempt returns or raises")

    def _opened(self) -> Index:
        if self._index is None:
            make_folder(self._root, "values")
            path = self._root / "index.sqlite"
            if path.is_symlink() or (path.exists() and not path.is_file()):
                remove(path)
            index = Index(path, _PATIENCE)
            try:
                self._reconcile(index)
            except BaseException:
                index.close()
                raise
            self._index = index
        return self._index

    def _let_go(self) -> None:
        index, self._index = self._index, None
        if index is not None:
            index.close()

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            remove(self._root / f"index.sqlite{suffix}")

    def _settle(self, index: Index) -> None:
        touched, self._touched = self._touched, {}
        for name, row in list(self._notes.items()):
            if row is None:
                index.forget((name,))
            else:
                self._gone += index.put(name, row.key, row.size, row.used, dict(touched), self._most)
                touched = {}
            del self._notes[name]
        self._touched.update(touched)

    def _settled_count(self, index: Index) -> tuple[int, int]:
        self._settle(index)
        return index.count()

    def _reconcile(self, index: Index) -> None:
        """Bring the index in line with the files, after a crash or a loss."""
        rows = index.rows(time.time())
        files = {file.name: file for file in os.scandir(self._values)}
        index.forget(rows.keys() - files.keys())
        for name, file in files.items():
            if name.startswith(PARTIAL):
                remove_old(file)
            elif name not in self._notes:
                self._adopt(name, file, rows.get(name))

    def _adopt(self, name: str, file: os.DirEntry[str], row: Row | None) -> None:
        try:
            state = file.stat(follow_symlinks=False)
            if row is not None and row.size == state.st_size:
                return
            head = read_head(read_file(self._values / name, _HEAD_BYTES))
        except FileNotFoundError:
            return
        except (Damaged, OSError):
            remove(self._values / name)
            self._on_damaged(1)
            return
        self._notes[name] = Row(head.key, state.st_size, state.st_mtime)

    def _files(self) -> Iterator[os.DirEntry[str]]:
        return (file for file in os.scandir(self._values) if not file.name.startswith(PARTIAL))

    def _key_begins(self, name: str, prefix: str) -> bool:
        try:
            return read_head(read_file(self._values / name, _HEAD_BYTES)).key.startswith(prefix)
        except (Damaged, OSError):
            return prefix == ""
