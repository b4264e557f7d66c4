"""Items on their way out: kept in a bounded queue, and sent in batches by a thread of their own."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pegboard.parts._worker import Worker
from pegboard.parts.forks import after_fork, new_rlock
from pegboard.privacy import loggable

if TYPE_CHECKING:
    from pegboard.parts._losses import Losses
    from pegboard.parts._worker import Around, Wait

Item = TypeVar("Item")

_log = logging.getLogger("pegboard.parts")


class Way(Generic[Item]):
    """How items leave: what `Background` was made with.

    Args:
        name: Of the thread.
        send: Takes a batch; False, or an exception, says that it did not arrive.
        queue: Items that may wait.
        batch: Items in one call of `send`.
        delay: Seconds after which they go even if they are no full batch.
        flush_timeout: Seconds that an end may take.
        around: Entered by the thread, and left at its end.
        abort: Makes a `send` end that takes too long.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[list[Item]], bool | None],
        queue: int,
        batch: int,
        delay: float,
        flush_timeout: float,
        around: Around,
        abort: Callable[[], object] | None,
    ) -> None:
        self.name = name
        self.send = send
        self.queue = queue
        self.batch = batch
        self.delay = delay
        self.flush_timeout = flush_timeout
        self.around = around
        self.abort = abort


class Outbox(Generic[Item]):
    """The items of one process, from a beginning to an end.

    Whoever puts an item only appends to a deque, which is atomic, and takes no lock. The thread starts with the first item.

    Args:
        way: How they leave.
        losses: Told of what does not arrive.

    Attributes:
        queue: What waits.
        room: As long as there are fewer items, they may be appended without a further look.
        is_closed: Whether no more are taken.
        over: Items over the limit that are not among the losses yet.
        way: How they leave.
        worker: The thread that sends them.
    """

    def __init__(self, way: Way[Item], losses: Losses) -> None:
        self.queue: deque[Item] = deque()
        self.room = 0
        self.is_closed = False
        self.over = 0
        self.way = way
        self.worker = Worker(way.name, self._work, way.delay, way.around)
        self._losses = losses
        self._guard = new_rlock()
        self._sending = 0
        self._is_rung = False
        self._gave_up = False

    def put_with_care(self, item: Item) -> None:
        """Start the thread, drop what is too much, and ring when there is a batch."""
        queue = self.queue
        if self.is_closed:
            self._losses.add(1, "ended")
            return
        if len(queue) >= self.way.queue:
            with self._guard:
                self.over += 1
            return
        queue.append(item)
        if not self.worker.is_started:
            self._start()
        elif len(queue) >= self.way.batch and not self._is_rung:
            self._is_rung = True
            self.worker.ring()

    def begin_flush(self) -> Wait:
        """Ask for everything that is there to be sent; the answer waits, and is False when it was late or something was lost."""
        lost = self._losses.number
        if self.queue and not self.worker.is_started:  # no thread was to be had, or Ctrl-C came in between
            self._start()
        if self.queue and not self.worker.is_started:
            return lambda _seconds: False
        wait = self.worker.begin_flush()
        return lambda seconds: wait(seconds) and self._losses.number == lost

    def begin_end(self) -> Wait:
        """Take no more, send what is there and end the thread; the answer waits, counts what is late as lost, and tells."""
        lost = self._losses.number
        with self._guard:
            if not self.is_closed:
                if self.queue and not self.worker.is_started:
                    self._start()
                self.is_closed = True
                self.room = 0
        self.worker.close()
        return lambda seconds: self._end(seconds) and self._losses.number == lost

    def _end(self, seconds: float) -> bool:
        is_in_time = self.worker.wait(seconds)
        if not is_in_time or self.queue:  # late, or no thread was to be had
            self._give_up(is_in_time)
        UNENDED.outboxes.discard(self)
        self._losses.sum_up()
        return is_in_time

    def _give_up(self, has_ended: bool) -> None:
        """Count what is still there as lost, once, and have a `send` that goes on end."""
        with self._guard:
            if self._gave_up:
                return
            self._gave_up = True
            left = self._sending + len(self.queue)
        self._count_overflow()
        self._losses.add(left, "deadline")
        if self.way.abort is not None and not has_ended:
            self.way.abort()

    def _start(self) -> None:
        with self._guard:
            if not self.is_closed:
                UNENDED.add(self)
                try:
                    self.worker.start()
                except RuntimeError:  # no thread is to be had for now: the next item asks again
                    return
                self.room = self.way.batch - 1

    def _work(self, everything: bool) -> None:
        self._is_rung = False
        self._count_overflow()
        left = len(self.queue) if everything else 0  # those that come meanwhile have their own turn
        while not self._gave_up and (left > 0 or len(self.queue) >= self.way.batch):
            taken = self._take()
            left -= len(taken)
            self._note(len(taken), arrived=self._arrives(taken))
        self._count_overflow()

    def _take(self) -> list[Item]:
        """Take a batch, so that each item is seen either in the queue or on its way."""
        with self._guard:
            taken = [self.queue.popleft() for _ in range(min(self.way.batch, len(self.queue)))]
            self._sending = len(taken)
        return taken

    def _note(self, number: int, *, arrived: bool) -> None:
        with self._guard:
            self._sending = 0
            is_lost = not arrived and not self._gave_up  # or it was counted by whoever gave up
        if is_lost:
            self._losses.add(number, "send_failed")

    def _arrives(self, batch: list[Item]) -> bool:
        try:
            return self.worker.could_enter and self.way.send(batch) is not False
        except BaseException as error:  # noqa: BLE001 - whatever it is, SystemExit too: the thread goes on with the next
            _log.warning(
                "%s: a batch was lost: %s", self.way.name, type(error).__name__, exc_info=loggable(error)
            )
            return False

    def _count_overflow(self) -> None:
        with self._guard:
            over, self.over = self.over, 0
        self._losses.add(over, "queue_full")


class _Unended:
    """The outboxes of this process that have a thread, and have not ended: the end of the process ends them."""

    def __init__(self) -> None:
        self._will_end_with_process = False
        self._is_registered = False
        self.outboxes: set[Outbox[Any]] = set()

    def register(self) -> None:
        """Be called at the interpreter's exit: after all those that are registered later, as the end of a session may be."""
        if not self._is_registered:
            import atexit

            self._is_registered = True
            atexit.register(self.end)
            after_fork(self._begin_anew)

    def add(self, outbox: Outbox[Any]) -> None:
        """Note one that has a thread from now on."""
        self.outboxes.add(outbox)
        if not self._will_end_with_process and "multiprocessing.process" in sys.modules:
            self._will_end_with_process = True
            from multiprocessing import parent_process
            from multiprocessing.util import Finalize

            if parent_process() is not None:  # it ends with `os._exit`, without its parent's sessions
                Finalize(None, self.end, exitpriority=10)

    def end(self) -> None:
        """End all of them at once, each within its deadline."""
        begun = time.monotonic()
        waits = [(outbox.begin_end(), begun + outbox.way.flush_timeout) for outbox in list(self.outboxes)]
        for wait, deadline in waits:
            wait(deadline - time.monotonic())

    def _begin_anew(self) -> None:
        """In a forked child: those of the parent are the parent's to end."""
        self._will_end_with_process = False
        self.outboxes = set()


UNENDED = _Unended()
