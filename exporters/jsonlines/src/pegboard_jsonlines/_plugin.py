"""The JSON lines exporter."""

from __future__ import annotations

import io
import os
import sys
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pegboard import ConfigError, hookimpl, texts
from pegboard.parts import checks, new_rlock
from pegboard_jsonlines._attempts import attempt_observers
from pegboard_jsonlines._calls import call_observers
from pegboard_jsonlines._file import File
from pegboard_jsonlines._groups import group_line
from pegboard_jsonlines._out import Dropped
from pegboard_jsonlines._stream import Stream

if TYPE_CHECKING:
    from pegboard import Group, Outcome, Session, Task
    from pegboard_jsonlines._out import Out

_FLAG = checks.flag()


class JSONLines:
    """Writes a line of JSON at the end of every call; never its inputs or its result.

    A path is opened when a session starts, with mode 0600 if it is made then, and closed at the session's end. Lines are
    appended by one system call each, so several processes and threads may share a file; one that was rotated is opened
    anew within a second. What cannot be written is counted, said once, and noticed by no task.

    Args:
        file: A path, or an open text stream, which is flushed after each line and not closed. None is the standard
            output as it is when a session starts.
        attempts: Whether each attempt and each retry gets a line, too.
        groups: Whether each map and other group gets one.
        messages: Whether the texts of exceptions are written, without known secrets and cut at 256 characters; those of
            sensitive tasks never are.
    """

    name = "jsonlines"

    def __init__(
        self,
        file: str | os.PathLike[str] | IO[str] | None = None,
        *,
        attempts: bool = False,
        groups: bool = False,
        messages: bool = True,
    ) -> None:
        self._file = _checked(file)
        self._attempts = _FLAG.check("attempts", attempts, owner="JSONLines")
        self._groups = _FLAG.check("groups", groups, owner="JSONLines")
        self._messages = _FLAG.check("messages", messages, owner="JSONLines")
        # Held, it may be taken again: the collector may end a stream, which calls tasks.
        self._guard = new_rlock()
        self._outs: weakref.WeakKeyDictionary[Session, Out] = weakref.WeakKeyDictionary()
        self._dropped = Dropped()

    @property
    def dropped(self) -> int:
        """How many lines could not be written so far, in all sessions of this instance, also after their end."""
        return self._dropped.number

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Open the file."""
        out = self._open()
        with self._guard:
            self._outs[session] = out

    @hookimpl
    def bind(self, session: Session, task: Task[..., object]) -> list[object]:
        """Watch the ends of a task's calls, and its attempts where asked for."""
        out = self._out(session)
        if out is None:
            return []
        observers: list[object] = [call_observers(session, task, out, messages=self._messages)]
        if self._attempts:
            observers.append(attempt_observers(session, task, out, messages=self._messages))
        return observers

    @hookimpl
    def after_group(self, group: Group, outcome: Outcome) -> None:
        """Write the line of a group, where asked for."""
        out = self._out(group.session) if self._groups else None
        if out is not None:
            now = group.session.clock.time()
            out.write(group_line(group, outcome, now), now)

    @hookimpl
    def session_forked(self, session: Session) -> None:
        """Go on: lines of several processes share a file. Lines that the parent lost are the parent's to count."""
        out = self._out(session)
        self._dropped.number = 0
        if out is not None:
            out.dropped = 0

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Close the file, and say what could not be written."""
        with self._guard:
            out = self._outs.pop(session, None)
        if out is not None:
            out.close()

    def _open(self) -> Out:
        if isinstance(self._file, Path):
            return File(self._file, self._dropped)
        return Stream(_stream(self._file), self._dropped)

    def _out(self, session: Session) -> Out | None:
        """Find where the lines of a session go, or of the one it inherits this plugin from."""
        owner: Session | None = session
        with self._guard:
            while owner is not None:
                if owner in self._outs:
                    return self._outs[owner]
                owner = owner.outer
        return None


def _checked(file: Any) -> Path | IO[str] | None:
    if isinstance(file, str | os.PathLike):
        if not os.fspath(file):
            raise ValueError(
                "file is empty; JSONLines takes a path, an open text stream, or None for the standard output."
            )
        return Path(file)
    if file is None or callable(getattr(file, "write", None)):
        if isinstance(file, io.RawIOBase | io.BufferedIOBase):
            raise TypeError(
                "JSONLines writes text, and this file is open for bytes: give its path, or open it with 'a'."
            )
        opened: IO[str] | None = file
        return opened
    raise TypeError(f"JSONLines takes a path or an open text stream, not {texts.a(type(file).__name__)}.")


def _stream(file: IO[str] | None) -> IO[str]:
    stream = sys.stdout if file is None else file
    if stream is None:  # a program without a console
        raise ConfigError(
            "JSONLines has nowhere to write to: this program has no standard output. Name a file.",
            where="JSONLines",
            key="file",
        )
    return stream
