"""The logs plugin."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pegboard import hookimpl, texts
from pegboard.parts import checks, new_rlock
from pegboard_logs._handlers import checked, find
from pegboard_logs._holding import Wish, hold, release
from pegboard_logs._json import JSONFormatter
from pegboard_logs._lifecycle import lifecycle_observers

if TYPE_CHECKING:
    from pegboard import Session, Task


class Logs:
    """Gives every log record the ids of the call that it was written in, and keeps secrets out of it.

    While a session is open, its handlers set `pegboard_task`, `pegboard_call_id`, `pegboard_attempt`, `trace_id` and
    `span_id` on records, as `CallIds` does; they mask known secrets in all that they write, leave out the stack traces of
    sensitive tasks, and escape control characters. At its end they are as they were. Loggers, levels and other
    handlers are left alone, and nothing is configured: where logging was not set up, it still is not.

    Args:
        handlers: Handlers, or their names; None for those of the root logger, and the one of last resort. They are looked
            up when the session starts; those of the root logger also before the first call of each task.
        lifecycle: Log lines about calls, on the logger `pegboard.task`: a level, as number or name, and lines below it are
            not made; True for all; False for none.
        json: Write JSON lines instead of what the handlers' formatters make: True, or a `JSONFormatter`.
        escape: Whether control characters in messages, names and the caller's own fields are escaped, line breaks
            included, and in stack traces all but line breaks. JSON lines always are. What a handler's stream cannot hold
            is escaped in any case.
    """

    name = "logs"

    def __init__(
        self,
        *,
        handlers: Iterable[logging.Handler | str] | None = None,
        lifecycle: bool | int | str = False,
        json: bool | JSONFormatter | None = None,
        escape: bool = True,
    ) -> None:
        self._handlers = checked(handlers)
        self._elsewhere = {"lifecycle": lifecycle, "json": json, "escape": escape}
        self._threshold = _level(lifecycle)
        self._json = _formatter(json)
        self._escape = checks.flag().check("escape", escape, owner="Logs")
        # Held, it may be taken again: the collector may end a stream, which calls tasks.
        self._guard = new_rlock()
        self._wishes: weakref.WeakKeyDictionary[Session, Wish] = weakref.WeakKeyDictionary()

    def worker_settings(self) -> dict[str, Any]:
        """Give the records of workers ids, too; handlers are theirs, by name where they were named."""
        named = None if self._handlers is None else [each for each in self._handlers if isinstance(each, str)]
        return {**self._elsewhere, "handlers": named or None}

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Take the handlers."""
        wish = Wish(session.masks, self._json, self._escape)
        hold(find(self._handlers), wish)
        with self._guard:
            self._wishes[session] = wish

    @hookimpl
    def bind(self, session: Session, task: Task[..., object]) -> list[object]:
        """Take handlers that were added meanwhile; watch calls where their lines, or their errors, need it."""
        wish = self._wish(session)
        if self._handlers is None and wish is not None:
            hold(find(None), wish)
        observers: list[object] = []
        if self._threshold is not None:
            observers.append(lifecycle_observers(task, self._threshold))
        return observers

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Give the handlers back."""
        with self._guard:
            wish = self._wishes.pop(session, None)
        if wish is not None:
            release(wish)

    def _wish(self, session: Session) -> Wish | None:
        """Find the wish of a session, or of the one it inherits this plugin from."""
        owner: Session | None = session
        with self._guard:
            while owner is not None:
                if owner in self._wishes:
                    return self._wishes[owner]
                owner = owner.outer
        return None


def _level(lifecycle: object) -> int | None:
    """Return the least level of lifecycle lines, or None for no lines."""
    if lifecycle is False or lifecycle is None:
        return None
    if lifecycle is True:
        return logging.DEBUG
    known = logging.getLevelNamesMapping()
    level = known.get(lifecycle.upper()) if isinstance(lifecycle, str) else lifecycle
    if not isinstance(level, int) or level <= 0:
        raise ValueError(
            f"lifecycle is False, True or a level, such as 'WARNING' or logging.WARNING, not {checks.shown(lifecycle)}. "
            f"Known: {', '.join(name for name, number in known.items() if number > 0)}."
        )
    return level


def _formatter(json: object) -> JSONFormatter | None:
    if json is None or json is False:
        return None
    if json is True:
        return JSONFormatter()
    if not isinstance(json, JSONFormatter):
        raise TypeError(f"json is True, False or a JSONFormatter, not {texts.a(type(json).__name__)}.")
    return json
