"""Taking up what died, in a thread of its own, where a session starts."""

from __future__ import annotations

import logging
import threading
import weakref
from contextvars import Context
from typing import TYPE_CHECKING

from pegboard.current import active_session
from pegboard_durable._errors import Fenced

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard_durable._plugin import Durability

_POLL = 0.005
_log = logging.getLogger("pegboard.durable")


class Recovery:
    """The threads of the sessions that have begun, one each.

    Args:
        durability: Whose runs they take up.
    """

    def __init__(self, durability: Durability) -> None:
        self._durability = durability
        self._threads: weakref.WeakKeyDictionary[Session, tuple[threading.Thread, threading.Event]]
        self._threads = weakref.WeakKeyDictionary()

    def begin(self, session: Session) -> None:
        """Begin with the runs that are orphans now, once the session is open."""
        over = threading.Event()
        thread = threading.Thread(
            target=Context().run,
            args=(self._recover, session, over),
            name="pegboard-durable-recovery",
            daemon=True,
        )
        self._threads[session] = (thread, over)
        thread.start()

    def end(self, session: Session) -> None:
        """Begin no more of them."""
        thread, over = self._threads.pop(session, (None, None))
        if thread is not None and over is not None:
            over.set()

    def _recover(self, session: Session, over: threading.Event) -> None:
        while not session.is_open:
            if over.wait(_POLL):
                return
        active_session.set(session)
        try:
            for run_id in self._durability.orphans():
                if over.is_set() or session.is_draining:
                    return
                self._durability.recover_one(run_id)
        except (Exception, Fenced):  # noqa: BLE001 - nobody waits for it
            _log.exception(
                "runs could not be recovered: those that are left are taken up by Durability.recover()"
            )
