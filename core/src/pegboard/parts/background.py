"""Sending things out of the process without holding anybody up: what exporters stand on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

from pegboard.parts import checks
from pegboard.parts._losses import Losses, Reason
from pegboard.parts._outbox import UNENDED, Outbox, Way
from pegboard.parts.forks import after_fork, new_rlock

Item = TypeVar("Item")
_COUNT = checks.whole(least=1)
_DELAY = checks.seconds(above=0.0, most=threading.TIMEOUT_MAX)
_TIMEOUT = checks.seconds(most=threading.TIMEOUT_MAX)

__all__ = ["Background", "Reason"]


class Background(Generic[Item]):
    """A bounded queue, and a thread that hands what is in it to `send`, batch by batch.

    `put` may be called from any thread, in a signal handler or finalizer too: it takes no lock on its way, never waits and
    never fails. The thread, a daemon, starts with the first item and ends with the last user.

    - *Sessions*: one `Background` serves all sessions that share a plugin: `begin()` where one starts, `end()` where it ends.
      The last end sends what is left and ends the thread, within a deadline; a later `begin` begins anew. Without sessions,
      `put` and a single `end()` will do.
    - *Losses*: an item is either sent or counted as lost: because the queue was full, because `send` said False or raised,
      or because a deadline had passed. `on_loss` is told; without it the end says in one warning how many there were.
    - *Fork*: what began in a process ends in that process. A forked child begins with nothing in the queue, no thread and no
      losses; the parent sends what it took, and an `end` in the child sends what was put there. What `send` uses is the
      plugin's to replace there: see `after_fork`; what a plugin does once, at the end of a session, is in a `ProcessLocal`.
    - *Ctrl-C*: a flush or an end that is interrupted loses nothing; the thread goes on, and the process's exit waits for it.
    - *Exit*: where nobody called `end`, the exit of the interpreter does, with the same deadline; so does the end of a
      process of `multiprocessing`. `os._exit` and signals that kill lose what is left.

    Args:
        name: Of the thread.
        send: Takes a list of items, from 1 to `batch`, in the order in which they were put; in the thread, one call at a
            time. False, or an exception, says that they did not arrive; anything else that they did. Tries again itself, if it
            likes.
        queue: How many items may wait; those beyond are lost.
        batch: How many items `send` gets at most; that many go at once.
        delay: Seconds after which fewer go.
        flush_timeout: Seconds that `flush`, `end` and the exit of the process wait, unless told otherwise.
        around: Makes a context manager that the thread enters at its beginning and leaves at its end: for a connection that
            belongs to a thread. If it cannot be entered, that is logged, and all is lost until the next `begin`.
        abort: Makes a `send` return that goes on when the end's deadline has passed, as by closing its connection. Called by
            whoever waits.
        on_loss: Called with how many items were lost and why: `queue_full`, `send_failed`, `deadline`, or `ended` for those put
            after the end; by the thread, or by whoever waits for the end or puts after it.

    Raises:
        TypeError, ValueError: A number is none, or out of range.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[list[Item]], bool | None],
        *,
        queue: int = 8_192,
        batch: int = 512,
        delay: float = 5.0,
        flush_timeout: float = 2.0,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
        abort: Callable[[], object] | None = None,
        on_loss: Callable[[int, Reason], object] | None = None,
    ) -> None:
        _COUNT.check("queue", queue, owner="Background")
        _COUNT.check("batch", batch, owner="Background")
        _DELAY.check("delay", delay, owner="Background")
        _TIMEOUT.check("flush_timeout", flush_timeout, owner="Background")
        self._way = Way(name, send, queue, min(batch, queue), delay, flush_timeout, around, abort)
        self._on_loss = on_loss
        self._users = 0
        self._begin_anew()
        UNENDED.register()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin with nothing, also in a forked child: the parent sends what it took."""
        self._guard = new_rlock()
        self._losses = Losses(self._way.name, self._on_loss)
        self._outbox: Outbox[Item] = Outbox(self._way, self._losses)

    def __repr__(self) -> str:
        return f"Background({self._way.name!r}, waiting={self.waiting}, lost={self.lost})"

    @property
    def waiting(self) -> int:
        """How many items wait for their batch, about."""
        return len(self._outbox.queue)

    @property
    def lost(self) -> int:
        """How many items did not arrive, in this process."""
        return self._losses.number + self._outbox.over

    @property
    def losses(self) -> dict[Reason, int]:
        """How many items did not arrive, by reason; those over the limit are there once the thread has seen to them."""
        return self._losses.counts

    @property
    def is_running(self) -> bool:
        """Whether there is a thread."""
        return self._outbox.worker.is_running

    def put(self, item: Item) -> None:
        """Take an item; never waits, and never fails."""
        outbox = self._outbox
        queue = outbox.queue
        if len(queue) < outbox.room:
            queue.append(item)
        else:
            outbox.put_with_care(item)

    def begin(self) -> None:
        """Count one user more; after the end of all of them, begin anew."""
        with self._guard:
            self._users += 1
            if self._outbox.is_closed:
                self._outbox = Outbox(self._way, self._losses)

    def flush(self, timeout: float | None = None) -> bool:
        """Send everything that is there.

        Args:
            timeout: Seconds to wait for that; None is `flush_timeout`.

        Returns:
            Whether all of it arrived in time, and nothing was dropped since the last time as the queue was full. False in
            the thread itself, which cannot wait for what it does.
        """
        return self.begin_flush()(self._seconds(timeout))

    def begin_flush(self) -> Callable[[float], bool]:
        """Ask for everything that is there to be sent, and wait later: what is returned takes seconds, and answers as `flush`."""
        return self._outbox.begin_flush()

    def end(self, timeout: float | None = None) -> bool:
        """Count one user less: the last takes the thread along, the others flush.

        What is not sent by the deadline is lost, and counted.

        Args:
            timeout: Seconds to wait; None is `flush_timeout`.

        Returns:
            Whether all that was there arrived in time, as `flush`.
        """
        return self.begin_end()(self._seconds(timeout))

    def begin_end(self) -> Callable[[float], bool]:
        """Do what `end` does, and wait later: for several that share a deadline.

        What is returned takes seconds, and answers as `end`. It may be called again, after a Ctrl-C in the middle of it: what
        is still there then counts as lost when those seconds have passed, and not before.
        """
        with self._guard:
            self._users = max(self._users - 1, 0)
            return self._outbox.begin_flush() if self._users else self._outbox.begin_end()

    def _seconds(self, timeout: float | None) -> float:
        return self._way.flush_timeout if timeout is None else timeout
