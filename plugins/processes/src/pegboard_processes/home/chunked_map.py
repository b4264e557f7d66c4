"""A map on other processes: items travel in chunks, and their calls stay here."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, wait
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from pegboard.current import running_call
from pegboard_processes.home.entries import Entries, Entry
from pegboard_processes.home.sending import drop, lost, pack_task, parcel_of, send, spoilt, values_of
from pegboard_processes.pool.request import NotStarted, WorkerLost
from pegboard_processes.wire.pickling import Spoilt

if TYPE_CHECKING:
    from pegboard.running.map import Fanout
    from pegboard_processes.wire.parcels import Reply


MOST_SECONDS = 0.1  # after so long a chunk comes home, and what it had not begun is shared out anew
GATHERING_SECONDS = 0.005  # an input that is slow to give items does not hold up those it gave


class _Chunk:
    """Some items that travel together."""

    __slots__ = ("entries", "future", "sent_at")

    def __init__(self, entries: Sequence[Entry], future: Future[Reply], sent_at: float) -> None:
        self.entries = entries
        self.future = future
        self.sent_at = sent_at


class ChunkedMap:
    """Runs the items of a map on its executor, chunk by chunk.

    All calls begin and end in the thread that calls `run`. An item begins when its chunk is sent, and its time counts from
    where its function began. When a worker dies, the item it was at fails, and the others of its chunk are sent again.

    Args:
        work: The map.
        concurrency: How many chunks may be out at once; by default two for each worker, so that none waits.
    """

    def __init__(self, work: Fanout, concurrency: int | None) -> None:
        self._work = work
        self._plan = plan = work.plan
        self._place = work.place
        self._task = pack_task(plan.task)
        self._parent = running_call.get()
        workers = work.place.workers
        self._most = 2 * workers if concurrency is None or concurrency > workers else concurrency
        self._size = self._first_size(work.size, workers)
        self._entries = Entries(work)
        self._again: deque[Entry] = deque()
        self._suspects: deque[Entry] = deque()
        self._suspected: set[int] = set()
        self._out: set[Any] = set()
        self._returned: SimpleQueue[Any] = SimpleQueue()
        self._ending = False

    def _first_size(self, total: int | None, workers: int) -> ChunkSize:
        return ChunkSize(total, workers)

    def run(self) -> None:
        """Run all items; what fails is told to the map."""
        try:
            self._send_more()
            while self._out:
                self._receive_next()
        except BaseException as error:  # noqa: BLE001 - Ctrl-C: nobody wants the rest, and the map raises it
            self._work.failed(len(self._work.results), error)
            self._drop_all()
        try:
            self._entries.end_all()
        except BaseException as error:  # noqa: BLE001 - as above, while they ended
            self._work.failed(len(self._work.results), error)
            self._entries.end_all()

    def abort(self, error: BaseException) -> None:
        """End the map early, from another thread: whatever runs is killed, as far as the executor can."""
        self._returned.put(error)

    def _receive_next(self) -> None:
        returned = self._returned.get()
        if isinstance(returned, BaseException):
            raise returned
        self._out.discard(returned)
        self._receive(returned)
        del returned.future  # whose callback knows us
        if self._work.has_failed:
            self._stop_all()
        else:
            self._send_more()

    # Out ----------------------------------------------------------------------------------------------------------

    def _send_more(self) -> None:
        while len(self._out) < self._most and not self._is_over:
            if not self._send_next():
                break
        if self._suspects and not self._out and not self._is_over:
            self._send([self._suspects.popleft()])

    @property
    def _is_over(self) -> bool:
        return self._ending or self._work.has_failed

    def _send_next(self) -> bool:
        """Send the next chunk; False when there are no more inputs."""
        entries = [self._again.popleft() for _ in range(min(len(self._again), self._size.now))]
        until = time.perf_counter() + GATHERING_SECONDS
        while len(entries) < self._size.now and (pulled := self._work.pull()) is not None:
            entry = self._entries.begin(*pulled)
            if entry is not None:
                entries.append(entry)
            if time.perf_counter() > until:
                break
        if entries:
            self._send(entries)
        return bool(entries) or not self._work.stopped

    def _send(self, entries: Sequence[Entry]) -> None:
        items = [entry.item for entry in entries]
        try:
            parcel = parcel_of(self._plan, self._task, items, self._parent, MOST_SECONDS)
            sent_at = time.perf_counter()
            chunk = _Chunk(entries, send(self._place, parcel, len(entries)), sent_at)
        except Exception as error:  # noqa: BLE001 - an argument that cannot travel, an executor that is shut down
            refusal = error
        else:
            self._is_out(chunk, len(entries), len(parcel.items))
            return
        self._refused(entries, refusal)

    def _is_out(self, chunk: Any, items: int, size: int) -> None:
        self._out.add(chunk)
        self._size.weigh(items, size)
        chunk.future.add_done_callback(lambda _: self._returned.put(chunk))

    def _refused(self, entries: Sequence[Entry], error: Exception) -> None:
        """Fail an item that cannot be sent; of several, each is sent alone."""
        if len(entries) > 1:
            self._send_alone(entries)
        else:
            self._lose(entries[0], error)

    def _send_alone(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._send([entry])

    def _lose(self, entry: Entry, error: BaseException) -> None:
        self._entries.finish(entry, None, lost(self._plan.task, entry.index, error))

    # Home ---------------------------------------------------------------------------------------------------------

    def _receive(self, chunk: Any) -> None:
        if chunk.future.cancelled():
            self._entries.unrun(chunk.entries)
            return
        error = chunk.future.exception()
        if error is not None:
            self._crashed(chunk.entries, error)
            return
        reply = chunk.future.result()
        self._unpack(chunk, reply)
        self._size.learn(reply.count, sum(reply.seconds))
        self._again.extend(chunk.entries[reply.count :])  # it took too long, or its worker was asked to leave

    def _unpack(self, chunk: _Chunk, reply: Reply) -> None:
        for position, value in enumerate(values_of(self._plan, reply)):
            self._home(chunk.entries[position], reply, position, value, chunk.sent_at)

    def _home(self, entry: Entry, reply: Reply, position: int, value: Any, sent_at: float) -> None:
        """Bring one item home."""
        error = self._entries.arrive(entry, reply, position, sent_at)
        if error is None and isinstance(value, Spoilt):
            error = spoilt(self._plan.task, entry.index, value)
        self._entries.finish(entry, value, error)

    def _crashed(self, entries: Sequence[Entry], error: BaseException) -> None:
        """Fail the item that a dead worker was at, and send the others again; each alone, where it is not known which it was."""
        task = self._plan.task
        if isinstance(error, WorkerLost) and not error.wanted:
            self._entries.unrun(entries)
        elif len(entries) == 1 and self._is_suspect(entries[0], error):
            # For when nothing else is out: another item may have ended that worker.
            self._suspects.append(entries[0])
        elif isinstance(error, NotStarted) or len(entries) == 1:
            for entry in entries:
                self._lose(entry, error)
        elif not isinstance(error, WorkerLost) or error.at is None:
            if isinstance(error, BrokenExecutor):
                logging.getLogger("pegboard").warning(
                    "a worker died at one of %d items of a map of task %s; all of them run again, each alone",
                    len(entries),
                    task.name,
                )
            self._send_alone(entries)
        else:
            culprit = entries[min(error.at, len(entries) - 1)]
            logging.getLogger("pegboard").warning(
                "process %d died at item %d of a map of task %s; %d other items that it had been sent run again",
                error.pid,
                culprit.index,
                task.name,
                len(entries) - 1,
            )
            self._again.extend(entry for entry in entries if entry is not culprit)
            self._lose(culprit, error)

    def _is_suspect(self, entry: Entry, error: BaseException) -> bool:
        """Whether it is not known that this item ended a worker, where one may have had several, and not yet suspected."""
        if not isinstance(error, BrokenExecutor) or isinstance(error, WorkerLost | NotStarted):
            return False
        if entry.index in self._suspected or not self._out:
            return False
        self._suspected.add(entry.index)
        return True

    # Early --------------------------------------------------------------------------------------------------------

    def _stop_all(self) -> None:
        """Have what runs come to its end, and nothing begin."""
        if self._ending:
            return
        self._ending = True
        stop = getattr(self._place.executor, "stop", None)
        for chunk in list(self._out):
            if stop is not None:
                stop(chunk.future)
            else:
                chunk.future.cancel()

    def _drop_all(self) -> None:
        """Have nothing run any more, and look at nothing that comes home: what is open ends when all is over."""
        self._ending = True
        futures = [chunk.future for chunk in self._out]
        try:
            for future in futures:
                drop(self._place, future)
            wait([each for each in futures if not each.done()])  # of an executor that cannot stop what runs
        except BaseException as error:  # noqa: BLE001 - Ctrl-C once more: nobody waits any longer
            self._work.failed(len(self._work.results), error)
        self._out.clear()


_MOST_SECONDS = 0.02
_LEAST_SECONDS = 0.003
_ITEMS_MOST = 4_096
_BYTES_MOST = 1_000_000
_GROWTH = 16


class ChunkSize:
    """Begins with few items for each chunk, and grows with what is learnt of them.

    Towards the end each worker is to have a share, unless that would be so little that the sending counts more.

    Args:
        total: How many items there are, where that is known.
        workers: How many chunks run at once.
        first: How many items the first chunks have.

    Attributes:
        now: How many items the next chunk should have.
    """

    def __init__(self, total: int | None, workers: int, first: int = 1) -> None:
        self.now = max(first, 1)
        self._left = total
        self._workers = workers
        self._wanted = self.now
        self._least = 1

    def weigh(self, items: int, size: int) -> None:
        """Take note of a chunk that was sent: how many items, how many bytes."""
        self._wanted = max(1, min(self._wanted, int(_BYTES_MOST * items / max(size, 1))))
        if self._left is not None:
            self._left = max(self._left - items, 0)
        self._update()

    def learn(self, items: int, seconds: float) -> None:
        """Take note of how long the items of a chunk took together."""
        if items:
            each = max(seconds / items, 1e-7)
            self._least = int(_LEAST_SECONDS / each)
            self._wanted = max(1, min(int(_MOST_SECONDS / each), items * _GROWTH, _ITEMS_MOST))
            self._update()

    def _update(self) -> None:
        self.now = self._wanted
        if self._left is not None:
            share = -(-self._left // (2 * self._workers))
            self.now = max(1, min(self._wanted, max(share, self._least)))
