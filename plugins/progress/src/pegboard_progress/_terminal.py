"""A block of lines at the end of a terminal, which what others write does not disturb."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import IO, Any

from pegboard.parts import after_fork, new_rlock
from pegboard.texts import encodable, encoding_of, write_escaped

Frame = tuple[Sequence[str], Sequence[str]]  # the block, and the lines that stay above it
_log = logging.getLogger("pegboard.progress")
_UP_AND_CLEAR = "\x1b[1A\x1b[2K"
_SIZE = os.terminal_size((80, 24))  # where the terminal does not tell


def is_terminal(file: IO[str] | None) -> bool:
    """Whether somebody can be looking."""
    try:
        return file is not None and file.isatty()
    except (AttributeError, ValueError):  # no such method; closed
        return False


class Terminal:
    """Writes to a stream: lines that stay, and below them, on a terminal, a block that is drawn again and again.

    While a block is on the screen, whatever is written to this stream, standard output or standard error is led around it: the block
    is wiped, the text is written, and the block is drawn again after the next whole line. So `print`, logging and other plugins
    may write at any time, from any thread, also with a stream they took hold of earlier.

    A closed terminal or broken pipe is the reader's way to say that he has seen enough: it is logged once, and the rest is dropped.

    Args:
        file: Where to; None: there is none.

    Attributes:
        encoding: What the stream can hold; the rest is escaped.
        over: Whether nothing is written any more.
    """

    def __init__(self, file: IO[str] | None) -> None:
        self._file = file
        self.encoding = encoding_of(file)
        self._guard = new_rlock()
        self._block: Sequence[str] = ()
        self._drawn = 0
        self._at_start = True  # whether the cursor is in the first column
        self._guarded: list[tuple[Any, Any]] = []
        self._busy = False  # whether the thread that holds the lock is writing
        self._failure: Exception | None = None
        self.over = file is None
        after_fork(self._leave_to_parent)

    def _leave_to_parent(self) -> None:
        """In a forked child: give the streams back, and write nothing more."""
        self._guard = new_rlock()
        self._busy = False
        self.over = True
        self._block = ()
        self._drawn = 0
        self._let_go()

    @property
    def has_block(self) -> bool:
        """Whether there is a block that has to be drawn or wiped."""
        return bool(self._block)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal."""
        try:
            size = os.get_terminal_size(self._file.fileno())  # type: ignore[union-attr]
        except (AttributeError, OSError, ValueError):
            size = _SIZE
        return size.columns or _SIZE.columns, size.lines or _SIZE.lines

    def draw(self, frame: Callable[[], Frame]) -> None:
        """Write what `frame` gives: lines that stay, and below them a block in place of the one before.

        An empty block ends the guarding. `frame` is asked while no other thread draws, so what is drawn last is the latest. It is
        not asked at all where this thread is in the middle of writing: the collector may end a stream there, which has a bar.
        """
        with self._guard:
            if self.over or self._busy:
                return
            self._busy = True
            try:
                block, lines = frame()
                self._show(block, lines)
            finally:
                self._busy = False
        self._complain()

    def _show(self, block: Sequence[str], lines: Sequence[str]) -> None:
        if block and not self._guarded:
            self._guard_streams()
        text = self._wiped()
        if lines and not self._at_start:
            text += "\n"
            self._at_start = True
        text += "".join(f"{line}\n" for line in lines)
        self._block = block
        self._write(text + self._redrawn())
        if not block:
            self._let_go()

    def _wiped(self) -> str:
        text = _UP_AND_CLEAR * self._drawn
        self._drawn = 0
        return text

    def _redrawn(self) -> str:
        if not self._block or not self._at_start:
            return ""
        self._drawn = len(self._block)
        return "".join(f"{line}\n" for line in self._block)

    def _write(self, text: str) -> None:
        file = self._file
        if not text or file is None:
            return
        write = next((original for guarded, original in self._guarded if guarded is file), file.write)
        try:
            descriptor = _descriptor_of(file, self.encoding)
            if descriptor is None:
                write_escaped(write, text, self.encoding)
                file.flush()
            else:
                file.flush()  # what others wrote comes first
                _write_bytes(descriptor, encodable(text, self.encoding).encode(self.encoding))
        except (OSError, ValueError) as error:  # ValueError: the file is closed
            self._end(error)

    def _end(self, error: Exception) -> None:
        self.over = True
        self._failure = error
        self._drawn = 0
        self._let_go()

    def _complain(self) -> None:
        """Log why nothing is shown any more; without the lock, as whoever logs may hold a handler's and wait for ours."""
        failure, self._failure = self._failure, None
        if failure is not None:
            _log.warning("progress is no longer shown: writing it failed with %s", type(failure).__name__)

    def _guard_streams(self) -> None:
        streams: list[Any] = [self._file, *filter(is_terminal, (sys.stdout, sys.stderr))]
        for stream in {id(each): each for each in streams}.values():
            original = stream.write
            try:
                stream.write = self._around(stream, original)
            except AttributeError:  # a class with slots: its text may land within the block
                continue
            self._guarded.append((stream, original))

    def _around(self, stream: Any, original: Callable[[str], int]) -> Callable[[str], int]:
        def write(text: str) -> int:
            with self._guard:
                if not self._guarded or not text or self._busy:
                    return original(text)
                self._busy = True
                try:
                    self._write(self._wiped())
                    count = original(text)
                    self._at_start = text.endswith("\n")
                    if self._at_start:
                        stream.flush()
                        self._write(self._redrawn())
                finally:
                    self._busy = False
            self._complain()
            return count

        return write

    def _let_go(self) -> None:
        for stream, original in self._guarded:
            del stream.write
            if stream.write != original:  # it had been replaced before us, on the instance
                stream.write = original
        self._guarded = []


def _descriptor_of(file: IO[str], encoding: str) -> int | None:
    """Return the descriptor to write to; None where the file has to be written to itself, as it alone knows whether it has begun.

    Where a terminal went away, Python would keep what is in the file's buffer, fail once more to write it when the program
    ends, and exit with 120.
    """
    if os.name != "posix" or "".encode(encoding):  # UTF-16 begins with a mark
        return None
    try:
        return file.fileno()
    except (AttributeError, OSError, ValueError):  # in memory
        return None


def _write_bytes(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
