"""The plugin that shows progress. rich is imported when a bar is drawn, not before."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

from pegboard import hookimpl, texts
from pegboard.parts import checks, new_rlock
from pegboard_progress import hookspecs
from pegboard_progress._board import Board
from pegboard_progress._observers import bind_observers
from pegboard_progress._render import Renderer
from pegboard_progress._terminal import Terminal, is_terminal
from pegboard_progress._text import label

if TYPE_CHECKING:
    from pegboard import Group, Outcome, Session, Task

_SECONDS = checks.seconds()
_REFRESH = 0.1  # seconds between two drawings


class Progress:
    """Shows how far maps and streams have come, and tasks that say so with `progress(done, total)`.

    On a terminal, a bar each, drawn ten times a second by a thread that is there while a bar is; elsewhere a plain line now and
    then, written by the thread that ended a call. Values are never kept, nor shown.

    Args:
        file: Where to; default is the standard error stream, so that a program's own output stays clean.
        live: None draws bars on a terminal that can move its cursor (`TERM` is not `dumb`) and writes lines elsewhere; True
            draws anywhere, False writes lines anywhere.
        every: Seconds between plain lines, at least.
        after: Seconds that something has to go on before it is shown at all.
    """

    name = "progress"
    hookspecs: ModuleType = hookspecs

    def __init__(
        self,
        file: IO[str] | None = None,
        *,
        live: bool | None = None,
        every: float = 10.0,
        after: float = 0.5,
    ) -> None:
        if file is not None and not callable(getattr(file, "write", None)):
            raise TypeError(
                f"Progress writes to an open text file, and {texts.a(type(file).__name__)} has no write()."
            )
        if live not in (None, True, False):
            raise TypeError(f"live is True, False or None, not {checks.shown(live)}.")
        _SECONDS.check("every", every, owner="Progress")
        _SECONDS.check("after", after, owner="Progress")
        self._file = file
        self._live = live
        self._every = every
        self._after = after
        self._guard = new_rlock()
        self._board: Board | None = None
        self._sessions: set[Session] = set()

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Look where to write, and whether it is a terminal."""
        with self._guard:
            if self._board is None:
                self._board = self._new_board()
            self._sessions.add(session)

    @hookimpl
    def session_forked(self, session: Session) -> None:
        """Write plain lines in the child, too; on a terminal the bars are the parent's."""
        board = self._new_board()
        self._sessions = {session}
        self._board = None if board.is_live else board

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:
        """Watch a task's calls."""
        board = self._board
        return None if board is None else bind_observers(board, session, task)

    @hookimpl
    def before_group(self, group: Group) -> None:
        """Begin the bar of a map."""
        board = self._board
        if board is not None:
            board.begin(group, label(f"{group.kind} {group.name}"), group.size, group.session.clock)

    @hookimpl
    def after_group(self, group: Group, outcome: Outcome) -> None:
        """End the bar of a map."""
        board = self._board
        if board is not None:
            board.end(group, outcome.status)

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Leave the terminal as it is without bars, when the last session ends."""
        with self._guard:
            self._sessions.discard(session)
            if self._sessions or self._board is None:
                return
            board, self._board = self._board, None
        board.close()

    def _new_board(self) -> Board:
        file = sys.stderr if self._file is None else self._file
        live = self._live
        if live is None:
            live = is_terminal(file) and os.environ.get("TERM") != "dumb"
        terminal = Terminal(file)
        color = not os.environ.get("NO_COLOR")
        renderer = Renderer(terminal.encoding, color=color) if live else None
        return Board(terminal, renderer, every=self._every, after=self._after, refresh=_REFRESH)
