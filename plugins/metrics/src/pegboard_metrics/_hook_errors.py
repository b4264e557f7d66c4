"""The core's counts of observer errors, carried over into a metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pegboard.parts import new_rlock

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard_metrics._counter import Counter
    from pegboard_metrics._family import Family


class HookErrors:
    """Adds up the observer errors of sessions, also of those that have ended.

    An inner session that inherits the plugin does not tell it of its end. So a session is held until it is found closed:
    at the next scrape, at the end of the session around it, or when another one binds its first task.
    """

    def __init__(self, family: Family[Counter]) -> None:
        self._family = family
        self._guard = new_rlock()
        self._watched: set[Session] = set()
        self._counted: WeakKeyDictionary[Session, Mapping[tuple[str, str], int]] = WeakKeyDictionary()

    def watch(self, session: Session) -> None:
        """Count this session's errors from now on, and those of the sessions around it."""
        with self._guard:
            around: Session | None = session
            while around is not None and around not in self._watched:
                self.refresh()
                self._watched.add(around)
                self._show_zeros(around)
                around = around.outer

    def _show_zeros(self, session: Session) -> None:
        """Show that the plugins which watch every call have not failed so far, so that the first time is a change."""
        for name, plugin in session.plugins.items():
            for event in session.events:
                if hasattr(plugin, event):
                    self._family.child(name, event)

    @property
    def open_sessions(self) -> list[Session]:
        """The sessions that are being watched, and have not ended."""
        with self._guard:
            return [session for session in self._watched if session.is_open]

    def refresh(self) -> None:
        """Count what is new, and let go of the sessions that have ended."""
        with self._guard:
            for session in list(self._watched):
                if not session.is_open:
                    self._watched.discard(session)
                self._count(session)

    def begin_anew(self) -> None:
        """Leave what was counted so far to the parent, in a forked child."""
        with self._guard:
            for session in self._watched:
                self._counted[session] = session.observer_errors

    def _count(self, session: Session) -> None:
        errors = session.observer_errors
        before = self._counted.get(session, {})
        self._counted[session] = errors
        for (plugin, hook), number in errors.items():
            self._family.child(plugin, hook).add(number - before.get((plugin, hook), 0))
