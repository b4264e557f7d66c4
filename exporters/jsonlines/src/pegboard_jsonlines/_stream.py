"""An open text stream, such as the standard output."""

from __future__ import annotations

from typing import IO

from pegboard.parts import new_held_rlock
from pegboard_jsonlines._out import Dropped, Out


class Stream(Out):
    """Writes each line in one piece, and at once; the stream is not closed.

    Args:
        stream: Open for text. Threads of this program that write to it by other ways may come between lines, not into one.
        in_all: Counts what is dropped.
    """

    def __init__(self, stream: IO[str], in_all: Dropped) -> None:
        super().__init__(_name_of(stream), in_all)
        self._stream = stream
        self._flush = getattr(stream, "flush", None)
        # The collector may end a stream of items, whose call is written, while it is held. A child that is forked between write
        # and flush would write the line again.
        self._turn = new_held_rlock()

    def _put(self, line: str, now: float) -> None:  # noqa: ARG002 - a stream stays where it is
        with self._turn:
            self._stream.write(line)
            if self._flush is not None:
                self._flush()


def _name_of(stream: IO[str]) -> str:
    try:
        return str(stream.name or type(stream).__name__)
    except Exception:  # noqa: BLE001 - anybody's stream: it has no name, or is detached
        return type(stream).__name__
