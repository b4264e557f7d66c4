"""The console exporter. rich is imported when something is printed, not before."""

from __future__ import annotations

import weakref
from typing import IO, TYPE_CHECKING, Any

from pegboard import hookimpl
from pegboard.parts import checks, new_rlock
from pegboard_console._report import Report
from pegboard_console._screen import Screen

if TYPE_CHECKING:
    from pegboard import Group, Outcome, Session, Task

_FORCE = checks.flag().or_none("where a person looks")


class Console:
    """Prints a tree of every call as it ends, and a summary of all tasks at the end of the session.

    A tree is printed when the outermost call, or a map that no call made, has ended; with times, attempts, cache hits and the
    class of what failed. Ten calls below each are shown, and ten more that failed; the rest is counted.
    Nothing of inputs, results and messages is shown. A name made of parameters (`name="load_{day}"`) is, as filled in.

    Args:
        file: Where to; default is the standard error stream, so that a program's own output stays clean.
        force: None prints to a terminal and is quiet elsewhere; True prints anywhere, False nowhere.
        tree: Whether calls are printed as they end.
        summary: Whether the table is printed.
    """

    name = "console"

    def __init__(
        self, file: IO[str] | None = None, force: bool | None = None, tree: bool = True, summary: bool = True
    ) -> None:
        if file is not None and not callable(getattr(file, "write", None)):
            raise TypeError(
                f"Console writes to an open text file, and {checks.shown(file)} has no write(). Open it: Console(open(..., 'w'))."
            )
        self._file = file
        self._force = _FORCE.check("force", force, owner="Console")
        self._tree = checks.flag().check("tree", tree, owner="Console")
        self._summary = checks.flag().check("summary", summary, owner="Console")
        self._guard = new_rlock()  # the collector may end a stream, whose body calls tasks, while it is held
        self._reports: weakref.WeakKeyDictionary[Session, Report | None] = weakref.WeakKeyDictionary()

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Look whether anybody can see what would be printed."""
        with self._guard:
            self._reports[session] = self._new_report()

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:
        """Watch a task's calls; where nothing is shown, nothing is watched."""
        report = self._report(session)
        return None if report is None else report.observers(task)

    @hookimpl
    def before_group(self, group: Group) -> None:
        """Collect the calls of a group below it."""
        report = self._report(group.session)
        if report is not None:
            report.group_begins(group)

    @hookimpl
    def after_group(self, group: Group, outcome: Outcome) -> None:
        """Show a group that is over."""
        report = self._report(group.session)
        if report is not None:
            report.group_ends(group, outcome)

    @hookimpl
    def session_forked(self, session: Session) -> str | None:
        """Say that the summary is the parent's; trees of calls are printed as they end, in a child too."""
        if not self._summary or self._report(session) is None:
            return None
        return "Console(): the parent prints the summary, and calls of this process are not in it"

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Print the summary."""
        with self._guard:
            report = self._reports.pop(session, None)
        if report is not None:
            report.end()

    def _new_report(self) -> Report | None:
        screen = Screen(self._file)
        shown = screen.is_terminal if self._force is None else self._force
        if not shown or not (self._tree or self._summary):
            return None
        return Report(screen, with_tree=self._tree, with_summary=self._summary)

    def _report(self, session: Session) -> Report | None:
        """Find the report of a session, or of the one it inherits this plugin from."""
        owner: Session | None = session
        with self._guard:
            while owner is not None:
                if owner in self._reports:
                    return self._reports[owner]
                owner = owner.outer
        return None
