"""The attempts of a call that is retried: a child span each, chained by links."""

from __future__ import annotations

import time
from contextvars import Token
from types import SimpleNamespace
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach
from opentelemetry.trace import Link, Span, SpanKind, Tracer, set_span_in_context

from pegboard import hookimpl
from pegboard_tracing import _names
from pegboard_tracing._context import restore
from pegboard_tracing._exceptions import ErrorRules, record_error
from pegboard_tracing._links import link_to_origin

if TYPE_CHECKING:
    from pegboard import Call


class Attempts:
    """The attempts of one call whose span is recorded.

    The first runs in the call's own span, and only its times are kept. Once it is retried it is written down as a span
    of its own, and those that follow are real spans, current while the function runs. No retry, no extra span.
    """

    __slots__ = ("_before", "_context", "_current", "_ended", "_rules", "_started", "_tracer", "span")

    def __init__(self, tracer: Tracer, span: Span, rules: ErrorRules) -> None:
        self.span = span
        self._tracer = tracer
        self._rules = rules
        self._context: Context | None = None  # holds the call's span; made with the first span of an attempt
        self._before: Span | None = None  # the attempt before
        self._current: tuple[Span, Token[Context]] | None = None
        self._started = self._ended = 0  # of an attempt without a span, in nanoseconds since the epoch

    def begin(self, call: Call, attempt: int) -> None:
        """Note the start of an attempt, or start its span and make it current."""
        if self._before is None:
            self._started = time.time_ns()
            return
        span = self._start(call, attempt, None)
        self._current = span, attach(set_span_in_context(span))

    def end(self, call: Call, error: BaseException | None) -> None:
        """Note the end of an attempt, or end its span."""
        if self._current is None:
            self._ended = time.time_ns()
            return
        (span, token), self._current = self._current, None
        self._before = span
        restore(token)
        self._finish(call, span, error, None)

    def retried(self, call: Call, attempt: int, error: Exception) -> None:
        """Write down the attempt that is being retried, unless it had a span from its start; not told of tries that never ran."""
        if self._before is None:
            span = self._before = self._start(call, attempt, self._started)
            self._finish(call, span, error, self._ended)

    def _start(self, call: Call, attempt: int, start_time: int | None) -> Span:
        if self._context is None:
            self._context = set_span_in_context(self.span)
        before = self._before
        links = () if before is None else (Link(before.get_span_context(), {_names.LINK_TYPE: "retry_of"}),)
        attributes = {_names.TASK_NAME: call.task.name, _names.ATTEMPT: attempt}
        return self._tracer.start_span(
            f"attempt {attempt}", self._context, SpanKind.INTERNAL, attributes, links, start_time
        )

    def _finish(self, call: Call, span: Span, error: BaseException | None, end_time: int | None) -> None:
        try:
            if error is not None and span.is_recording():
                record_error(span, error, self._rules, call.id, call.id)
        finally:
            span.end(end_time)


def attempt_observers() -> SimpleNamespace:
    """Make the observers, bound to one task, that keep the `Attempts` in a call's state up to date."""

    def before_attempt(call: Call, attempt: int) -> None:
        kept = call.state.get(Attempts)
        if kept is not None:
            kept.begin(call, attempt)

    def after_attempt(call: Call, error: BaseException | None) -> None:
        kept = call.state.get(Attempts)
        if kept is not None:
            kept.end(call, error)

    def on_retry(call: Call, attempt: int, error: Exception, ran: bool) -> None:
        kept = call.state.get(Attempts)
        if kept is not None and ran:
            kept.retried(call, attempt, error)

    def on_cache_hit(call: Call) -> None:
        kept = call.state.get(Attempts)
        if kept is not None:
            kept.span.set_attribute(_names.CACHE_RESULT, "hit")
            link_to_origin(kept.span, call)

    def on_cache_miss(call: Call) -> None:
        kept = call.state.get(Attempts)
        if kept is not None:
            kept.span.set_attribute(_names.CACHE_RESULT, "miss")

    observers = (before_attempt, after_attempt, on_retry, on_cache_hit, on_cache_miss)
    return SimpleNamespace(**{observer.__name__: hookimpl(observer) for observer in observers})
