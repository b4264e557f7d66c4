"""The stream that is written to, and its end."""

from __future__ import annotations

import io
import sys
from typing import IO, TYPE_CHECKING

from pegboard.texts import encoding_of, write_escaped

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_WIDTH = 160  # where there is no terminal to ask


def is_terminal(file: IO[str] | None) -> bool:
    """Whether somebody can be looking."""
    try:
        return file is not None and file.isatty()
    except (AttributeError, ValueError):  # no such method; closed
        return False


class Screen:
    """Writes whole renderings to a stream, one after another, until the stream fails.

    A closed terminal or broken pipe is the reader's way to say that he has seen enough: the rest is dropped.
    rich would end the program there, so it renders to text without knowing the stream, and the text is written here.

    Args:
        file: Where to; None is the standard error stream as it is now.

    Attributes:
        is_terminal: Whether somebody can be looking.
        encoding: What the stream can hold.
    """

    def __init__(self, file: IO[str] | None) -> None:
        self._file: IO[str] | None = (
            sys.stderr if file is None else file
        )  # None in a program without a console
        self.is_terminal = is_terminal(self._file)
        self.encoding = encoding_of(self._file)
        self._console: Console | None = None
        self._over = False

    def show(self, what: RenderableType) -> None:
        """Render and write; errors of the stream end all output. Not safe for threads."""
        if self._over or self._file is None:
            return
        text = self._rendered(what)
        try:
            write_escaped(self._file.write, text, self.encoding)
            self._file.flush()
        except (OSError, ValueError):  # ValueError: the file is closed
            self._over = True

    def _rendered(self, what: RenderableType) -> str:
        if self._console is None:
            self._console = self._make_console()
        with self._console.capture() as captured:
            self._console.print(what, no_wrap=True, overflow="ellipsis")
        return captured.get()

    def _make_console(self) -> Console:
        from rich.console import Console

        return Console(
            file=_Canvas(self.encoding),
            force_terminal=self.is_terminal,
            force_jupyter=False,
            legacy_windows=False,
            width=None if self.is_terminal else _WIDTH,
            markup=False,
            highlight=False,
            emoji=False,
        )


class _Canvas(io.StringIO):
    """Stands in for the stream while rich renders; rich asks it for its encoding, and writes nothing to it."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override] # None for a StringIO, which is read-only there
        """What the stream can hold."""
        return self._encoding
