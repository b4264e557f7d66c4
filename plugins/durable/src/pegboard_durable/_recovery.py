"""Taking up what died, in a thread of its own, where a session starts."""

from __future__ import annotations

import logging
import threading
import weakref
from contextvars import Context, copy_context
from typing import TYPE_CHECKING

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
        self._overs: weakref.WeakKeyDictionary[Session, threading.Event] = weakref.WeakKeyDictionary()

    def begin(self, session: Session) -> None:
        """Begin with the runs that are orphans now, once the session is open."""
        over = self._overs[session] = threading.Event()
        work = (self._recover, session, over)
        threading.Thread(
            target=Context().run, args=work, name="pegboard-durable-recovery", daemon=True
        ).start()

    def end(self, session: Session) -> None:
        """Begin no more of them."""
        over = self._overs.pop(session, None)
        if over is not None:
            over.set()

    def _recover(self, session: Session, over: threading.Event) -> None:
        while not session.is_open:
            if over.wait(_POLL):
                return
        with session:  # not held: whoever opened it ends it
            context = copy_context()
        context.run(self._recover_all, session, over)

    def _recover_all(self, session: Session, over: threading.Event) -> None:
        try:
            for run_id in self._durability.orphans():
                if over.is_set() or session.is_draining:
                    return
                self._durability.recover_one(run_id)
        except (Exception, Fenced):  # noqa: BLE001 - nobody waits for it
            if not over.is_set():  # else the session ended, and gave the run back
                _log.exception(
                    "runs could not be recovered: those that are left are taken up by Durability.recover()"
                )
