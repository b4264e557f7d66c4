"""Items on their way out: kept in a bounded queue, and sent in batches by a thread of their own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from pegboard_otlp import _environment, _losses
from pegboard_otlp._courier import Courier
from pegboard_otlp._forks import at_exit_of_child, tell_of_forks

if TYPE_CHECKING:
    from pegboard_otlp._line import Line
    from pegboard_otlp._losses import Losses

Item = TypeVar("Item")


@attrs.frozen
class Limits:
    """How much waits, and for how long.

    Attributes:
        queue: Items that may wait; those beyond are lost, and counted.
        batch: Items in one request.
        delay: Seconds after which they go even if they are no full batch.
    """

    queue: int
    batch: int
    delay: float

    @classmethod
    def of_environment(cls, prefix: str) -> Limits:
        """Read them from `<prefix>_MAX_QUEUE_SIZE` and its like.

        Raises:
            ConfigError: One cannot be used.
        """
        queue = int(_environment.number(f"{prefix}_MAX_QUEUE_SIZE", 8_192, at_least=1))
        batch = int(_environment.number(f"{prefix}_MAX_EXPORT_BATCH_SIZE", 512, at_least=1))
        delay = _environment.number(f"{prefix}_SCHEDULE_DELAY", 5_000, at_least=1) / 1_000
        return cls(queue, min(batch, queue), delay)


class Outbox(Generic[Item]):
    """A queue of items of one signal.

    `put` is called where spans end: it only appends to a deque, which is atomic, and takes no lock. The thread starts with
    the first item, and again in a forked child, which sends what it made itself and nothing of the parent's.

    Args:
        line: Where to.
        limits: How much waits.
        losses: Told of what does not arrive.
        flush_timeout: Seconds that the end of a forked child waits.
    """

    def __init__(self, line: Line, limits: Limits, losses: Losses, flush_timeout: float) -> None:
        self._line = line
        self._limits = limits
        self.losses = losses
        self._flush_timeout = flush_timeout
        self._is_closed = False
        self._gave_up = False
        self._is_child = False
        self._courier = Courier(
            f"pegboard-otlp-{line.destination.signal}", self._work, limits.delay, line.open
        )
        self._renew()
        tell_of_forks(self)

    def _renew(self) -> None:
        self._guard = threading.RLock()
        self._queue: deque[Item] = deque()
        self._room = 0  # as long as there are fewer items, `put` need not look further
        self._over = 0  # items over the limit, not yet told of
        self._sending = 0
        self._is_rung = False

    def put(self, item: Item) -> None:
        """Take an item; never waits, and never fails."""
        queue = self._queue
        if len(queue) < self._room:
            queue.append(item)
        else:
            self._put_with_care(item)

    def begin_flush(self) -> Callable[[float], bool]:
        """Ask for everything that is there to be sent; the answer waits, and is False when it was late or something was lost."""
        lost = self.losses.number
        wait = self._courier.begin_flush()
        return lambda seconds: wait(seconds) and self.losses.number == lost

    def close(self) -> None:
        """Take no more, send what is there and end the thread; does not wait."""
        with self._guard:
            if self._is_closed:
                return
            self._is_closed = True
            self._room = 0
        self._courier.close()
        if not self._courier.is_running:
            self._line.close()

    def wait(self, seconds: float) -> bool:
        """Wait until all is sent and the thread has ended; False when it took longer, or there was no thread to send it."""
        return self._courier.wait(seconds) and not self._queue

    def give_up(self) -> None:
        """Count what is still there as lost, and cut the line."""
        self._gave_up = True
        self._count_overflow()
        self.losses.add(self._sending + len(self._queue), _losses.DEADLINE, self._line.why)
        self._line.cut()

    def forked(self) -> None:
        """Leave what is here to the parent, and start over."""
        self._is_child = True
        self._line.forked()
        self.losses.forked()
        self._courier.forked()
        self._renew()

    def _put_with_care(self, item: Item) -> None:
        """Start the thread, drop what is too much, and ring when there is a batch."""
        queue = self._queue
        if self._is_closed:
            return
        if len(queue) >= self._limits.queue:
            with self._guard:
                self._over += 1
            return
        queue.append(item)
        if not self._courier.is_running:
            self._start()
        elif len(queue) >= self._limits.batch and not self._is_rung:
            self._is_rung = True
            self._courier.ring()

    def _start(self) -> None:
        with self._guard:
            if not self._is_closed:
                try:
                    self._courier.start()
                except RuntimeError:  # no thread is to be had for now: the next item asks again
                    return
                self._room = self._limits.batch - 1
        if self._is_child:
            at_exit_of_child(lambda: self.begin_flush()(self._flush_timeout))

    def _work(self, everything: bool) -> None:
        self._is_rung = False
        self._count_overflow()
        queue, batch = self._queue, self._limits.batch
        left = len(queue) if everything else 0  # those that come meanwhile have their own turn
        while not self._gave_up and (left > 0 or len(queue) >= batch):
            taken = [queue.popleft() for _ in range(min(batch, len(queue)))]
            left -= len(taken)
            self._sending = len(taken)
            arrived = self._line.send(taken)
            if not arrived and not self._gave_up:
                self._lost(len(taken))
            self._sending = 0
        self._count_overflow()

    def _lost(self, number: int) -> None:
        self.losses.add(number, _losses.EXPORT_FAILED, self._line.why)
        if not self._is_closed:
            self.losses.warn()

    def _count_overflow(self) -> None:
        with self._guard:
            over, self._over = self._over, 0
        if over:
            self.losses.add(over, _losses.QUEUE_FULL, f"more than {self._limits.queue} waited")
            if not self._is_closed:
                self.losses.warn()
