"""One span for a whole map, or another group of calls: the parent of their spans."""

from __future__ import annotations

import time
import weakref
from contextvars import Token
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from pegboard.parts import new_lock, new_rlock
from pegboard_tracing import _names
from pegboard_tracing._exceptions import ErrorRules, record_error
from pegboard_tracing._ids import new_span_id
from pegboard_tracing._late import Slowest

if TYPE_CHECKING:
    from pegboard import Call, Group, Outcome
    from pegboard_tracing._late import Late

_NOT_SAMPLED = TraceFlags(TraceFlags.DEFAULT)


class MapSpan:
    """The span of one map, or another group, that is running.

    It is current nowhere: the items' contexts are copies of the caller's, so each item's span is started with
    `context`, which is the caller's own with this span in it.

    Attributes:
        span: The span itself.
        context: What the items' spans are started with.
        trace_id: Of the span.
        has_edges: Whether calls may have waited for others: not those of a map.
    """

    __slots__ = (
        "_failed",
        "_guard",
        "_left",
        "_slowest",
        "_succeeded",
        "_suppressed",
        "context",
        "has_edges",
        "span",
        "trace_id",
    )

    def __init__(self, span: Span, budget: int, *, has_edges: bool = False) -> None:
        self.span = span
        self.has_edges = has_edges
        self.context: Context = set_span_in_context(span)
        self.trace_id = span.get_span_context().trace_id
        self._guard = new_lock()
        self._succeeded = 0
        self._failed = 0
        self._left = budget if span.is_recording() else -1
        self._suppressed = 0
        self._slowest = Slowest()

    def admit(self) -> bool:
        """Take one span off the budget; False when it is used up. A map that is not recorded has no need of one."""
        if self._left < 0:
            return True
        with self._guard:
            if self._left == 0:
                self._suppressed += 1
                return False
            self._left -= 1
            return True

    def over(self, call: Call, late: Late) -> None:
        """Write an item down that ran without a span and failed; keep one that was slow for the end."""
        if call.outcome is not None and call.outcome.status == "error":
            with self._guard:
                self._suppressed -= 1
            late.write()
        else:
            with self._guard:
                self._slowest.offer(late)

    def count(self, call: Call) -> None:
        """Count an item that is over; one that was cancelled did neither succeed nor fail."""
        status = None if call.outcome is None else call.outcome.status
        with self._guard:
            self._succeeded += status == "ok"
            self._failed += status == "error"

    def end(self, group: Group, error: BaseException | None, rules: ErrorRules) -> None:
        """Add what is known at the end of the map, and end the span."""
        span = self.span
        try:
            if span.is_recording():
                if self._suppressed:
                    self._suppressed -= self._slowest.write()
                    span.set_attribute(_names.MAP_SUPPRESSED, self._suppressed)
                span.set_attributes(
                    {
                        _names.MAP_SIZE: group.calls if group.size is None else group.size,
                        _names.MAP_SUCCEEDED: self._succeeded,
                        _names.MAP_FAILED: self._failed,
                    }
                )
                if error is not None:
                    # The caller's span comes next: for an item it is the parent too, as a group is no call.
                    caller = "" if group.parent is None else group.parent.id
                    record_error(span, error, rules, caller, caller)
        finally:
            span.end()


class Suppressed:
    """An item that runs without a span.

    What it calls sees a parent that is not sampled, and so is not recorded either, unless the sampler insists.
    """

    __slots__ = ("around", "started", "token")

    def __init__(self, call: Call, around: MapSpan, started: int | None) -> None:
        trace_id = around.trace_id
        span_id = new_span_id()
        call.trace_id = trace_id.to_bytes(16, "big").hex()
        call.span_id = span_id.to_bytes(8, "big").hex()
        call.sampled = False
        stand_in = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False, trace_flags=_NOT_SAMPLED))
        self.around = around
        self.token: Token[Context] = attach(set_span_in_context(stand_in, around.context))
        self.started = started or time.time_ns()


class Hits:
    """Counts calls that were served from a cache on the span that they were made in."""

    def __init__(self) -> None:
        self._guard = new_rlock()
        self._counts: weakref.WeakKeyDictionary[Span, int] = weakref.WeakKeyDictionary()

    def add(self, span: Span) -> None:
        """Count one."""
        if not span.is_recording():
            return
        with self._guard:
            self._counts[span] = count = self._counts.get(span, 0) + 1
            span.set_attribute(_names.CACHE_HITS, count)


class MapSpans:
    """The spans of the maps and other groups that are running, in all sessions of one plugin.

    Args:
        budget: For how many calls of a group there are spans.

    Attributes:
        running: By group; items look theirs up.
        hits: Of calls that have no span where a cache served them.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self.running: dict[Group | None, MapSpan] = {}
        self.hits = Hits()

    def begin(self, group: Group, tracer: Tracer) -> None:
        """Start the span of a group."""
        attributes: dict[str, str | int] = {
            _names.TASK_NAME: group.name,
            _names.SESSION_ID: group.session.id,
            _names.GROUP_KIND: group.kind,
        }
        if group.size is not None:
            attributes[_names.MAP_SIZE] = group.size
        span = tracer.start_span(f"{group.kind} {group.name}", None, SpanKind.INTERNAL, attributes)
        if span.get_span_context().is_valid:
            self.running[group] = MapSpan(span, self._budget, has_edges=group.kind != "map")

    def end(self, group: Group, outcome: Outcome, rules: ErrorRules) -> None:
        """End the span of a group, if it has one."""
        kept = self.running.pop(group, None)
        if kept is not None:
            kept.end(group, outcome.error, rules)
