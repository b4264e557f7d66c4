"""Items of a map over its budget of spans: they get one afterwards if they failed, or are among the slowest."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable
from contextvars import Token
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard_tracing._groups import MapSpan

SLOWEST_MOST = 20
_NOT_SAMPLED = TraceFlags(TraceFlags.DEFAULT)


class Suppressed:
    """An item that runs without a span.

    What it calls sees a parent that is not sampled, and so is not recorded either, unless the sampler insists.
    """

    __slots__ = ("around", "started", "token")

    def __init__(self, call: Call, around: MapSpan, started: int | None) -> None:
        trace_id = around.trace_id
        span_id = random.getrandbits(64) or 1
        call.trace_id = trace_id.to_bytes(16, "big").hex()
        call.span_id = span_id.to_bytes(8, "big").hex()
        call.sampled = False
        stand_in = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False, trace_flags=_NOT_SAMPLED))
        self.around = around
        self.token: Token[Context] = attach(set_span_in_context(stand_in, around.context))
        self.started = started or time.time_ns()


class Late:
    """The span of an item that is over, to be written down from what is known of it."""

    __slots__ = ("_ended", "_started", "_write", "duration")

    def __init__(self, started: int, write: Callable[[int, int], None]) -> None:
        self._started = started
        self._ended = time.time_ns()
        self._write = write
        self.duration = self._ended - started

    def __lt__(self, other: Late) -> bool:
        return self.duration < other.duration

    def write(self) -> None:
        """Start and end it, with its own times."""
        self._write(self._started, self._ended)


class Slowest:
    """The slowest of all that it is offered; not safe for threads."""

    def __init__(self) -> None:
        self._kept: list[Late] = []

    def offer(self, late: Late) -> None:
        """Keep it if it is slow enough."""
        if len(self._kept) < SLOWEST_MOST:
            heapq.heappush(self._kept, late)
        elif self._kept[0] < late:
            heapq.heapreplace(self._kept, late)

    def write(self) -> int:
        """Write all of them down, and return how many they were."""
        for late in self._kept:
            late.write()
        return len(self._kept)
