"""A map on other processes whose calls nobody watches: an item has no call here, unless it fails."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from pegboard_processes.home.chunked_map import GATHERING_SECONDS, MOST_SECONDS, ChunkedMap, ChunkSize
from pegboard_processes.home.sending import quick_parcel, send, values_of
from pegboard_processes.pool.request import WorkerLost
from pegboard_processes.wire.pickling import Spoilt

if TYPE_CHECKING:
    from pegboard_processes.wire.parcels import Reply

Inputs = Sequence[tuple[Any, ...]]
_FIRST_MOST = 64


class _QuickChunk:
    """Inputs that travel together: those of the items from `first` on."""

    __slots__ = ("first", "future", "inputs", "sent_at")

    def __init__(self, first: int, inputs: Inputs, future: Future[Reply], sent_at: float) -> None:
        self.first = first
        self.inputs = inputs
        self.future = future
        self.sent_at = sent_at


class QuickMap(ChunkedMap):
    """The same map, where only results and failures count."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._back: list[tuple[int, Inputs]] = []
        self._lead = self._work.lead

    def _first_size(self, total: int | None, workers: int) -> ChunkSize:
        # Items that turn out to take long come back unrun.
        return ChunkSize(total, workers, 1 if total is None else min(-(-total // (4 * workers)), _FIRST_MOST))

    def _send_next(self) -> bool:
        if self._again:
            return super()._send_next()
        first, inputs = self._next_inputs()
        if not inputs:
            return False
        if self._sent(first, inputs) is None:  # with calls, what is in the way is told of each
            self._send_with_calls(first, inputs)
        return True

    def _sent(self, first: int, inputs: Inputs) -> _QuickChunk | None:
        """Send inputs; None when something is in the way: an argument that cannot travel, an executor that is shut down."""
        try:
            sent = [(*self._lead, *args) for args in inputs] if self._lead else inputs
            parcel = quick_parcel(self._plan, self._task, sent, first, self._parent, MOST_SECONDS)
            sent_at = time.perf_counter()
            chunk = _QuickChunk(first, inputs, send(self._place, parcel, len(inputs)), sent_at)
        except Exception:  # noqa: BLE001 - pickle has no error of its own for all of it
            return None
        self._is_out(chunk, len(inputs), len(parcel.items))
        return chunk

    def _next_inputs(self) -> tuple[int, Inputs]:
        most = self._size.now
        if self._back:
            first, inputs = self._back.pop()
            if len(inputs) > most:
                self._back.append((first + most, inputs[most:]))
            return first, inputs[:most]
        if self._work.size is not None:
            return self._work.pull_many(most)
        return self._gather(most)

    def _gather(self, most: int) -> tuple[int, Inputs]:
        """Take inputs for a moment: they may be slow to come."""
        until = time.perf_counter() + GATHERING_SECONDS
        first, inputs = self._work.pull_many(1)
        while inputs and len(inputs) < most and time.perf_counter() < until:
            _, more = self._work.pull_many(min(most - len(inputs), 8))
            if not more:
                break
            inputs += more
        return first, inputs

    def _send_with_calls(self, first: int, inputs: Inputs) -> None:
        begun = [self._entries.begin(first + position, args) for position, args in enumerate(inputs)]
        entries = [entry for entry in begun if entry is not None]
        if entries:
            self._send(entries)

    def _receive(self, chunk: Any) -> None:
        if not isinstance(chunk, _QuickChunk):
            super()._receive(chunk)
            return
        if chunk.future.cancelled():
            return
        error = chunk.future.exception()
        if error is None:
            self._unpack_quickly(chunk, chunk.future.result())
        elif not isinstance(error, WorkerLost) or error.wanted:
            self._crashed([self._late(chunk, position) for position in range(len(chunk.inputs))], error)

    def _unpack_quickly(self, chunk: _QuickChunk, reply: Reply) -> None:
        count = reply.count
        values = values_of(self._plan, reply)
        told = {*reply.failures, *reply.emitted}
        if Spoilt in map(type, values):
            told.update(position for position, value in enumerate(values) if isinstance(value, Spoilt))
        self._work.results[chunk.first : chunk.first + count] = values
        self._work.group.calls += count - len(told)
        for position in sorted(told):
            self._home(self._late(chunk, position), reply, position, values[position], chunk.sent_at)
        self._size.learn(count, reply.seconds[0])
        if count < len(chunk.inputs):
            self._back.append((chunk.first + count, chunk.inputs[count:]))

    def _late(self, chunk: _QuickChunk, position: int) -> Any:
        """Make the call of one item now, as it is needed after all."""
        return self._entries.begin_late(chunk.first + position, chunk.inputs[position])
